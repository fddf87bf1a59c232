"""An engine that counts its calls in a file beside its input, and can hang."""

import os
import time
from pathlib import Path

from tools.experts.engine import Job
from tools.outputs import Draft


def run(job: Job) -> Draft:
    notes = Path(os.environ["TMPDIR_OF_TEST"])
    with (notes / "calls").open("a") as calls:
        calls.write(f"{os.getpid()}\n")
    if (notes / "hang").exists():
        time.sleep(60)
    made = job.out / "copy.png"
    made.write_bytes(Path(job.inputs["image"]).read_bytes() + b"\0")
    return Draft(text="copied", files=(made,))
