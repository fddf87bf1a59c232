"""Candidate models of a task: what can do it here, best first."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tools import hub
from tools.assets import ASSETS
from tools.chat import EMBEDDED
from tools.experts.engines import CHAT_TASKS, ENGINES
from tools.experts.provider_tasks import ADAPTERS, adapter, hub_tags
from tools.settings import settings

Mode = Literal["local", "providers", "hybrid"]
"""Where experts may run."""

SEARCHED = 20
"""How many models the Hub is asked for."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""An id of the Hub; names of chat models have a colon."""
NO_ABOUT = "A model of the Hugging Face Hub that inference providers run."


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
            license=asset.license,
        )
        for key, asset in ASSETS.items()
    )


CHAT_ENGINES = {**dict.fromkeys(CHAT_TASKS, "chat"), "document-question-answering": "document"}
"""Engines through which a chat model does a task."""


def chat_expert(task: str, name: str) -> Model | None:
    """Return a chat model as an expert, or None for a task it cannot do."""
    if task not in CHAT_ENGINES:
        return None
    about = "General chat model; follows instructions and knows many languages."
    return Model(id=name, engine=CHAT_ENGINES[task], tasks=(task,), about=about, local=_is_local(name))


def _is_local(name: str) -> bool:
    return name == EMBEDDED or name.startswith(("http://127.0.0.1", "http://localhost", "ollama:"))


def candidates(task: str, chat: str, mode: Mode) -> list[Model]:
    """Return every model that can do a task, installed or not; local ones first. May ask the Hub: blocking.

    Args:
        task: Name of a task row.
        chat: The run's chat model; an expert like any other for language tasks, and the first when it is not embedded.
        mode: Where experts may run.
    """
    found = [model for model in embedded_models() if task in model.tasks]
    if chat != EMBEDDED and (expert := chat_expert(task, chat)):
        found.insert(0, expert)
    if mode != "local":
        found += _served(task)
    return [model for model in found if mode == "hybrid" or model.local == (mode == "local")]


def _served(task: str) -> list[Model]:
    """Return models that inference providers serve, most downloaded first; none without HF_TOKEN."""
    found = {one.id: one for tag in hub_tags(task) for one in hub.search(tag, SEARCHED)}
    usable = [one for one in found.values() if any(adapter(task, served.task) for served in one.providers)]
    ranked = sorted(usable, key=lambda one: -one.downloads)
    return [_remote(task, one.id, _about(one), one.license, one.downloads) for one in ranked]


def _remote(task: str, id_: str, about: str, license_: str | None = None, downloads: int = 0) -> Model:
    return Model(
        id=id_,
        engine="provider",
        tasks=(task,),
        about=about,
        license=license_,
        downloads=downloads,
        local=False,
    )


def _about(one: hub.HubModel) -> str:
    """Return what is known of a model in one sentence; tags such as `region:us` say nothing of its use."""
    tags = [tag for tag in one.tags if ":" not in tag and tag not in (one.library, one.pipeline_tag)][:6]
    said = f" ({', '.join(tags)})" if tags else ""
    providers = ", ".join(dict.fromkeys(served.provider for served in one.providers))
    return f"{one.pipeline_tag or one.library or 'Hub'} model{said}, run by {providers}."


def shortlist(task: str, chat: str, mode: Mode, k: int) -> list[Model]:
    """Return the first k models that can run here and now, best first."""
    return [model for model in candidates(task, chat, mode) if missing(model) is None][:k]


def find(task: str, id_: str) -> Model | None:
    """Return the model of that id for a task, or None. The Hub is not asked."""
    for model in embedded_models():
        if model.id == id_ and task in model.tasks:
            return model
    if task in ADAPTERS and HUB_ID.fullmatch(id_):
        return _remote(task, id_, NO_ABOUT)
    return chat_expert(task, id_)


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
    if task not in ADAPTERS:
        return f"There is no model for {task} here: the embedded profile has none and inference providers serve none."
    if mode == "local":
        return f"There is no model for {task} on this machine; for remote ones set HUGGINGGPT_MODE=hybrid and HF_TOKEN."
    if not settings().hf_token:
        return f"There is no model for {task} here; set HF_TOKEN to use Hugging Face inference providers."
    return f"There is no model for {task} here. {hub.trouble() or 'No inference provider serves one now.'}"
