"""Take quoted texts and file names out of a request, so that their words do not pass for what is wanted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.outputs import Artifact

QUOTED = re.compile(r"""(?<!\w)(?:'(?=\S)(.+?)(?<=\S)'(?!\w)|"(.+?)"|“(.+?)”|«\s*(.+?)\s*»)""", re.S)
MARK = re.compile(r"⟦([QF])(\d+)⟧")
"""What stands for the n-th quote (Q) or file (F) of the request."""
SOURCE = re.compile(r"(?<=\w)\s+(?:based on|according to|depending on)\b.*$", re.I)
"""The part of a clause that says what to start from rather than what to do."""
DONE = re.compile(
    r"\b(the|this|that|these|those) (?!named|printed|written|handwritten|spoken|masked)\w{3,}ed (?=\w)", re.I
)
"""What was done to a thing before is not what to do now."""
NOUN = (
    r"\b(?:image|picture|photo(?:graph)?|audio|recording|file|document|text|article|video|table|scan|page|clip|"
    r"sentence|question|prompt|description|word|message|review|phrase)s?\b"
)
NOUN_BEFORE = re.compile(rf"{NOUN}[\s,:]*(?:named|called)?[\s,:]*$", re.I)
NOUN_AFTER = re.compile(rf"\s*{NOUN}", re.I)


@dataclass
class Masks:
    """The quotes and files taken out of a request, in order."""

    quotes: list[str] = field(default_factory=list)
    files: list[Artifact] = field(default_factory=list)

    def mask(self, text: str, files: Sequence[Artifact]) -> str:
        """Return the text with a mark in place of every quote and every name of a file."""
        return QUOTED.sub(self._mark_quote, self._mask_files(text, files))

    def restore(self, text: str) -> str:
        """Return a masked text as it was written, with plain quotation marks."""
        return MARK.sub(self._written, text)

    def plain(self, text: str) -> str:
        """Return a masked text with nouns for the marks, left out next to such a noun, and without its source."""
        nouns = MARK.sub(lambda match: self._noun(match, text), text)
        return DONE.sub(r"\1 ", SOURCE.sub("", re.sub(r"\s+", " ", nouns).strip(" ,.:;")))

    def quotes_in(self, text: str) -> tuple[str, ...]:
        """Return the quotes of a masked text."""
        return tuple(self.quotes[int(number)] for kind, number in MARK.findall(text) if kind == "Q")

    def files_in(self, text: str) -> tuple[Artifact, ...]:
        """Return the files a masked text names, each once."""
        found = (self.files[int(number)] for kind, number in MARK.findall(text) if kind == "F")
        return tuple(dict.fromkeys(found))

    def _mask_files(self, text: str, files: Sequence[Artifact]) -> str:
        # Of several files with one name the newest is meant; longer names are looked for first.
        by_name = {file.name.lower(): file for file in files if file.name}
        if not by_name:
            return text
        names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))

        def mark(match: re.Match[str]) -> str:
            self.files.append(by_name[match[1].lower()])
            return f"⟦F{len(self.files) - 1}⟧"

        return re.sub(rf"(?<![\w.-])[('\"“]*({names})[)'\"”]*(?!\w)", mark, text, flags=re.I)

    def _mark_quote(self, match: re.Match[str]) -> str:
        self.quotes.append(self.restore(next(group for group in match.groups() if group)).strip())
        # The full stop of a sentence may stand inside the quote only.
        ends = self.quotes[-1][-1:] in ".!?" and re.match(r"\s+[A-Z]", match.string[match.end() :])
        return f"⟦Q{len(self.quotes) - 1}⟧{'.' if ends else ''}"

    def _written(self, match: re.Match[str]) -> str:
        at = int(match[2])
        return f"'{self.quotes[at]}'" if match[1] == "Q" else self.files[at].name

    def _noun(self, match: re.Match[str], text: str) -> str:
        if NOUN_BEFORE.search(text[: match.start()]) or NOUN_AFTER.match(text[match.end() :]):
            return ""
        if match[1] == "F":
            return f"the {self.files[int(match[2])].media}"
        return "the question" if self.quotes[int(match[2])].endswith("?") else "this text"
