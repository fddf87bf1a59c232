"""What an engine is: the library that runs local experts, behind one function."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tools.outputs import Draft


class Job(BaseModel):
    """One call of a local expert. It crosses to a worker process, so media go by file path."""

    model_config = ConfigDict(frozen=True)

    task: str
    """Name of the task's row, e.g. `automatic-speech-recognition`."""
    model: Path | None
    """Folder with the model's files; None when the library carries them."""
    inputs: Mapping[str, str]
    """Slot name to text, or to the path of a local file for a media slot."""
    out: Path
    """Empty folder for the files the expert makes."""
    base: Path | None = None
    """Folder of the model that this one builds on, such as the diffusion model of a ControlNet."""
    device: str = "auto"
    """`auto`, or a device of torch such as `cpu`, `cuda`, `cuda:1`, `mps`; see `tools.experts.devices`."""


Run = Callable[[Job], Draft]
"""Runs in a worker process and keeps its model loaded between calls. Raises `ModelError` or `InputError`."""


class Engine(BaseModel):
    """One row of the engine table."""

    model_config = ConfigDict(frozen=True)

    module: str
    """Module with `run(job: Job) -> Draft`; imported in the worker process only."""
    requires: str
    """Import name of the library it needs."""
    extra: str = ""
    """Extra of this project that installs the library; empty when none does."""
    tasks: tuple[str, ...] = ()
    """Task rows that it does with models of the Hub and of the user's own."""
    libraries: tuple[str, ...] = ()
    """The Hub's names of the libraries whose models it loads, such as `transformers`. An engine that has tasks but
    loads no models is the expert itself."""
    gpu: bool = False
    """Whether it computes on `Job.device`; others stay on the CPU."""

    @property
    def install(self) -> str:
        """The command that installs its library."""
        return f'pip install "hugginggpt[{self.extra}]"' if self.extra else f"pip install {self.requires}"
