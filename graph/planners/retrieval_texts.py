"""Find the text a clause is about: said in the request, made by an earlier step, or lying in a file."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graph.planners import retrieval_arguments as arguments
from graph.planners.retrieval_clauses import Clause, Request
from graph.planners.retrieval_results import ANSWERS, DIGESTS, DOCUMENTS, LISTS, RESULTS, WRITERS
from graph.planners.retrieval_steps import Earlier, Fill, Steps
from graph.planners.retrieval_weights import prompted
from graph.planners.retrieval_words import ABOUT
from graph.references import ORDINAL, place
from tools.outputs import Artifact
from tools.tasks import TaskRow

REFERS = re.compile(
    r"\b(it|its|them|this|these|that|those|result|results|output|outputs|based on|using|above|content|"
    r"corresponding|related|both)\b"
    r"|\b(?:of|from|with|for|about) the (?:\w+ )?(?:text|answer|recognized|identified|objects)\b",
    re.I,
)
"""What points back to something made or given before."""
COUNTED = re.compile(rf"\b{ORDINAL} (?:{'|'.join(words for words, _ in RESULTS)})\b", re.I)
"""Counts results of the turns before: `the first summary`."""
IT = re.compile(r"\bit\b", re.I)
THEM = re.compile(r"\b(?:them|these|those)\b", re.I)
FOLLOWS = re.compile(r"\b(based on|according to|match|using)\b", re.I)
ASKED_BEFORE = re.compile(
    r"(?:answer|find|get|respond|look up|search|check)\b.*\b(?:question|answer|it)\b", re.I
)
Filler = Callable[[TaskRow, Clause], list[Fill]]


@dataclass
class Texts:
    """Fills the text slots of one request's steps."""

    request: Request
    files: Sequence[Artifact]
    rows: Mapping[str, TaskRow]
    steps: Steps
    earlier: Sequence[Earlier]
    """Results of the turns before, newest last."""
    read_first: Callable[[Clause], list[Fill]]
    """Adds the step that turns a recording or a page into text, where there is one."""
    used: set[str] = field(default_factory=set)
    """Quotes that already fill a slot."""
    spoken: set[Clause] = field(default_factory=set)
    """Clauses whose own words are the prompt."""

    def fillers(self) -> Mapping[str, Filler]:
        """Return how to fill the text slots of each name; all others take the text a clause is about."""
        return {
            "question": lambda _, clause: self.question(clause),
            "target_language": lambda _, clause: [Fill(name) for name in arguments.languages(clause.text)[0]],
            "source_language": lambda _, clause: _given(arguments.languages(clause.text)[1]),
            "labels": lambda _, clause: _given(", ".join(arguments.labels(clause.text))),
            "instruction": lambda row, clause: (
                self._writing(clause) if row.slots[0].media == "text" else self._instruction(clause)
            ),
            "other_text": lambda _, clause: self._pair(clause)[1:],
            "text": self._main,
        }

    def about(self, row: TaskRow, clause: Clause) -> list[Fill]:
        """Return the text a clause is about: one it names or quotes, else the last one made, else one given."""
        return (
            self._result(clause)
            or self._quoted(clause)
            or _text_file(clause.files)
            or (self.read_first(clause) if clause.files else [])
            or self._last(row, clause)
            or self._said()
            or self._from_before(clause)
            or _text_file(self.files)
            or self.read_first(clause)
            or self.steps.making("text")
            or _given(arguments.inline(clause.text))
            or self._before()
        )

    def question(self, clause: Clause) -> list[Fill]:
        """Return the question: quoted, given elsewhere, spoken in a recording, or the clause itself."""
        said = (*clause.quotes, *self.request.quotes, self.request.payload or "")
        asked = [text for text in said if text.endswith("?")]
        free = [quote for quote in asked if quote not in self.used]
        if free:
            self.used.add(free[0])
            return [Fill(free[0])]
        if ASKED_BEFORE.match(clause.text):
            written = arguments.question(self.request.payload or clause.text)
            return self.steps.latest(DOCUMENTS) or self._spoken_question(clause) or [Fill(written)]
        return [Fill(arguments.question(clause.text))]

    def _spoken_question(self, clause: Clause) -> list[Fill]:
        """Return the transcript of a recording when the request speaks of a question and none is written."""
        asked = any("question" in part.text.lower() for part in self.request.clauses)
        heard = [file for file in self.files if file.media == "audio"]
        return self.read_first(replace(clause, files=(heard[-1],))) if asked and heard else []

    def _main(self, row: TaskRow, clause: Clause) -> list[Fill]:
        if row.slot("other_text"):
            return self._pair(clause)[:1]
        if not all(slot.required for slot in row.slots if slot.name == "text"):
            return self._quoted(clause)
        return self._prompt(row, clause) if prompted(row) else self.about(row, clause)

    def _result(self, clause: Clause) -> list[Fill]:
        """Return the output a clause calls by what it is, such as `the summary`."""
        rest = clause.text.partition(" ")[2]
        for quote in clause.quotes:
            rest = rest.replace(quote, "")
        wanted = (names for words, names in RESULTS if re.search(rf"\b(?:{words})\b", rest, re.I))
        named = {name for names in wanted for name in names}
        before = [result.text for result in self.earlier if result.name in named]
        counted = [place(match["place"], len(before)) for match in COUNTED.finditer(clause.text)]
        meant = [before[at] for at in counted if at is not None] or before[-1:]
        return self.steps.latest(named) or [Fill(text) for text in meant]

    def _from_before(self, clause: Clause) -> list[Fill]:
        """Return the last text of the turns before when a clause points back: `translate it`."""
        return self._before() if REFERS.search(clause.text) else []

    def _before(self) -> list[Fill]:
        """Return the last text of the turns before: `shorter, please`."""
        readable = [result.text for result in self.earlier if result.name in (*DOCUMENTS, *ANSWERS)]
        return [Fill(text) for text in readable[-1:]]

    def _last(self, row: TaskRow, clause: Clause) -> list[Fill]:
        if row.name in DIGESTS:
            return self.steps.latest(DOCUMENTS)
        made = self.steps.making("text")
        if THEM.search(clause.text) and made and self.steps.row_of(str(made[0].source)).name in LISTS:
            return made
        said = IT.search(clause.text) and (self.request.payload or self.request.quotes)
        # Labels are not what `translate it` is about where there is a text that they were given to.
        labels = row.name == "translation" and said
        return self.steps.latest((*DOCUMENTS, *ANSWERS)) or ([] if labels else made)

    def _quoted(self, clause: Clause) -> list[Fill]:
        free = [quote for quote in clause.quotes if quote not in self.used]
        self.used.update(free)
        return [Fill(quote) for quote in free]

    def _said(self) -> list[Fill]:
        """Return the text given elsewhere in the request: after a colon, or quoted."""
        free = [quote for quote in self.request.quotes if quote not in self.used]
        self.used.update(free[:1])
        return _given(self.request.payload or next(iter((*free, *self.request.quotes[-1:])), None))

    def _prompt(self, row: TaskRow, clause: Clause) -> list[Fill]:
        """Return what a text, picture, video or sound is to be made from."""
        writes = row.name in WRITERS
        refers = REFERS.search(clause.text) is not None
        last = self._last(row, clause) or self._from_before(clause)
        if made := self._result(clause) or (last if refers else []):
            return made
        if row.slot("instruction") and (seen := self._seen(clause)):
            return seen
        if clause.quotes:
            return (not writes and _given(arguments.lettered(clause.text))) or self._quoted(clause)
        own = clause.text.strip().rstrip(".") if writes else arguments.prompt(clause.text)
        if given := self._said():
            return given if row.slot("instruction") or not writes else [Fill(f"{own}: {given[0].value}")]
        bare = len(own.split()) < (5 if writes else 2)
        if bare and last:
            return last
        self.spoken.add(clause)
        return _text_file(clause.files) or _given(own)

    def _seen(self, clause: Clause) -> list[Fill]:
        """Return the text of the file that a clause wants something written about."""
        media = {medium for medium, words in ABOUT.items() if words.search(clause.text)}
        meant = clause.files or [file for file in self.files if file.media in media][-1:]
        return self.read_first(replace(clause, files=tuple(meant))) if meant else []

    def _writing(self, clause: Clause) -> list[Fill]:
        """Return what to write about a text: `write a poem about this text`."""
        return [] if clause in self.spoken and not clause.files else _given(clause.plain)

    def _pair(self, clause: Clause) -> list[Fill]:
        """Return the two texts to compare: quoted with the clause, made before, or given elsewhere."""
        quoted, made = [Fill(quote) for quote in clause.quotes], self._made_texts()
        if len(quoted) >= 2:
            return quoted[:2]
        if len(before := self._result(clause)) >= 2 and not quoted:
            return before[:2]
        if len(made) >= 2 and not quoted:
            return made[-2:]
        lines = re.split(r"\n+|\s+(?:and|vs\.?)\s+", self.request.payload or "")
        given = [Fill(text) for text in (*self.request.quotes, *lines) if text and Fill(text) not in quoted]
        return [*made[-1:], *quoted, *given][:2]

    def _made_texts(self) -> list[Fill]:
        """Return the texts made so far: of each group the first, or all of a group that works on several files."""
        several = self.steps.making("text")
        return several if len(several) > 1 else self.steps.texts()

    def _instruction(self, clause: Clause) -> list[Fill]:
        if made := self._result(clause):
            return made
        if FOLLOWS.search(clause.text) and REFERS.search(clause.text) and (made := self.steps.making("text")):
            return made
        return _given(arguments.instruction(clause.text))


def _given(value: str | None) -> list[Fill]:
    return [Fill(value)] if value else []


def _text_file(files: Sequence[Artifact]) -> list[Fill]:
    return [Fill(file.ref) for file in files if file.media == "text"][-1:]
