"""Fill the slots of the chosen tasks: with files, with texts of the request, with outputs of earlier tasks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graph.planners import retrieval_arguments as arguments
from graph.planners.retrieval_clauses import Clause, Request
from graph.planners.retrieval_following import CREATES, MAKERS, kind_followed
from graph.planners.retrieval_guides import Guide, guide, kind_of
from graph.planners.retrieval_matching import Pick
from graph.planners.retrieval_results import ANSWERS
from graph.planners.retrieval_steps import Earlier, Fill, Step, Steps
from graph.planners.retrieval_texts import Texts
from tools.errors import InputError
from tools.outputs import Artifact, Media
from tools.tasks import Slot, TaskRow

SURE = 0.6
"""From this similarity on, a missing file is the user's mistake; below, the match is."""
TRANSLATABLE = ("summarization", "image-to-text", *ANSWERS)
"""Tasks whose output is translated when they are asked for `in German`."""
IN_LANGUAGE = re.compile(
    rf"\b(?:in|into|to) {arguments.LANGUAGE.pattern}(?:(?:,| and|, and) {arguments.LANGUAGE.pattern})*", re.I
)
REPEATABLE = (
    *("translation", "text-generation", "conversational", "image-to-image", "table-question-answering"),
)
"""Tasks that make sense on their own output."""
ALOUD = re.compile(r"\b(?:(?:with|in|using) your (?:own )?voice|by voice|aloud|out loud)\b", re.I)
MANY = re.compile(
    r"\b(both|all|each|every|them|these|those|two|three|four|images|photos|pictures|recordings|files|pages|videos)\b",
    re.I,
)
SUMMARY = re.compile(r"\b(?:the|its|a|your)(?: short| brief)? summary\b", re.I)
FIRST = re.compile(r"\b(original|source|input|given|uploaded|attached|provided)\b", re.I)
"""Says that the file is meant rather than what was made from it."""
CONTENT = re.compile(r"\b(?:contents?|subjects?|objects) (?:of|in|from)\b", re.I)
READERS: Mapping[Media, str] = {"audio": "automatic-speech-recognition", "image": "image-to-text"}
"""What turns a file into text when a task wants text and there is only the file."""
FILE_WORDS: Mapping[Media, str] = {
    "audio": "an audio file",
    "image": "an image",
    "video": "a video",
    "table": "a table",
}


