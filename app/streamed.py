"""The answer while it is written, without what a reasoning model thinks aloud before it."""

from tools.structured import without_thoughts

OPEN, CLOSE = "<think>", "</think>"


class Streamed:
    """Puts the pieces of an answer together; thoughts are left out, also where a tag is cut between two pieces."""

    def __init__(self) -> None:
        self.shown = ""
        """What can be seen of the answer so far."""
        self._raw = ""

    def add(self, piece: str) -> str:
        """Take the next piece, and return what is to be shown next, empty where that is not known yet.

        A chat template may have written the opening tag itself, so that thoughts are known for what they are at their
        end only: the answer then begins anew, on a line of its own.
        """
        self._raw += piece
        return self._next(_sure(self._raw))

    def rest(self) -> str:
        """Return what was held back at the end, such as a `<` that became no tag."""
        text = without_thoughts(self._raw)
        return self._next(text) if text.startswith(self.shown) else ""

    def _next(self, text: str) -> str:
        before, self.shown = self.shown, text
        if before and text.startswith(before):
            return text.removeprefix(before)
        return f"\n{text}" if before or text else ""


def _sure(raw: str) -> str:
    """Return the text that can be no thought, as far as anybody knows yet, and ends in no beginning of a tag."""
    _, closed, text = raw.rpartition(CLOSE)
    start = text.lstrip()
    if not closed and (start.startswith(OPEN) or OPEN.startswith(start)):
        return ""
    held = next((size for size in range(len(CLOSE) - 1, 0, -1) if start.endswith(CLOSE[:size])), 0)
    return start[: len(start) - held]
