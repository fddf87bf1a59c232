"""Replies of inference providers as drafts of outputs.

A reply of another form than the library promises raises `ValueError`, `TypeError`, `LookupError`, `AttributeError`
or `OSError`; the caller turns these into an error of this application.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import JsonValue

from tools.errors import InputError
from tools.experts.drawing import Box, boxes_on, masks_on
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.predictions import predicted
from tools.outputs import Draft, Media
from tools.sniff import HEAD, sniff

SHOWN = 10
"""Most labels that are read out; the data holds all."""
MAX_MASKS = 20
"""Most masks that are kept as files."""


def ranked(reply: Any, job: Job) -> Draft:
    """Labels with scores, best first."""
    best = sorted(_all(reply), key=lambda one: -float(one["score"]))
    data = [{"label": str(one["label"]), "score": round(float(one["score"]), 4)} for one in best]
    text = _listed(f"{one['label']} {one['score']:.2f}" for one in data)
    return Draft(text=_text(text), data=_json(data))


def answers(reply: Any, job: Job) -> Draft:
    """Answers with scores, best first; the first one is the answer."""
    items: list[dict[str, JsonValue]] = [
        {"answer": str(one["answer"]), "score": _score(one.get("score"))} for one in _all(reply)
    ]
    return Draft(text=str(items[0]["answer"]), data=_json(items))


def table_answer(reply: Any, job: Job) -> Draft:
    """The answer and the cells it was taken from."""
    data = {"answer": str(reply["answer"]), "cells": [str(cell) for cell in reply.get("cells") or []]}
    return Draft(text=str(data["answer"]), data=_json(data))


def field(name: str) -> Callable[[Any, Job], Draft]:
    """Return a reader of the text in one field of the reply."""

    def read(reply: Any, job: Job) -> Draft:
        text = reply if isinstance(reply, str) else reply[name]
        return Draft(text=_text(text))

    return read


def said(reply: Any, job: Job) -> Draft:
    """What a chat model said, without the thoughts that some write down before."""
    text = _text(reply.choices[0].message.content)
    return Draft(text=_text(re.sub(r"(?s)^\s*<think>.*?</think>", "", text)))


def words(reply: Any, job: Job) -> Draft:
    """Words for the gap, likeliest first; the text is the sentence with the likeliest."""
    items = [{"word": str(one["token_str"]).strip(), "score": _score(one["score"])} for one in _all(reply)]
    return Draft(text=_text(reply[0]["sequence"]), data=_json(items))


def entities(reply: Any, job: Job) -> Draft:
    """Entities with their place in the text."""
    items = [
        {
            "text": str(one["word"]),
            "label": str(one.get("entity_group") or one.get("entity")),
            "start": one.get("start"),
            "end": one.get("end"),
            "score": _score(one["score"]),
        }
        for one in _all(reply)
    ]
    text = _listed((f"{one['text']} ({one['label']})" for one in items), len(items))
    return Draft(text=text or "No entities were found.", data=_json(items))


def similarity(reply: Any, job: Job) -> Draft:
    """How close two texts are."""
    score = round(float(reply[0]), 4)
    text = f"Similarity {score:.2f} (1 is the same meaning, 0 is unrelated)."
    return Draft(text=text, data={"score": score})


def vector(reply: Any, job: Job) -> Draft:
    """An embedding; one per token for models that do not pool."""
    size = " x ".join(str(length) for length in reply.shape)
    return Draft(text=f"An embedding of {size} numbers.", data=reply.tolist())


def predictions(reply: Any, job: Job) -> Draft:
    """One value per row of a table."""
    if not isinstance(reply, list):
        raise TypeError("no list of predictions")
    return predicted(reply, job)


def image(reply: Any, job: Job) -> Draft:
    """A picture."""
    path = job.out / "image.png"
    reply.save(path)
    return Draft(text=f"A picture of {reply.width} x {reply.height} pixels.", files=(path,))


def media(kind: Media) -> Callable[[Any, Job], Draft]:
    """Return a reader of bytes that are a file of one medium."""

    def read(reply: Any, job: Job) -> Draft:
        return media_file(kind, _file(bytes(reply), kind, job, kind))

    return read


def media_file(kind: Media, path: Path) -> Draft:
    """A file of one medium."""
    return Draft(text=f"{kind.capitalize()} of {path.stat().st_size / 1000:.0f} kB.", files=(path,))


def sounds(reply: Any, job: Job) -> Draft:
    """Recordings with labels, such as the speakers that were told apart."""
    files = tuple(_file(bytes(one.blob), "audio", job, f"audio-{i}") for i, one in enumerate(reply, 1))
    labels: list[JsonValue] = [str(one.label) for one in reply]
    if not files:
        raise ValueError("no recording")
    return Draft(text=f"{len(files)} recording(s): {', '.join(map(str, labels))}.", data=labels, files=files)


def objects(reply: Any, job: Job) -> Draft:
    """Boxes around things, drawn on the picture."""
    found = [_box(one) for one in _all(reply)]
    path = job.out / "objects.png"
    boxes_on(picture(job.inputs["image"]), found).save(path)
    data = [
        {"label": box.label, "score": box.score, "box": [box.left, box.top, box.right, box.bottom]}
        for box in found
    ]
    text = _listed((f"{box.label} {box.score:.2f}" for box in found), len(found))
    return Draft(text=text or "No objects were found.", data=_json(data), files=(path,))


def segments(reply: Any, job: Job) -> Draft:
    """Areas of a picture, tinted on it, and their masks."""
    masks: list[tuple[str, Image.Image]] = [(str(one.label), one.mask.convert("L")) for one in reply]
    paths = [job.out / "segments.png"]
    masks_on(picture(job.inputs["image"]), masks).save(paths[0])
    for number, (label, mask) in enumerate(masks[:MAX_MASKS], 1):
        paths.append(job.out / f"mask-{number}-{re.sub(r'[^a-z0-9]+', '-', label.lower())[:40]}.png")
        mask.save(paths[-1])
    data = [{"label": str(one.label), "score": _score(one.score)} for one in reply]
    text = _listed((label for label, _ in masks), len(masks))
    return Draft(text=text or "No segments were found.", data=_json(data), files=tuple(paths))


def _box(one: Any) -> Box:
    sides = (float(one["box"][side]) for side in ("xmin", "ymin", "xmax", "ymax"))
    return Box(str(one["label"]), round(float(one["score"]), 4), *sides)


def _all(reply: Any) -> list[Any]:
    return reply if isinstance(reply, list) else [reply]


def _listed(parts: Iterable[str], most: int = SHOWN) -> str:
    return ", ".join(list(parts)[:most])


def _score(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no text")
    return value.strip()


def _json(value: Sequence[Any] | dict[str, Any]) -> Any:
    return value


def _file(data: bytes, kind: Media, job: Job, name: str) -> Path:
    try:
        found = sniff(data[:HEAD], "The reply")
    except InputError as error:
        raise ValueError(f"no {kind}") from error
    if found.media != kind:
        raise ValueError(f"no {kind} but {found.mime}")
    path = job.out / f"{name}{found.suffix}"
    path.write_bytes(data)
    return path
