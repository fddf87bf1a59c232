"""Candidate models of a task: what can do it here, best first, and why others cannot."""

import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from tools import hub
from tools.chat import EMBEDDED
from tools.experts.provider_tasks import ADAPTERS
from tools.models.cached import cached_models, folder_of
from tools.models.fit import engine_for, license_obstacle, unusable
from tools.models.folders import Found, inspect
from tools.models.model import Mode, Model, Source, Way
from tools.models.online import by_id, online_models
from tools.models.own import chat_expert, embedded_models, methods
from tools.models.registry import Entry, entries, tasks_of
from tools.settings import settings

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""An id of the Hub; names of chat models have a colon."""
RECENT_SECONDS = 60.0
"""How long a model that was found need not be looked for again."""
_recent: dict[tuple[str, str, Mode, str | None], tuple[float, Model | None]] = {}
FIRST: dict[Source, int] = {"registry": 0, "engine": 0, "chat": 1, "embedded": 1, "cache": 1, "hub": 2}
"""Sources in the order of availability: the user's own models, what is at hand, the rest."""


def candidates(task: str, chat: str, mode: Mode, device: str | None = None) -> list[Model]:
    """Return every model known for a task, those that can run first. May ask the Hub: blocking.

    Args:
        task: Name of a task row.
        chat: The run's chat model; an expert like any other for language tasks.
        mode: Where experts may run. Ways that it does not allow are left out.
        device: Where local models run; None for `HUGGINGGPT_DEVICE`.
    """
    where, found = device or settings().device, dict[str, Model]()
    for model in _known(task, chat, where):
        found.setdefault(model.id, _licensed(model.within(mode, where)))
    return sorted(found.values(), key=_availability)


def shortlist(task: str, chat: str, mode: Mode, k: int, device: str | None = None) -> list[Model]:
    """Return the first k models that can run here and now, best first: by availability, then by downloads."""
    return [model for model in candidates(task, chat, mode, device) if model.ways][:k]


def find(task: str, id_: str, mode: Mode = "hybrid", device: str | None = None) -> Model | None:
    """Return the model of that id for a task, with the ways that a mode allows; None when there is none.

    Blocking; the Hub is asked about models of its own that no search had.
    """
    where = device or settings().device
    if (found := _find(task, id_, where)) is None:
        return None
    model = found.within(mode, where)
    _recent[task, id_, mode, device] = (time.monotonic(), model)
    return model


def recent(task: str, id_: str, mode: Mode, device: str | None) -> Model | None:
    """Return what `find` said within the last minute, without any waiting; None when it was not asked."""
    at, model = _recent.get((task, id_, mode, device), (0.0, None))
    return model if time.monotonic() - at < RECENT_SECONDS else None


def _known(task: str, chat: str, device: str) -> Iterator[Model]:
    yield from (_registered(entry, task, device) for entry in entries() if task in tasks_of(entry))
    yield from methods(task)
    if chat != EMBEDDED and (expert := chat_expert(task, chat)):
        yield expert
    yield from (model for model in embedded_models() if task in model.tasks)
    cached = cached_models()
    yield from online_models(task, device, {id_: folder for id_, (folder, _) in cached.items()})
    yield from (_cached(task, id_, *each, device) for id_, each in cached.items() if task in each[1].tasks)


def _availability(model: Model) -> tuple[bool, int, int]:
    return not model.ways, FIRST[model.source], -model.downloads if model.source in ("cache", "hub") else 0


def _licensed(model: Model) -> Model:
    lacking = license_obstacle(model.license) if model.source in ("embedded", "cache", "hub") else None
    return model.model_copy(update={"ways": (), "obstacles": (lacking,)}) if lacking else model


def _find(task: str, id_: str, device: str) -> Model | None:
    if entry := next((one for one in entries() if one.id == id_), None):
        return _registered(entry, task, device)
    here = (*methods(task), *embedded_models())
    if model := next((one for one in here if one.id == id_ and task in one.tasks), None):
        return model
    if not HUB_ID.fullmatch(id_):
        return chat_expert(task, id_)
    folder = folder_of(id_)
    return by_id(task, id_, device, folder) or _unlisted(task, id_, folder, device)