class Unfilled(Exception):  # noqa: N818 (a signal within this module, not an error of the user)
    """A slot of a task that nothing fits."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(slot.name)
        self.slot = slot


class Linker:
    """Turns picks into steps, in order."""

    def __init__(
        self,
        request: Request,
        files: Sequence[Artifact],
        rows: Mapping[str, TaskRow],
        earlier: Sequence[Earlier] = (),
    ) -> None:
        self.request = request
        self.files = files
        self.rows = rows
        self.steps = Steps()
        self.texts = Texts(request, files, rows, self.steps, earlier, self._read_first)

    def link(self, picks: Sequence[Pick]) -> list[Step]:
        """Make the steps.

        Raises:
            InputError: A task needs a file or a text that is not there.
        """
        for pick in picks:
            try:
                self._summarise(pick)
                self._add(pick.row, pick.clause)
            except Unfilled as missing:
                self._give_up(pick, missing.slot, alone=len(picks) == 1)
        return self.steps.all

    def _summarise(self, pick: Pick) -> None:
        """Add the summary that a clause speaks of when none was asked for: `translate the summary`."""
        row = self.rows.get("summarization")
        if row is None or pick.row == row or not SUMMARY.search(pick.clause.text):
            return
        there = self.steps.all or pick.clause.files or self.request.payload
        if there and not self.steps.latest({row.name}):
            self._add(row, replace(pick.clause, text="summarise it", quotes=()))

    def _give_up(self, pick: Pick, slot: Slot, *, alone: bool) -> None:
        """Answer a question with nothing to look it up in from memory; for the rest, say what is missing."""
        if slot.name == "context":
            if not alone and "conversational" in self.rows:
                asked = self.texts.question(pick.clause)
                self.steps.put(self.rows["conversational"], pick.clause, {"text": asked})
        elif pick.score >= SURE and slot.media == "text":
            raise InputError(
                "This needs a text: put it in quotes or after a colon, or attach a file (--file on the command line)."
            )
        elif pick.score >= SURE:
            raise InputError(f"This needs {FILE_WORDS[slot.media]}; attach one (--file on the command line).")

    def _add(self, row: TaskRow, clause: Clause) -> None:
        filled: dict[str, list[Fill]] = {}
        for slot in row.slots:
            fills = self._fills(row, slot, clause)
            if fills:
                filled[slot.name] = fills
            elif slot.required:
                raise Unfilled(slot)
        if row.name == "text-to-speech":
            filled["text"] = self._translated(clause, self.steps.as_asked(filled["text"]))
        if row.name in REPEATABLE or not self._feeds_itself(row, filled):
            outputs = self._translate(row, clause, self.steps.put(row, clause, filled))
            self._speak(row, clause, outputs)

    def _translate(self, row: TaskRow, clause: Clause, outputs: Sequence[Fill]) -> Sequence[Fill]:
        """Add a translation when a task is asked for in a language; return what is left in the end."""
        return self._translated(clause, outputs) if row.name in TRANSLATABLE else outputs

    def _speak(self, row: TaskRow, clause: Clause, outputs: Sequence[Fill]) -> None:
        """Add speech when a task that makes text is asked for aloud: `describe it with your voice`."""
        speech = self.rows.get("text-to-speech")
        if speech and row.makes[0] == "text" and ALOUD.search(clause.text):
            self.steps.put(speech, clause, {"text": outputs})

    def _translated(self, clause: Clause, texts: Sequence[Fill]) -> list[Fill]:
        """Return texts in the language that a clause names: `read it aloud in French`."""
        wanted, row = IN_LANGUAGE.search(clause.text), self.rows.get("translation")
        if not wanted or row is None or any(fill in self.steps.latest({row.name}) for fill in texts):
            return list(texts)
        language = [Fill(name) for name in arguments.languages(wanted[0])[0]]
        return self.steps.put(row, clause, {"text": texts, "target_language": language})

    def _feeds_itself(self, row: TaskRow, filled: Mapping[str, Sequence[Fill]]) -> bool:
        """Tell whether a task would work on its own kind of output: then the clause only repeats what was asked."""
        sources = [fill.source for fills in filled.values() for fill in fills if fill.source]
        return any(self.steps.row_of(source) == row for source in sources)

    def _fills(self, row: TaskRow, slot: Slot, clause: Clause) -> list[Fill]:
        kind, found = kind_followed(row), guide(clause)
        if kind and found and slot.media == "image":
            return self._condition(kind, found, clause)
        if kind and found:
            return self._shown(row, found, clause)
        if slot.media != "text":
            return self._medium(slot.media, clause)
        return self.texts.fillers().get(slot.name, self.texts.about)(row, clause)

    def _condition(self, kind: str, found: Guide, clause: Clause) -> list[Fill]:
        """Return the condition image that a picture is to follow; where there is none, it is made first."""
        row = self.rows.get(MAKERS[kind])
        named = tuple(file for file in clause.files if file.name in found.said)
        if row and not named and (made := self.steps.latest({row.name})):
            return made
        if own := [file for file in named or self.files if kind_of(file) == kind]:
            return [Fill(own[-1].ref)]
        source = self._medium("image", replace(clause, files=named))
        if row is None or found.is_image or not source:
            return source
        return self.steps.put(row, clause, {row.slots[0].name: source})

    def _shown(self, row: TaskRow, found: Guide, clause: Clause) -> list[Fill]:
        """Return what a picture that follows another is to show: what is said, or what a further picture shows."""
        others = tuple(file for file in clause.files if file.name not in found.said)
        if others and CONTENT.search(found.rest):
            return self._read_first(replace(clause, files=others))
        said = CREATES.sub("", found.rest)
        return self.texts.fillers()["text"](row, replace(clause, text=said)) or [Fill(said)]

    def _read_first(self, clause: Clause) -> list[Fill]:
        """Add the task that turns a recording or a page into text."""
        for file in (*clause.files, *reversed(self.files)):
            row = self.rows.get(READERS.get(file.media, ""))
            if row is not None:
                return self.steps.put(row, clause, {row.slots[0].name: self._medium(file.media, clause)})
        return []

    def _medium(self, medium: Media, clause: Clause) -> list[Fill]:
        """Return the files or outputs of a medium that a clause is about."""
        if named := [file for file in clause.files if file.media == medium]:
            return [Fill(file.ref) for file in named]
        made, given = self.steps.making(medium), self._given(medium, clause)
        if made and not FIRST.search(clause.text):
            return made
        return given or made or self.steps.beside(medium)

    def _given(self, medium: Media, clause: Clause) -> list[Fill]:
        """Return the last file of a medium, or all where a clause speaks of several."""
        files = [file for file in self.files if file.media == medium]
        named = [file for file in self.request.files if file.media == medium]
        meant = named or files
        told = [part.text for part in self.request.clauses if part.files and not part.plain]
        several = any(MANY.search(text) for text in (clause.text, *told))
        return [Fill(file.ref) for file in (meant if several else meant[-1:])]
