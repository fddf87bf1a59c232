"""Models that do a part of their task only: which requests that part is enough for, and which want the rest."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tools.models.model import Model

PICTURE = r"(?:pictures?|images?|photo(?:graph)?s?|drawings?|paintings?)"
DESCRIBES = re.compile(
    rf"\bdescri(?:b|pti)\w*|\bcaption\w*|\bdepict\w*|\binto words\b"
    rf"|\bwhat(?:'s| is| are| do| does| can| could)\b[^.?!]*\b(?:{PICTURE}|see|seen|shown|happening|going on)\b"
    rf"|\b(?:what|how) [^.?!]{{0,40}}\b(?:shows?|looks?)\b"
    rf"|\b(?:about|for|from) (?:it|this|that|the|my|both|these|those) (?:\w+ )?{PICTURE}\b",
    re.I,
)
"""Wants to know what a picture shows."""
READS = re.compile(
    r"\bsays?\b|\bwrit(?:ten|ing)\b|\bprint(?:s|ed)?\b|\b(?:words|letters|signs?|labels?|OCR)\b(?<!into words)"
    r"|\b(?:the|its|any|all|what|printed) (?:\w+ )?text\b|\bread\b(?![^.?!]*\b(?:aloud|out|to me)\b)"
    r"|\b(?:pages?|documents?|invoices?|receipts?|bills?|forms?|letters?|scans?|screenshots?)\b",
    re.I,
)
"""Wants what is written in it."""


class Part(NamedTuple):
    """What a model does of its task, and which requests want the rest."""

    only: str
    """Tells people, behind the model's name."""
    rest: re.Pattern[str]
    unless: re.Pattern[str]
    """Words that say that its part is meant all the same."""


PARTS: Mapping[str, Part] = {
    "PP-OCR": Part("reads printed text only: it does not see what a picture shows.", DESCRIBES, READS)
}
"""By model id. Every other model is taken to do whatever its task is."""


def lacks(model: Model, request: str) -> str | None:
    """Return what keeps a model from doing what a request wants of its task, as a sentence; None when nothing does."""
    part = PARTS.get(model.id)
    if part is None or not part.rest.search(request) or part.unless.search(request):
        return None
    return f"{model.id} {part.only}"


def suits(model: Model, request: str) -> int:
    """Return 1 for a model made for just the part of its task that a request wants, 0 for any other."""
    return int(model.id in PARTS and lacks(model, request) is None)
