"""Fill the slots of the chosen tasks: with files, with texts of the request, with outputs of earlier tasks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from graph.planners import retrieval_arguments as arguments
from graph.planners.retrieval_clauses import Clause, Request
from graph.planners.retrieval_matching import Pick
from graph.state import Input
from tools.errors import InputError
from tools.outputs import Artifact, Media
from tools.tasks import Slot, TaskRow

SURE = 0.6
"""From this similarity on, a missing file is the user's mistake; below, the match is."""

ANSWERS = (
    "question-answering",
    "table-question-answering",
    "visual-question-answering",
    "document-question-answering",
)
DOCUMENTS = (
    "automatic-speech-recognition",
    "image-to-text",
    "summarization",
    "translation",
    "text-generation",
    "conversational",
    "fill-mask",
)
"""Tasks that make a text to read, as opposed to an answer, labels or numbers."""
CLASSES = (
    "text-classification",
    "zero-shot-classification",
    "image-classification",
    "zero-shot-image-classification",
    "audio-classification",
    "zero-shot-audio-classification",
    "video-classification",
    "tabular-classification",
)
DETECTORS = ("object-detection", "zero-shot-object-detection")
RESULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"summar(?:y|ies|i[sz]ed)|abstract|overview", ("summarization",)),
    (r"translat(?:ions?|ed)", ("translation",)),
    (r"transcri(?:pts?|ptions?|bed)|recogni[sz]ed (?:text|speech)", ("automatic-speech-recognition",)),
    (r"captions?|descri(?:ptions?|bed)", ("image-to-text", "text-generation", "visual-question-answering")),
    (r"answers?|answered", (*ANSWERS, "conversational")),
    (r"entit(?:y|ies)|names", ("token-classification",)),
    (r"objects?|labels|detect(?:ed|ion|ions)|boxes", (*DETECTORS, "image-classification")),
    (r"class(?:es|ified|ifications?)?|categor(?:y|ies)|labels?", (*CLASSES, *DETECTORS)),
    (r"sentiments?|emotions?|mood|tone", ("text-classification", "audio-classification")),
    (r"similarity|score", ("sentence-similarity",)),
    (r"respons(?:e|es)|repl(?:y|ies)|conversation", ("conversational",)),
    (
        r"stor(?:y|ies)|poem|passage|variations?|generated text|new text|new sentence|paragraph",
        ("text-generation",),
    ),
    (r"extracted text|text (?:from|in|of) the (?:image|page|photo|picture)|page", ("image-to-text",)),
)
"""Words for what a task made, and the tasks that make it."""
DIGESTS = ("summarization", "token-classification", "text-classification", "zero-shot-classification")
"""Tasks for which `it` is a text to read rather than an answer or labels."""
WRITERS = ("text-generation", "conversational")
"""Tasks that take a prompt and make text."""
REFERS = re.compile(
    r"\b(it|its|them|this|these|that|those|result|results|output|outputs|based on|using|above|content|corresponding|"
    r"related|both)\b|\b(?:of|from|with|for|about) the (?:\w+ )?(?:text|answer|recognized|identified|objects)\b",
    re.I,
)
MANY = re.compile(
    r"\b(both|all|each|every|them|these|those|two|three|four|\w+(?:images|photos|recordings|files))\b", re.I
)
TRANSLATABLE = ("summarization", *ANSWERS)
"""Tasks whose output is translated when they are asked for `in German`."""
REPEATABLE = (
    "translation",
    "text-generation",
    "conversational",
    "image-to-image",
    "sentence-similarity",
    *ANSWERS,
)
"""Tasks that make sense on their own output."""
IN_LANGUAGE = re.compile(rf"\b(?:in|into|to) (?:{arguments.LANGUAGE.pattern})", re.I)
FIRST = re.compile(r"\b(original|source|input|given|uploaded|attached|provided)\b", re.I)
READERS: Mapping[Media, str] = {"audio": "automatic-speech-recognition", "image": "image-to-text"}
"""What turns a file into text when a task wants text and there is only the file."""
FILE_WORDS: Mapping[Media, str] = {
    "audio": "an audio file",
    "image": "an image",
    "video": "a video",
    "table": "a table",
    "text": "a text",
}


