"""Named entities with spaCy."""

import sys
from functools import cache
from pathlib import Path
from typing import Any

from tools.experts.engine import Job
from tools.outputs import Draft

NOTHING = "There are no named entities in the text."
UNUSED = ("parser", "tagger", "attribute_ruler", "lemmatizer", "senter")
PIECE = 100_000
"""Characters that the model looks at in one go; longer texts are read piece by piece."""


def run(job: Job) -> Draft:
    """Find the named entities of `text`.

    Returns:
        `Anna Schmidt (PERSON), Berlin (GPE)`, each once; data lists every mention as `text`, `label`, `start`
        and `end`, the last two counted in characters of the input.
    """
    text = job.inputs["text"]
    found = [
        entity
        for start in _starts(text)
        for entity in _entities(job.model, text[start : start + PIECE], start)
    ]
    named = dict.fromkeys(f"{entity['text']} ({entity['label']})" for entity in found)
    return Draft(text=", ".join(named) or NOTHING, data=found)


def _starts(text: str) -> range:
    return range(0, len(text), PIECE)


def _entities(folder: Path | None, text: str, offset: int) -> list[dict[str, Any]]:
    return [
        {
            "text": " ".join(entity.text.split()),
            "label": entity.label_,
            "start": offset + entity.start_char,
            "end": offset + entity.end_char,
        }
        for entity in _model(folder)(text).ents
    ]


@cache
def _model(folder: Path | None) -> Any:
    # spaCy takes torch in when it finds it, at 2 seconds and 200 MB, for models this process never loads.
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    import spacy

    return spacy.load(folder, exclude=UNUSED)
