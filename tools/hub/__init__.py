"""What the Hugging Face Hub knows of models: what they are for, how large, and which providers serve them."""

import time
from dataclasses import dataclass

from tools.errors import HuggingGPTError, ModelError, TransientError
from tools.hub.answers import known, store, stored
from tools.hub.calls import HUB_SECONDS, asked, token
from tools.hub.facts import EXPAND, HubModel, Served, parsed

__all__ = [
    "HUB_SECONDS",
    "HubModel",
    "Served",
    "forget",
    "known",
    "model",
    "search",
    "token",
    "trouble",
]

FRESH_SECONDS = 24 * 3600.0
"""Age up to which a stored answer is used without asking again."""
PAUSE_SECONDS = 60.0
"""How long a Hub that failed is left alone."""


@dataclass
class _Trouble:
    """Why the Hub is left alone, and until when on the monotonic clock."""

    reason: str = ""
    until: float = 0.0


_trouble = _Trouble()


def search(task: str, limit: int, *, served: bool = False) -> list[HubModel]:
    """Return models for a task, most downloaded first. Blocking.

    Asks the Hub at most once a day; a stored answer is used when it is down.

    Args:
        task: The Hub's pipeline tag.
        limit: Most models.
        served: Whether only those that inference providers serve.

    Returns:
        Nothing when the Hub cannot be reached and never was; `trouble` tells.
    """
    name = f"{task}.{'served' if served else 'all'}"
    answer = stored(name)
    fresh = answer and answer.limit >= limit and 0 <= time.time() - answer.time < FRESH_SECONDS
    if not fresh and trouble() is None:
        try:
            answer = store(name, limit, tuple(_found(task, limit, served)))
        except HuggingGPTError as error:
            _pause(error)
    return list(answer.models[:limit]) if answer else []


def trouble() -> str | None:
    """Return why the Hub gave no answer within the last minute, as a sentence; None when nothing is known."""
    return _trouble.reason if time.monotonic() < _trouble.until else None


def forget() -> None:
    """Ask the Hub again although it failed a moment ago."""
    _trouble.until = 0.0


def model(id_: str) -> HubModel:
    """Return what the Hub says of one model now, or what it said before when it is down. Blocking.

    Raises:
        ModelError: There is no such model.
        SetupError: The Hub refused the token.
        TransientError: The Hub cannot be reached and never told of this model.
    """
    from huggingface_hub import HfApi

    try:
        found = asked(lambda: parsed(HfApi().model_info(id_, expand=EXPAND, token=token())), id_)
    except TransientError as error:
        _pause(error)
        if before := known(id_):
            return before
        raise
    store(f"{id_.replace('/', '--')}.one", 1, (found,))
    return found


def _pause(error: HuggingGPTError) -> None:
    _trouble.reason, _trouble.until = str(error), time.monotonic() + PAUSE_SECONDS


def _found(task: str, limit: int, served: bool) -> list[HubModel]:
    """Return the models with a tag; none with one that the Hub does not know, such as a task type of the user's own."""
    try:
        return asked(lambda: _listed(task, limit, served), task)
    except TransientError:
        raise
    except ModelError:
        return []


def _listed(task: str, limit: int, served: bool) -> list[HubModel]:
    from huggingface_hub import HfApi

    found = HfApi().list_models(
        pipeline_tag=task,
        inference_provider="all" if served else None,
        sort="downloads",
        limit=limit,
        expand=EXPAND,
        token=token(),
    )
    return [parsed(info) for info in found]