def prompted(row: TaskRow) -> bool:
    """Tell whether a row's text is a prompt: a description of what is to be made."""
    return row.name in WRITERS or (row.makes[0] != "text" and row.name != "text-to-speech")


class Unfilled(Exception):  # noqa: N818 (control flow inside this package, not an error of the user)
    """A slot of a task that nothing fits."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(slot.name)
        self.slot = slot


@dataclass(frozen=True)
class Fill:
    """What goes into a slot: a value or the output of a step."""

    value: str | None = None
    source: str | None = None

    def to(self, slot: str) -> Input:
        """Return this as the input of a slot."""
        return Input(slot=slot, value=self.value, source=self.source)


@dataclass(frozen=True)
class Step:
    """A task to be, not yet checked against the task table."""

    id: str
    row: TaskRow
    inputs: tuple[Input, ...]
    clause: Clause


@dataclass
class Linker:
    """Turns picks into steps, in order."""

    request: Request
    files: Sequence[Artifact]
    rows: Mapping[str, TaskRow]
    steps: list[Step] = field(default_factory=list)
    groups: list[tuple[str, ...]] = field(default_factory=list)
    """Ids of the steps made for one pick: several where it works on several files."""
    used: set[str] = field(default_factory=set)
    """Quotes that already fill a slot."""

    def link(self, picks: Sequence[Pick]) -> list[Step]:
        """Make the steps.

        Raises:
            InputError: A task needs a file or a text that is not there.
        """
        for pick in picks:
            try:
                self._add(pick.row, pick.clause)
            except Unfilled as missing:
                self._give_up(pick, missing.slot, alone=len(picks) == 1)
        return self.steps

    def _give_up(self, pick: Pick, slot: Slot, alone: bool) -> None:
        """Answer a question without anything to look it up in from memory; for the rest, say what is missing."""
        if slot.name == "context":
            if not alone and "conversational" in self.rows:
                self._put(self.rows["conversational"], pick.clause, {"text": self._question(pick.clause)})
        elif pick.score >= SURE and slot.media == "text":
            raise InputError(
                "This needs a text: put it in quotes or after a colon, or add a file with --file."
            )
        elif pick.score >= SURE:
            raise InputError(f"This needs {FILE_WORDS[slot.media]}; add one with --file.")

    def _add(self, row: TaskRow, clause: Clause) -> None:
        filled: dict[str, list[Fill]] = {}
        for slot in row.slots:
            fills = self._fills(row, slot, clause)
            if fills:
                filled[slot.name] = fills
            elif slot.required:
                raise Unfilled(slot)
        ids = self._put(row, clause, filled)
        if (
            row.name in TRANSLATABLE
            and "translation" in self.rows
            and (wanted := IN_LANGUAGE.search(clause.text))
        ):
            language = [Fill(name) for name in arguments.languages(wanted[0])[0]]
            sources = [Fill(source=id_) for id_ in ids]
            self._put(self.rows["translation"], clause, {"text": sources, "target_language": language})

    def _feeds_itself(self, row: TaskRow, filled: Mapping[str, Sequence[Fill]]) -> bool:
        """Tell whether a task would work on its own kind of output: then the clause only repeats what was asked."""
        sources = [fill.source for fills in filled.values() for fill in fills if fill.source]
        return any(self._step(source).row == row for source in sources)

    def _put(self, row: TaskRow, clause: Clause, filled: Mapping[str, Sequence[Fill]]) -> tuple[str, ...]:
        """Add one step per value of the slot that has most, e.g. one for each recording."""
        ids = []
        for index in range(max(len(fills) for fills in filled.values())):
            inputs = tuple(fills[index % len(fills)].to(slot) for slot, fills in filled.items())
            same = [step.id for step in self.steps if step.row == row and step.inputs == inputs]
            if not same:
                self.steps.append(Step(f"t{len(self.steps) + 1}", row, inputs, clause))
            ids.append(same[0] if same else self.steps[-1].id)
        if tuple(ids) not in self.groups:
            self.groups.append(tuple(ids))
        return tuple(ids)

    def _fills(self, row: TaskRow, slot: Slot, clause: Clause) -> list[Fill]:
        if slot.media != "text":
            return self._medium(slot.media, clause)
        fillers: Mapping[str, Callable[[TaskRow, Clause], list[Fill]]] = {
            "question": lambda _, c: self._question(c),
            "target_language": lambda _, c: [Fill(v) for v in arguments.languages(c.text)[0]],
            "source_language": lambda _, c: [Fill(v) for v in [arguments.languages(c.text)[1]] if v],
            "labels": lambda _, c: [Fill(", ".join(v)) for v in [arguments.labels(c.text)] if v],
            "instruction": lambda _, c: self._instruction(c),
            "other_text": lambda _, c: self._pair(c)[1:],
            "text": self._pair_or_text,
        }
        return fillers.get(slot.name, self._text)(row, clause)

    # Media

    def _medium(self, medium: Media, clause: Clause) -> list[Fill]:
        """Return the files or outputs of a medium that a clause is about."""
        named = [file for file in clause.files if file.media == medium]
        made = self._made(medium)
        if named:
            return [Fill(file.ref) for file in named]
        if made and not FIRST.search(clause.text):
            return made
        return self._given(medium, clause) or made

    def _made(self, medium: Media) -> list[Fill]:
        main = [group for group in self.groups if self._step(group[0]).row.makes[0] == medium]
        beside = [group for group in self.groups if medium in self._step(group[0]).row.makes]
        group = main[-1] if main else beside[-1] if beside and not self._given(medium, None) else ()
        return [Fill(source=id_) for id_ in group]

    def _given(self, medium: Media, clause: Clause | None) -> list[Fill]:
        files = [file for file in self.files if file.media == medium]
        said = [file for file in self.request.files if file.media == medium]
        many = clause is not None and MANY.search(clause.text)
        return [Fill(file.ref) for file in (said or files) if many or file is (said or files)[-1]]

    def _step(self, id_: str) -> Step:
        return next(step for step in self.steps if step.id == id_)

    # Texts

    def _pair_or_text(self, row: TaskRow, clause: Clause) -> list[Fill]:
        if row.slot("other_text"):
            return self._pair(clause)[:1]
        if not all(slot.required for slot in row.slots if slot.name == "text"):
            return self._quoted(clause)
        return self._prompt(row, clause) if prompted(row) else self._text(row, clause)

    def _text(self, row: TaskRow, clause: Clause) -> list[Fill]:
        """Return the text a clause is about: the one it names or quotes, else the last one made, else one given."""
        return (
            self._result(clause)
            or self._quoted(clause)
            or self._files_of_text(clause.files)
            or self._last_text(row)
            or self._said(clause)
            or self._files_of_text(self.files)
            or self._read_first(clause)
        )

    def _result(self, clause: Clause) -> list[Fill]:
        """Return the output a clause calls by what it is, such as `the summary`."""
        rest = clause.text.partition(" ")[2]
        for quote in clause.quotes:
            rest = rest.replace(quote, "")
        wanted = {
            name for words, names in RESULTS if re.search(rf"\b(?:{words})\b", rest, re.I) for name in names
        }
        return self._latest(wanted)

    def _last_text(self, row: TaskRow) -> list[Fill]:
        textual = {name for name, other in self.rows.items() if other.makes[0] == "text"}
        readable = {*DOCUMENTS} if row.name in DIGESTS else {*DOCUMENTS, *ANSWERS}
        return self._latest(readable) or self._latest(textual)

    def _latest(self, names: set[str]) -> list[Fill]:
        groups = [group for group in self.groups if self._step(group[0]).row.name in names]
        return [Fill(source=id_) for id_ in groups[-1]] if groups else []

    def _quoted(self, clause: Clause) -> list[Fill]:
        free = [quote for quote in clause.quotes if quote not in self.used]
        self.used.update(free)
        return [Fill(quote) for quote in free]

    def _said(self, clause: Clause) -> list[Fill]:
        """Return the text given elsewhere in the request: after a colon, or quoted."""
        free = [quote for quote in self.request.quotes if quote not in self.used] or list(
            self.request.quotes[-1:]
        )
        given = self.request.payload or (free[0] if free else None)
        self.used.update(free[:1])
        return [Fill(given)] if given else []

    def _files_of_text(self, files: Sequence[Artifact]) -> list[Fill]:
        return [Fill(file.ref) for file in files if file.media == "text"][-1:]

    def _read_first(self, clause: Clause) -> list[Fill]:
        """Add the task that turns a recording or a page into text."""
        for file in reversed(self.files):
            if (name := READERS.get(file.media)) in self.rows and name is not None:
                row = self.rows[name]
                ids = self._put(row, clause, {row.slots[0].name: self._given(file.media, clause)})
                return [Fill(source=id_) for id_ in ids]
        return []

    def _prompt(self, row: TaskRow, clause: Clause) -> list[Fill]:
        """Return what a text, picture, video or sound is to be made from."""
        refers = REFERS.search(clause.text) is not None
        named = self._result(clause)
        if named or (refers and self._last_text(row)):
            return named or self._last_text(row)
        writes = row.name in WRITERS
        own = clause.text.strip().rstrip(".") if writes else arguments.prompt(clause.text)
        if clause.quotes and not (writes and self.request.payload):
            return self._quoted(clause)
        if given := self._said(clause):
            return [Fill(f"{own}: {given[0].value}")] if writes else given
        bare = len(own.split()) < (5 if writes else 2)
        return (self._last_text(row) if bare or refers else []) or (
            [Fill(own)] if own else self._last_text(row)
        )

    def _pair(self, clause: Clause) -> list[Fill]:
        """Return the two texts to compare."""
        quoted = [Fill(quote) for quote in clause.quotes]
        two = [group[0] for group in self.groups if self._step(group[0]).row.makes[0] == "text"][-2:]
        if not quoted and len(two) == 2 and re.search(r"\b(two|both)\b", clause.text):
            return [Fill(source=id_) for id_ in two]
        if len(quoted) < 2 and not self.steps:
            quoted = [Fill(quote) for quote in self.request.quotes]
        made = [Fill(source=step.id) for step in self.steps if step.row.makes[0] == "text"]
        given = [Fill(quote) for quote in self.request.quotes if quote not in clause.quotes]
        lines = [
            Fill(line) for line in re.split(r"\n+|\s+(?:and|vs\.?)\s+", self.request.payload or "") if line
        ]
        texts = [*made[-2:], *quoted] if quoted else [*made[-2:], *given, *lines]
        return texts[:2] if len(quoted) >= 2 and not made else texts[-2:]

    def _question(self, clause: Clause) -> list[Fill]:
        """Return the question: quoted, given elsewhere, spoken in a recording, or the clause itself."""
        asked = [quote for quote in (*clause.quotes, *self.request.quotes) if quote.endswith("?")]
        free = [quote for quote in asked if quote not in self.used]
        if free:
            self.used.add(free[0])
            return [Fill(free[0])]
        if re.match(r"(?:answer|find|get|respond)\b.*\b(?:question|answer|it)\b", clause.text, re.I):
            return self._latest({*DOCUMENTS}) or [
                Fill(arguments.question(self.request.payload or clause.text))
            ]
        return [Fill(arguments.question(clause.text))]

    def _instruction(self, clause: Clause) -> list[Fill]:
        named = self._result(clause)
        if named:
            return named
        if REFERS.search(clause.text) and re.search(
            r"\b(based on|according to|match|using)\b", clause.text, re.I
        ):
            made = self._latest({name for name, row in self.rows.items() if row.makes[0] == "text"})
            if made:
                return made
        said = arguments.instruction(clause.text)
        return [Fill(said)] if said else []
