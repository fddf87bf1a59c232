"""Models of the Hub as candidates: which can run here, which at inference providers."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tools import hub
from tools.errors import ModelError, SetupError
from tools.experts.engines import ENGINES
from tools.experts.provider_tasks import adapter, hub_tags
from tools.hub import HubModel
from tools.models.fit import Case, engine_for, obstacle
from tools.models.model import Model, Way
from tools.settings import settings

SEARCHED = 20
"""How many models the Hub is asked for."""
TAGS = {
    "conversational": ("text-generation",),
    "normal-control": ("depth-estimation",),
    "openpose-control": ("keypoint-detection",),
}
"""Pipeline tags of models that do a task here, where they are not its own name."""
VOCODERS = {"speecht5": "microsoft/speecht5_hifigan"}
"""What models with a tag need to make sound."""
ADAPTER = "base_model:adapter:"
"""Tag of a model that is a small change to another one."""


@cache
def recommended() -> Mapping[str, tuple[dict[str, Any], ...]]:
    """Return the models that are known for task types the Hub has no tag for, by task."""
    listed = tomllib.loads(Path(__file__).with_name("recommended.toml").read_text(encoding="utf-8"))["models"]
    tasks = {task for one in listed for task in one["tasks"]}
    return {task: tuple(one for one in listed if task in one["tasks"]) for task in tasks}


def online_models(task: str, device: str, cached: Mapping[str, Path]) -> list[Model]:
    """Return the Hub's models for a task, most downloaded first. Asks the Hub: blocking.

    Args:
        task: Name of a task row.
        device: Where local ones are to run.
        cached: Folders of models that are here already, by Hub id.
    """
    if not settings().hub_search:
        return []
    found = {one.id: one for one in [*_tagged(task), *_recommended(task)]}
    ranked = sorted(found.values(), key=lambda one: -one.downloads)
    return [as_model(task, one, device, cached.get(one.id)) for one in ranked]


def _tagged(task: str) -> list[HubModel]:
    here: tuple[str, ...] = ()
    if any(task in row.tasks and row.libraries for row in ENGINES.values()) and task not in recommended():
        here = TAGS.get(task, (task,))
    served = hub_tags(task) if settings().hf_token else ()
    return [
        *(one for tag in here for one in hub.search(tag, SEARCHED)),
        *(one for tag in served for one in hub.search(tag, SEARCHED, served=True)),
    ]


def _recommended(task: str) -> list[HubModel]:
    return [one for entry in recommended().get(task, ()) if (one := _asked(entry["id"]))]


def _asked(id_: str) -> HubModel | None:
    if hub.trouble():
        return hub.known(id_)
    try:
        return hub.model(id_)
    except (ModelError, SetupError):
        return None


def by_id(task: str, id_: str, device: str, folder: Path | None) -> Model | None:
    """Return one model of the Hub for a task, as the last search had it or as the Hub has it now. Blocking.

    Args:
        task: Name of a task row.
        id_: Hub id.
        device: Where it is to run if it does here.
        folder: Its files, when they are here.

    Returns:
        None when there is no such model, or the Hub cannot be asked and never was.
    """
    try:
        one = hub.known(id_) or hub.model(id_)
    except (ModelError, SetupError):
        return None
    return as_model(task, one, device, folder)


def as_model(task: str, one: HubModel, device: str, folder: Path | None) -> Model:
    """Return a model of the Hub with the ways in which it can do a task, and the obstacles to the others."""
    tried = [_here(task, one, device, folder), _served(task, one)]
    return Model(
        id=one.id,
        tasks=(task,),
        about=about(one),
        source="cache" if folder else "hub",
        ways=tuple(each for each in tried if isinstance(each, Way)),
        obstacles=tuple(each for each in tried if isinstance(each, str)),
        license=one.license,
        downloads=one.downloads,
        size=one.size,
    )


def _here(task: str, one: HubModel, device: str, folder: Path | None) -> Way | str:
    """Return the way to run a model on this machine, or why there is none."""
    engine = engine_for(task, one.library)
    reason = obstacle(Case(task, one, folder is not None, device))
    if engine is None or reason:
        return str(reason)
    base = _base(task, one)
    if folder:
        return Way(engine=engine, folder=folder, base=base)
    return Way(engine=engine, repo=one.id, revision=one.sha, base=base)


def _served(task: str, one: HubModel) -> Way | str:
    """Return the way to run a model at inference providers, or why there is none."""
    usable = tuple(dict.fromkeys(each.provider for each in one.providers if adapter(task, each.task)))
    if not usable:
        return "No inference provider serves it."
    if not settings().hf_token:
        return f"Served by {', '.join(usable)}: set HF_TOKEN."
    return Way(engine="provider", local=False, providers=usable)


def _base(task: str, one: HubModel) -> str | None:
    known = next((entry["base"] for entry in recommended().get(task, ()) if entry["id"] == one.id), None)
    adapted = next((tag.removeprefix(ADAPTER) for tag in one.tags if tag.startswith(ADAPTER)), None)
    return known or adapted or next((VOCODERS[tag] for tag in one.tags if tag in VOCODERS), None)


def _no_provider(task: str, one: HubModel) -> str | None:
    usable = [served.provider for served in one.providers if adapter(task, served.task)]
    if not usable:
        return "No inference provider serves it."
    if not settings().hf_token:
        return f"It is served by {', '.join(dict.fromkeys(usable))}: set HF_TOKEN."
    return None


def about(one: HubModel) -> str:
    """Return what is known of a model in one sentence; tags such as `region:us` say nothing of its use."""
    known = (one.library, one.pipeline_tag, "safetensors")
    tags = [tag for tag in one.tags if ":" not in tag and tag not in known][:6]
    said = f" ({', '.join(tags)})" if tags else ""
    providers = ", ".join(dict.fromkeys(served.provider for served in one.providers))
    return f"{one.pipeline_tag or one.library or 'Hub'} model{said}{f', run by {providers}' if providers else ''}."
