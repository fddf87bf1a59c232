"""What it takes to run a model: bytes to fetch, memory, and money, as far as they are known beforehand."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tools import hub, llama
from tools.assets import ASSETS, is_cached
from tools.models.cached import folder_of
from tools.models.candidates import find
from tools.models.fit import OVERHEAD, memory_of
from tools.models.folders import inspect
from tools.models.model import Mode, Model, Way
from tools.models.snapshot import expected

CHATS = ("chat", "document")
"""Engines that ask a chat model."""


class Cost(BaseModel):
    """What a task takes with one model, in the way that is tried first."""

    model_config = ConfigDict(frozen=True)

    model: str
    place: str
    """Where it runs, for people."""
    download: int | None = None
    """Bytes that are fetched first; None when that is not known."""
    memory: int | None = None
    """Bytes that it holds on this machine while it works; None when that is not known."""
    price: float | None = None
    """US dollars: 0 on this machine; None elsewhere, since what providers charge is not known here."""


class Part(NamedTuple):
    """Download and memory of some of a model's files."""

    download: int | None
    memory: int | None


def cost(task: str, id_: str, mode: Mode, device: str) -> Cost | None:
    """Return what a model takes for a task; None when it cannot run. May ask the Hub: blocking.

    Args:
        task: Name of a task row.
        id_: Id of the model.
        mode: Where experts may run.
        device: Where local ones run.
    """
    model = find(task, id_, mode, device)
    if model is None or not model.ways:
        return None
    way = model.ways[0]
    place = "at an endpoint" if way.url else "a chat model" if way.engine in CHATS else way.place
    if not way.local:
        return Cost(model=id_, place=place, download=0, memory=0)
    parts = list(_parts(model, way, device))
    memory = None if way.engine in CHATS and not way.asset else _sum(part.memory for part in parts)
    return Cost(
        model=id_, place=place, download=_sum(part.download for part in parts), memory=memory, price=0
    )


def _parts(model: Model, way: Way, device: str) -> Iterable[Part]:
    if way.asset:
        yield from (_asset(key) for key in (way.asset, *([llama.ASSET] if way.engine == "document" else [])))
    if way.folder:
        yield _folder(way.folder, device, model.id)
    if way.repo:
        yield _repo(way.repo, way.revision, way.engine, device)
    if way.base:
        base = Path(way.base).expanduser()
        yield _folder(base, device) if base.is_absolute() else _repo(way.base, None, way.engine, device)


def _asset(key: str) -> Part:
    size = ASSETS[key].size
    # A library that carries its models does not tell their size.
    memory = llama.MEMORY if key == llama.ASSET else _memory(None, size or None, "cpu")
    return Part(0 if is_cached(key) else size, memory)


def _folder(folder: Path, device: str, id_: str = "") -> Part:
    known, found = hub.known(id_) if id_ else None, inspect(folder)
    return Part(0, _memory(known, found.size if found else None, device))


def _repo(repo: str, revision: str | None, engine: str, device: str) -> Part:
    if folder := folder_of(repo, revision):
        return _folder(folder, device, repo)
    known, size = hub.known(repo), expected(repo, revision, engine)
    if size is None and known:
        size = known.size
    return Part(size, _memory(known, size, device))


def _memory(known: hub.HubModel | None, size: int | None, device: str) -> int | None:
    """Return the memory of a model by its parameters, else by the bytes of its weights."""
    if known and known.parameters:
        return memory_of(known.parameters, device)
    return None if size is None else int(size * OVERHEAD)


def _sum(values: Iterable[int | None]) -> int | None:
    """Return the sum; None when one of them is not known."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    return sum(numbers) if len(numbers) == len(known) else None
