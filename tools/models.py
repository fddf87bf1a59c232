"""Candidate models of a task: what can do it here, best first."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tools.assets import ASSETS
from tools.experts.engines import CHAT_TASKS, ENGINES

Mode = Literal["local", "providers", "hybrid"]
"""Where experts may run."""

EMBEDDED = "embedded"
"""Name of the chat model that needs neither key nor network."""


class Model(BaseModel):
    """An expert: a model that can run tasks here."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Hub repository, or the name of a chat model."""
    engine: str
    """Key of `ENGINES`."""
    tasks: tuple[str, ...]
    about: str
    """What it is good at, for the choice among candidates."""
    asset: str | None = None
    """Key of `ASSETS` when its files come with the embedded profile."""
    license: str | None = None
    downloads: int = 0
    local: bool = True
    """Whether it runs on this machine."""


@cache
def embedded_models() -> tuple[Model, ...]:
    """Return the models of the embedded profile, installed or not."""
    return tuple(
        Model(
            id=asset.model,
            engine=asset.engine,
            tasks=tuple(asset.tasks),
            about=asset.about,
            asset=key,
            license=asset.licence,
        )
        for key, asset in ASSETS.items()
    )


def chat_expert(name: str) -> Model:
    """Return a chat model as an expert for language tasks."""
    about = "General chat model; follows instructions and knows many languages."
    return Model(id=name, engine="chat", tasks=CHAT_TASKS, about=about, local=_is_local(name))


def _is_local(name: str) -> bool:
    return name == EMBEDDED or name.startswith(("http://127.0.0.1", "http://localhost", "ollama:"))


def candidates(task: str, chat: str, mode: Mode) -> list[Model]:
    """Return every model that can do a task, installed or not.

    Args:
        task: Name of a task row.
        chat: The run's chat model; an expert like any other for language tasks, and the first when it is not embedded.
        mode: Where experts may run.
    """
    found = [model for model in embedded_models() if task in model.tasks]
    if chat != EMBEDDED and task in CHAT_TASKS:
        found.insert(0, chat_expert(chat))
    return [model for model in found if mode == "hybrid" or model.local == (mode == "local")]


def shortlist(task: str, chat: str, mode: Mode, k: int) -> list[Model]:
    """Return the first k models that can run here and now, best first."""
    return [model for model in candidates(task, chat, mode) if missing(model) is None][:k]


def find(task: str, id_: str) -> Model | None:
    """Return the model of that id for a task, or None."""
    known = (model for model in embedded_models() if model.id == id_ and task in model.tasks)
    return next(known, chat_expert(id_) if task in CHAT_TASKS else None)


def missing(model: Model) -> str | None:
    """Return what must be installed before a model can run here, as a sentence; None when it can."""
    engine = ENGINES[model.engine]
    if find_spec(engine.requires):
        return None
    return f'{model.id} needs the {engine.requires} library: pip install "hugginggpt[{engine.extra}]".'


def why_none(task: str, chat: str, mode: Mode) -> str:
    """Return why a task has no model here and which setting changes that, as a sentence."""
    uninstalled: Sequence[str] = [
        reason for model in candidates(task, chat, mode) if (reason := missing(model))
    ]
    if uninstalled:
        return uninstalled[0]
    if mode != "hybrid" and candidates(task, chat, "hybrid"):
        return f"There is no model for {task} in mode {mode!r} here; set HUGGINGGPT_MODE=hybrid."
    return f"There is no model for {task} here; the embedded profile has none."
