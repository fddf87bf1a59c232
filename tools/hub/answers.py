"""Answers of the Hub, kept on the disk for when it need not be asked or is down. All of this blocks."""

import json
import logging
import time
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from tools.hub.facts import HubModel
from tools.settings import settings

_log = logging.getLogger(__name__)


class Answer(BaseModel):
    """An answer as it is stored."""

    time: float
    limit: int
    """How many models were asked for."""
    models: tuple[HubModel, ...]


def stored(name: str) -> Answer | None:
    """Return the last answer to a question, or None."""
    return _read(_folder() / f"{name}.json")


def store(name: str, limit: int, models: tuple[HubModel, ...]) -> Answer:
    """Store an answer to a question and return it; a cache that cannot be written only costs time."""
    answer = Answer(time=time.time(), limit=limit, models=models)
    path = _folder() / f"{name}.json"
    part = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(answer.model_dump(mode="json")), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        _log.debug("The Hub's answer was not stored: %s", error)
    return answer


def known(id_: str) -> HubModel | None:
    """Return what was last stored of a model, or None. Blocking, but the Hub is not asked."""
    answers = map(_read, sorted(_folder().glob("*.json"), key=lambda file: -file.stat().st_mtime))
    return next((one for answer in answers if answer for one in answer.models if one.id == id_), None)


def _folder() -> Path:
    return settings().cache_dir / "hub"


def _read(path: Path) -> Answer | None:
    try:
        return Answer.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