def _unlisted(task: str, id_: str, folder: Path | None, device: str) -> Model | None:
    """Return a model that the Hub cannot be asked about: as it is in the cache, or as a provider may have it."""
    if folder and (kind := inspect(folder)):
        return _cached(task, id_, folder, kind, device)
    if task not in ADAPTERS or hub.trouble() is None:
        return None
    way = Way(engine="provider", local=False)
    return Model(id=id_, tasks=(task,), about="A model of the Hugging Face Hub.", source="hub", ways=(way,))


def _cached(task: str, id_: str, folder: Path, kind: Found, device: str) -> Model:
    about = f"A {kind.library} model in the Hugging Face cache of this machine."
    model = Model(id=id_, tasks=(task,), about=about, source="cache")
    return _in_folder(model, kind, Way(engine="", folder=folder), device)


def _registered(entry: Entry, task: str, device: str) -> Model:
    """Return a model of the registry; what the user names is not filtered, but for what is missing here."""
    model = Model(id=entry.id, tasks=(task,), about=entry.about, source="registry", license=entry.license)
    if entry.url:
        return model.model_copy(update={"ways": (Way(engine="endpoint", local=False, url=entry.url),)})
    folder = entry.folder or folder_of(entry.id)
    if folder is None:
        online = by_id(task, entry.id, device, None)
        reason = hub.trouble() or "The Hub has no such model."
        ways = (
            tuple(way.model_copy(update={"base": entry.base or way.base}) for way in online.ways)
            if online
            else ()
        )
        obstacles = online.obstacles if online else (reason,)
        return model.model_copy(update={"ways": ways, "obstacles": obstacles})
    if (kind := inspect(folder)) is None:
        return model.model_copy(update={"obstacles": (f"{folder} holds no model that can be loaded.",)})
    return _in_folder(model, kind, Way(engine="", folder=folder, base=entry.base), device)


def _in_folder(model: Model, kind: Found, way: Way, device: str) -> Model:
    """Return a model with the way to run it from a folder, or with what is missing for it."""
    task = model.tasks[0]
    engine = engine_for(task, kind.library)
    lacking = (
        unusable(engine, device) if engine else f"No engine here does {task} with models for {kind.library}."
    )
    if engine is None or lacking:
        return model.model_copy(update={"size": kind.size, "obstacles": (lacking,)})
    return model.model_copy(update={"size": kind.size, "ways": (way.model_copy(update={"engine": engine}),)})


def why_none(task: str, chat: str, mode: Mode, device: str | None = None, but: Collection[str] = ()) -> str:
    """Return why a task has no model here and which setting changes that, in sentences. Blocking.

    Args:
        task: Name of a task row.
        chat: The run's chat model.
        mode: Where experts may run.
        device: Where local ones run; None for `HUGGINGGPT_DEVICE`.
        but: Ids of models there are, which are not what is looked for.
    """
    none = f"There is no {'other ' if but else ''}model for {task}"
    elsewhere = candidates(task, chat, "hybrid", device) if mode != "hybrid" else []
    if any(one.ways and one.id not in but for one in elsewhere):
        return f"{none} in mode {mode!r} here; set HUGGINGGPT_MODE=hybrid."
    found = candidates(task, chat, mode, device)
    hints = [hint for hint in (_local_hint(found), _provider_hint(task, mode)) if hint]
    return " ".join([f"{none} here.", *(hints or [NOWHERE])])


NOWHERE = "Neither this machine nor an inference provider has one."


def _local_hint(found: list[Model]) -> str | None:
    """Return what keeps models from running on this machine."""
    obstacles = [f"{one.id}: {reason}" for one in found for reason in one.obstacles]
    uninstalled = [reason for reason in obstacles if "pip install" in reason]
    if uninstalled or obstacles:
        return (uninstalled or obstacles)[0]
    if not settings().hub_search:
        return "The Hub is not searched; set HUGGINGGPT_HUB_SEARCH=true."
    return hub.trouble()


def _provider_hint(task: str, mode: Mode) -> str | None:
    """Return what would bring inference providers in."""
    if task not in ADAPTERS or (settings().hf_token and mode != "local"):
        return None
    if mode == "local":
        return "For remote models set HUGGINGGPT_MODE=hybrid and HF_TOKEN."
    return "Set HF_TOKEN to use Hugging Face inference providers."
