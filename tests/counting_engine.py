"""An engine that counts its calls in the folder of a test, and hangs when it is told to there."""

import os
import time
from pathlib import Path

from tools.experts.engine import Job
from tools.outputs import Draft


def run(job: Job) -> Draft:
    # <test>/data/artifacts/<digits>/<file>
    notes = Path(job.inputs["image"]).parents[3]
    with (notes / "calls").open("a") as calls:
        calls.write(f"{os.getpid()}\n")
    if (notes / "hang").exists():
        time.sleep(60)
    made = job.out / "copy.png"
    made.write_bytes(Path(job.inputs["image"]).read_bytes() + b"\0")
    return Draft(text="copied", files=(made,))
