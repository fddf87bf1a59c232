"""An engine that copies its input, to try how experts are run without any model."""

import time
from pathlib import Path

from tools.errors import InputError
from tools.experts.engine import Job
from tools.outputs import Draft


def run(job: Job) -> Draft:
    made = job.out / "copy.png"
    made.write_bytes(Path(job.inputs["image"]).read_bytes())
    if job.task == "depth-estimation":
        raise InputError("This picture will not do.")
    if job.task == "image-classification":
        time.sleep(30)
    return Draft(text="copied", data={"task": job.task}, files=(made,))
