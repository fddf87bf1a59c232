"""What several things to make share: one verb (`show me a video and an image`), one subject (`... of a cat`)."""

import re
from collections.abc import Sequence

from graph.planners.retrieval_cues import FILLER
from graph.planners.retrieval_words import GENRES, WANTED

THING = rf"(?:{WANTED['image']}|{WANTED['video']}|{WANTED['audio']}|songs?|melod(?:y|ies)|{GENRES.pattern})"
"""A medium or a kind of text that is made rather than found."""
A = r"(?:an?|another|some)\s+(?:[\w-]+\s+){0,2}?"
ONE = rf"{A}{THING}"
RESULT = rf"{A}(?:{THING}|{WANTED['text']}|transcripts?)\b"
"""What else one verb may have beside such a thing."""
SUBJECT = re.compile(
    rf"\b{RESULT}(\s+(?:of|about|showing|that shows?|with|in which|where)\s+"
    rf"(?!(?:it|them|this|that|these|those)\b|(?:the|its|your)\s+(?:\w+\s+)?(?:{THING}|{WANTED['text']})\b).+)$",
    re.I,
)
"""A thing to make, and (group 1) what it shows or is about, unless that is something made before."""
OPENS = re.compile(rf"(?:\w+\s+(?:(?:me|us)\s+)?)??(?={RESULT})", re.I)
"""A verb with a thing to make, or the thing alone."""
BARE = re.compile(rf"{ONE}[.!]?$", re.I)
"""Says what to make and nothing of what it is to show."""
AND = re.compile(
    rf"\s+and\s+(?={RESULT}(?:\s+(?:of|about|showing|that shows?|with|from|based)\b|[.!]?$))", re.I
)
"""Where one verb may have two things to make."""


def things(wishes: Sequence[str]) -> list[str]:
    """Return the wishes of one sentence as one for each thing: `show me a video of a cat`, `show me an image of a cat`.

    Args:
        wishes: Clauses in order; of `show me a video and an image of a cat` only that one.
    """
    done: list[str] = []
    for wish in reversed(_with_verb(wishes)):
        bare = BARE.match(wish[len(_opening(wish) or "") :])
        found = SUBJECT.search(done[-1]) if bare and done else None
        done.append(f"{wish.rstrip('.!')}{found[1]}" if found else wish)
    return done[::-1]


def _with_verb(wishes: Sequence[str]) -> list[str]:
    """Cut wishes where a verb has several things, and give the verb to each."""
    done: list[str] = []
    opening: str | None = None
    for wish in wishes:
        for thing in AND.split(wish) if _opening(wish) is not None else [wish]:
            own = _opening(thing)
            done.append(f"{opening}{thing}" if opening and own == "" else thing)
            opening = own or (opening if own == "" else None)
    return done


def _opening(wish: str) -> str | None:
    """Return what stands before the thing that a wish wants made: what leads in to it, and the verb."""
    lead = FILLER.sub("", wish).lstrip()
    found = OPENS.match(lead)
    return f"{wish[: len(wish) - len(lead)]}{found[0]}" if found else None
