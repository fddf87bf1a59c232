"""Choosing the answer's place in a text from what a model says of each token.

A long text is read through overlapping windows. The tokens of all windows are weighed against each other in one
softmax (Clark and Gardner, arXiv 1710.10723): with one for each window, a window without the answer would be as sure
of its best guess as the window that has it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 30
"""Most tokens of an answer, as in BERT's evaluation on SQuAD (Devlin et al., arXiv 1810.04805)."""
MOST = 3
"""Most answers that are returned."""
TRIED = 1000
"""Most spans that are looked at for answers that do not overlap."""

Numbers = NDArray[np.float32]
Place = tuple[int, int]
"""First character of a token in the text, and the one after its last."""


class Window(NamedTuple):
    """What a model says of one window."""

    places: Sequence[Place | None]
    """Where each token lies in the text; None for tokens that are not of the text."""
    start: Numbers
    """Logit of each token that it begins the answer; of shape [tokens]."""
    end: Numbers
    """Logit of each token that it ends the answer."""
    null: int | None
    """The token that stands for "no answer is here", where the model has one."""


class Span(NamedTuple):
    """A possible answer, from character `start` to before `end`; both are 0 for "there is no answer"."""

    start: int
    end: int
    score: float
    """Probability of the start times that of the end."""


def best_spans(windows: Sequence[Window], most: int = MOST, longest: int = LONGEST) -> list[Span]:
    """Return the likeliest answers that do not overlap, best first.

    "There is no answer" comes first when its token is likelier than the best span. Models of SQuAD 2 are trained to
    say so, those of SQuAD 1 to say so of windows without the answer: the window that is least sure of it decides.

    Args:
        windows: All windows of one text, with at least one token of it.
        most: Most answers.
        longest: Most tokens of an answer.
    """
    places, start, end = _merged(windows)
    nulls = [
        (window.start[window.null], window.end[window.null]) for window in windows if window.null is not None
    ]
    null = min(nulls, key=sum, default=(-np.inf, -np.inf))
    starts, ends = _softmax(np.append(start, null[0])), _softmax(np.append(end, null[1]))
    pairs = _ranked(start, end, longest)
    found: list[Span] = []
    if sum(null) > start[pairs[0][0]] + end[pairs[0][1]]:
        found.append(Span(0, 0, float(starts[-1] * ends[-1])))
    for first, last in pairs:
        span = Span(places[first][0], places[last][1], float(starts[first] * ends[last]))
        if not any(span.start < other.end and other.start < span.end for other in found):
            found.append(span)
        if len(found) >= most:
            break
    return found


def _merged(windows: Sequence[Window]) -> tuple[list[Place], Numbers, Numbers]:
    """Return places and logits of the text's tokens; of a token in several windows the highest logits."""
    found: dict[Place, tuple[float, float]] = {}
    for window in windows:
        for place, start, end in zip(window.places, window.start, window.end, strict=True):
            if place and place[0] < place[1]:
                before = found.get(place, (-np.inf, -np.inf))
                found[place] = max(before[0], start), max(before[1], end)
    places = sorted(found)
    logits = np.array([found[place] for place in places], np.float32).reshape(-1, 2)
    return places, logits[:, 0], logits[:, 1]


def _ranked(start: Numbers, end: Numbers, longest: int) -> list[tuple[int, int]]:
    """Return first and last token of all spans of up to `longest` tokens, best first."""
    longest = min(longest, len(start))
    ends = np.lib.stride_tricks.sliding_window_view(np.append(end, np.full(longest - 1, -np.inf)), longest)
    sums = (start[:, None] + ends).ravel()
    order = np.argsort(-sums, kind="stable")[:TRIED]
    return [(int(i) // longest, int(i) // longest + int(i) % longest) for i in order if np.isfinite(sums[i])]


def _softmax(logits: Numbers) -> Numbers:
    powers = np.exp(logits - logits.max())
    shares: Numbers = powers / powers.sum()
    return shares
