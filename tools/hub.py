"""What the Hugging Face Hub knows of models: what they are for, how large, and which providers serve them."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from tools.errors import HuggingGPTError, ModelError, SetupError, TransientError
from tools.hf_http import within
from tools.settings import settings

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

HUB_SECONDS = 5.0
"""Longest wait for the Hub."""
FRESH_SECONDS = 24 * 3600.0
"""Age up to which a stored answer is used without asking again."""
PAUSE_SECONDS = 60.0
"""How long a Hub that failed is left alone."""
EXPAND: list[Any] = [
    "downloads", "likes", "library_name", "pipeline_tag", "tags", "mask_token", "inferenceProviderMapping",
    "safetensors", "sha", "gated",
]  # fmt: skip
"""What is read of each model, all in one call."""

BITS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F4", "I4", "U4"), 4),
}
"""Bits of a number by its format in safetensors; all others have 32."""

R = TypeVar("R")
_log = logging.getLogger(__name__)


class Served(BaseModel):
    """A provider that serves a model now."""

    model_config = ConfigDict(frozen=True)

    provider: str
    task: str
    """The provider's name of the task, e.g. `conversational` for a chat model."""


class HubModel(BaseModel):
    """A model on the Hub."""

    model_config = ConfigDict(frozen=True)

    id: str
    downloads: int = 0
    """In the last 30 days."""
    likes: int = 0
    library: str | None = None
    pipeline_tag: str | None = None
    tags: tuple[str, ...] = ()
    mask_token: str | None = None
    """What stands for the missing word in its input."""
    providers: tuple[Served, ...] = ()
    """Live providers in the Hub's order."""
    sha: str | None = None
    """The commit its files are taken from, so that they stay the ones that were looked at."""
    gated: bool = False
    """Whether its terms must be accepted first."""
    parameters: int | None = None
    """How many numbers its weights have; None when it has no safetensors that the Hub could read."""
    size: int | None = None
    """Bytes of its safetensors."""

    @property
    def license(self) -> str | None:
        """The license's identifier, e.g. `apache-2.0`."""
        return next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)


class _Answer(BaseModel):
    """An answer as it is stored."""

    time: float
    limit: int
    models: tuple[HubModel, ...]


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
    path = settings().cache_dir / "hub" / f"{task}.{'served' if served else 'all'}.json"
    stored = _stored(path)
    if stored and stored.limit >= limit and 0 <= time.time() - stored.time < FRESH_SECONDS:
        return list(stored.models[:limit])
    if trouble() is None:
        try:
            found = _Answer(time=time.time(), limit=limit, models=tuple(_found(task, limit, served)))
        except HuggingGPTError as error:
            _trouble.reason, _trouble.until = str(error), time.monotonic() + PAUSE_SECONDS
        else:
            _store(path, found)
            stored = found
    return list(stored.models[:limit]) if stored else []


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
        found = _asked(lambda: _parsed(HfApi().model_info(id_, expand=EXPAND, token=token())), id_)
    except TransientError as error:
        _trouble.reason, _trouble.until = str(error), time.monotonic() + PAUSE_SECONDS
        if stored := known(id_):
            return stored
        raise
    path = settings().cache_dir / "hub" / f"{id_.replace('/', '--')}.one.json"
    _store(path, _Answer(time=time.time(), limit=1, models=(found,)))
    return found


def known(id_: str) -> HubModel | None:
    """Return what was last stored of a model, or None. Blocking, but the Hub is not asked."""
    files = (settings().cache_dir / "hub").glob("*.json")
    answers = map(_stored, sorted(files, key=lambda file: -file.stat().st_mtime))
    return next((one for answer in answers if answer for one in answer.models if one.id == id_), None)


def _found(task: str, limit: int, served: bool) -> list[HubModel]:
    """Return the models with a tag; none with one that the Hub does not know, such as a task type of the user's own."""
    try:
        return _asked(lambda: _listed(task, limit, served), task)
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
    return [_parsed(info) for info in found]


def token() -> str | None:
    """Return the token to send to the Hub; None for the one that `hf auth login` stored, if any."""
    secret = settings().hf_token
    return secret.get_secret_value() if secret else None


def _parsed(info: "ModelInfo") -> HubModel:
    mapping: list[Any] = info.inference_provider_mapping or []
    weights: dict[str, int] = dict(info.safetensors.parameters) if info.safetensors else {}
    return HubModel(
        id=info.id,
        downloads=info.downloads or 0,
        likes=info.likes or 0,
        library=info.library_name,
        pipeline_tag=info.pipeline_tag,
        tags=tuple(info.tags or ()),
        mask_token=info.mask_token,
        providers=tuple(
            Served(provider=one.provider, task=one.task) for one in mapping if one.status == "live"
        ),
        sha=info.sha,
        gated=bool(info.gated),
        parameters=sum(weights.values()) or None,
        size=sum(count * BITS.get(kind, 32) // 8 for kind, count in weights.items()) or None,
    )


def _asked(ask: Callable[[], R], about: str) -> R:
    """Ask the Hub and turn what goes wrong into an error of ours."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return within(ask, HUB_SECONDS)
    except HfHubHTTPError as error:
        raise _refused(error.response.status_code, about) from None
    except (httpx.HTTPError, OSError) as error:
        _log.debug("The Hub failed: %s", type(error).__name__)
        raise TransientError("The Hugging Face Hub cannot be reached; check the network.") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        _log.debug("The Hub's answer cannot be read: %s", type(error).__name__)
        raise TransientError(
            "The Hugging Face Hub gave an answer that cannot be read; try again later."
        ) from None


def _refused(status: int, about: str) -> HuggingGPTError:
    if status in (401, 403):
        return SetupError(f"The Hugging Face Hub refused the token for {about}; set HF_TOKEN to a valid one.")
    if status in (400, 404, 410):
        return ModelError(f"The Hugging Face Hub has no {about}.")
    return TransientError(f"The Hugging Face Hub answered with status {status}; try again later.")


def _stored(path: Path) -> _Answer | None:
    try:
        return _Answer.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _store(path: Path, answer: _Answer) -> None:
    """Store an answer; a cache that cannot be written only costs time."""
    part = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(answer.model_dump(mode="json")), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        _log.debug("The Hub's answer was not stored: %s", error)
