"""What is known of a model: what it does, and how it can run here."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Mode = Literal["local", "providers", "hybrid"]
"""Where experts may run."""

Source = Literal["registry", "engine", "chat", "embedded", "cache", "hub"]
"""Where a model is known from: the user's `models.toml`, an engine that needs no model, a chat model, the embedded
profile, the Hugging Face cache of this machine, or a search of the Hub."""


class Way(BaseModel):
    """One way to run a model. At most one of `asset`, `folder`, `repo` and `url` says where it is."""

    model_config = ConfigDict(frozen=True)

    engine: str
    """Key of `ENGINES`."""
    local: bool = True
    """Whether it runs on this machine."""
    asset: str | None = None
    """Key of `ASSETS`: its files come with the embedded profile."""
    folder: Path | None = None
    """Its files are here."""
    repo: str | None = None
    """Its files are fetched from this repository of the Hub first."""
    revision: str | None = None
    """Commit of `repo`."""
    url: str | None = None
    """Address of an endpoint that runs it."""
    providers: tuple[str, ...] = ()
    """Inference providers that served it when the Hub was last asked; the run asks again."""
    base: str | None = None
    """Hub id or folder of the model that it builds on, such as the diffusion model of a ControlNet."""
    device: str = "auto"
    """Device of torch that it runs on; see `tools.experts.devices`."""

    @property
    def place(self) -> str:
        """Where it runs, for people."""
        if self.providers or self.url:
            return ", ".join(self.providers) or f"at {self.url}"
        return (
            f"{'here' if self.fetched else 'here once fetched'} ({self.engine})"
            if self.local
            else self.engine
        )

    @property
    def fetched(self) -> bool:
        """Whether the Hub need not be asked for its files."""
        return self.repo is None


class Model(BaseModel):
    """A candidate for a task. It can run when it has a way."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Hub repository, name in the registry, or name of a chat model."""
    tasks: tuple[str, ...]
    """The task rows it is for."""
    about: str
    """What it is good at, for the choice among candidates."""
    source: Source
    ways: tuple[Way, ...] = ()
    """How it can run, to be tried in this order."""
    obstacles: tuple[str, ...] = ()
    """Why it cannot run in other ways, as sentences."""
    license: str | None = None
    downloads: int = 0
    """From the Hub in the last 30 days."""
    size: int | None = None
    """Bytes of its weights."""

    @property
    def here(self) -> bool:
        """Whether it is at hand: nothing must be fetched from the Hub, and no provider asked."""
        return bool(self.ways) and self.ways[0].fetched and self.ways[0].engine != "provider"

    def within(self, mode: Mode, device: str) -> "Model":
        """Return it with the ways that a mode allows, on a device; in `hybrid` the local ones come first."""
        allowed = [way for way in self.ways if mode == "hybrid" or way.local == (mode == "local")]
        ways = (way.model_copy(update={"device": device}) for way in allowed)
        return self.model_copy(update={"ways": tuple(sorted(ways, key=lambda way: not way.local))})
