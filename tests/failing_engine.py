"""An engine that never does what it is asked to."""

from tools.errors import ModelError
from tools.experts.engine import Job
from tools.outputs import Draft


def run(job: Job) -> Draft:
    raise ModelError("It never works.")
