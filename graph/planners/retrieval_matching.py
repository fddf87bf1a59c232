"""Choose a task type for each clause: the closest example phrase, corrected by what is there to work on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from graph.planners.retrieval_arguments import LANGUAGE, labels, names_a_language
from graph.planners.retrieval_clauses import Clause, Request, stems
from graph.planners.retrieval_results import ANSWERS, RESULTS
from graph.planners.retrieval_texts import prompted
from graph.planners.retrieval_words import (
    ANSWERERS,
    ASKS,
    CLASSIFIERS,
    CLASSIFIES,
    DRAWS,
    MEDIA_WORDS,
    PAGES,
    QUESTION,
    wanted_medium,
)
from tools.outputs import Artifact, Media
from tools.tasks import TaskRow

CLEAR = 0.45
"""Least similarity for a clause that opens with a command."""
VAGUE = 0.6
"""Least similarity for a fragment, which may be the tail of the clause before."""
MISSING = 0.35
"""Taken off when a medium the task works on is neither given nor made before."""
NAMED = 0.25
"""Added when the task is called by its name."""
AT_HAND = 0.05
"""Added to tasks on the file that was given, before anything was made of it."""
ASKING = 0.1
"""Added to the tasks that answer questions when the clause is one."""
OPENING = 0.2
"""Added when the first word of the clause opens an example, shared among all rows with such an example."""

UNASKED = 0.15
"""Taken off tasks that answer questions when the clause asks nothing: `swap the blue car for a red one`."""
PASSED_BY = 0.1
"""Taken off when the clause names a file that the task cannot take."""
UNREAD = 0.12
"""Taken off speaking when there is no text yet: with a picture, `read it` means what is printed there."""
ANEW = 0.08
"""Taken off tasks that change an image when the clause wants one made: `create a new image`."""
MADE = 0.1
"""Added when the task makes what the clause asks for (`generate a description`), taken off when it does not."""

WORDS = """
answer ask find look get tell say check determine extract read use using search identify respond query give show know
learn have according based figure work compare see provide obtain receive hear let
"""
MAY_ASK = frozenset(WORDS.split())
"""Verbs that may open the wish for an answer."""
NEW_IMAGE = re.compile(
    r"^(?:generat|creat|produc|mak|provid|giv|get|hav)\w*(?: me)? (?:an?|another|some)(?: \w+)? "
    r"(?:image|picture|photo|illustration|drawing|painting)\b",
    re.I,
)
KEYS = {"seg": "segment", "openpose": "pose", "mlsd": "mlsd|straight|line segment"}
"""Words without which a clause is not about a condition image of that kind, where they are not its name."""
CONDITIONED = re.compile(r"(\w+)-(?:control|text-to-image)$")


LEANS = re.compile(r"(?:based on|depending on|according to|using|from|with)\b", re.I)
"""What opens a clause about what another starts from."""
IT = re.compile(r"^\w+ (?:it|them|this|that)\b", re.I)
LATEST = 0.1
"""Added to tasks on the medium made last when the clause is about `it`."""


@dataclass(frozen=True)
class Pick:
    """A task type chosen for a clause."""

    clause: Clause
    row: TaskRow
    score: float
    """Similarity to the closest example, 0 to 1, before corrections."""


IN_ANY_LANGUAGE = ("summarization", "image-to-text", "text-to-speech", *ANSWERS)
"""Tasks that may be asked for `in German`, which then means a translation besides."""


def without_language(text: str) -> str | None:
    """Return what is wanted in a language, `a summary` of `a summary in German`; None when none is named so."""
    bare = re.sub(rf"\s+in {LANGUAGE.pattern}", "", text, flags=re.I)
    translates = re.match(r"(?:translat|put|render|express|convert|turn|switch|chang)", text, re.I)
    return None if bare == text or translates or len(bare.split()) < 2 else bare


@cache
def called(row: TaskRow) -> re.Pattern[str]:
    """Return the pattern of a row's names; single words are left out, as they also mean what the task made."""
    names = [name for name in (row.name, *row.aliases) if "-" in name or len(name) <= 3]
    spaced = (re.escape(name).replace("\\-", "[ -]") for name in names)
    result_of = r"(?<!from )(?<!from the )(?<!of the )(?<!by the )"
    return re.compile(rf"{result_of}\b(?:{'|'.join(spaced) or '(?!)'})\b", re.I)


def _speaks_of(key: str, text: str) -> bool:
    return re.search(KEYS.get(key, key), text, re.I) is not None


def made(clause: Clause, row: TaskRow) -> float:
    """Return what is added because a row makes, or does not make, the thing a clause asks for."""
    wanted = wanted_medium(clause.plain)
    if re.match(r"\w+-text-to-image$", row.name):
        # Without a picture to make, the clause asks for the condition image itself.
        return MADE if wanted == "image" else -3 * MADE
    if wanted is None:
        return 0.0
    if DRAWS.match(clause.plain) and "image" not in row.makes:
        return -3 * MADE
    return MADE if wanted == row.makes[0] else 0.0 if wanted in row.makes else -MADE


@cache
def opening_words(row: TaskRow) -> frozenset[str]:
    """Return the first words of a row's examples."""
    return frozenset(example.split()[0].lower() for example in row.examples)


class Matcher:
    """Goes through the clauses in order and keeps track of the media there are by then."""

    def __init__(self, request: Request, files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> None:
        self.rows = rows
        self.request = request
        self.given: list[Media] = [file.media for file in files]
        if request.payload or request.quotes:
            self.given.insert(0, "text")
        self.named: list[Media] = []
        """Media of the files named so far."""
        self.picks: list[Pick] = []
        words = [clause.text for clause in request.clauses] + [file.name for file in files]
        self.has_page = any(PAGES.search(word.replace("_", " ")) for word in words)

    def choose(self, scores: Mapping[str, Mapping[str, float]]) -> list[Pick]:
        """Choose a task type for every clause that asks for one.

        Args:
            scores: Similarity by row, for the plain form of every clause that has one.
        """
        for clause in self.request.clauses:
            self.named.extend(file.media for file in clause.files)
            pick = self._pick(clause, scores) if clause.plain else None
            if pick and self._leans(clause, pick):
                continue
            if pick is None or self._repeats(pick) or self._adds_detail(pick):
                self._lengthen(clause)
            else:
                self._put(pick)
        return self.picks

    def _leans(self, clause: Clause, pick: Pick) -> bool:
        """Tell whether a clause only speaks of what is made elsewhere: `based on the answer, ...`."""
        done = [other.row.name for other in self.picks]
        if clause.aside:
            return pick.score < VAGUE or pick.row.name in done
        names = {
            name
            for words, found in RESULTS
            if re.search(rf"\b(?:{words})\b", clause.text, re.I)
            for name in found
        }
        return LEANS.match(clause.plain) is not None and (
            pick.row.name in done or bool(names.intersection(done))
        )

    def _put(self, pick: Pick) -> None:
        """Add a pick; what another one is to be based on comes before that one."""
        last = self.picks[-1] if self.picks else None
        based = LEANS.match(pick.clause.plain) and last and last.clause.sentence == pick.clause.sentence
        self.picks.insert(len(self.picks) - bool(based), pick)

    def _pick(self, clause: Clause, scores: Mapping[str, Mapping[str, float]]) -> Pick | None:
        """Return the pick for a clause; a language to have it in comes second to what is wanted in it."""
        if (bare := without_language(clause.plain)) and bare in scores:
            pick = self._best(replace(clause, plain=bare), scores[bare])
            if pick and pick.row.name in IN_ANY_LANGUAGE and pick.score >= VAGUE:
                return replace(pick, clause=clause)
        return self._best(clause, scores[clause.plain])

    def _best(self, clause: Clause, similar: Mapping[str, float]) -> Pick | None:
        fitted = {name: similar[name] + self._fit(clause, row) for name, row in self.rows.items()}
        best, score = self._asked(clause, fitted)
        name = self._member(clause, best)
        least = CLEAR if clause.command else VAGUE
        worth = max(similar[best], score)
        return Pick(clause, self.rows[name], worth) if worth >= least else None

    def _fit(self, clause: Clause, row: TaskRow) -> float:
        """Return what is added to a row's similarity for this clause."""
        there = {*self.given, *(pick.row.makes[0] for pick in self.picks)}
        needs = {slot.media for slot in row.slots if slot.required and slot.media != "text"}
        fit = -MISSING if needs - there else AT_HAND if needs and not self.picks else 0.0
        if row.slot("question"):
            asks = QUESTION.match(clause.plain) is not None
            fit += (
                ASKING
                if asks and self.given
                else 0
                if asks or MAY_ASK.intersection(stems(clause.plain))
                else -UNASKED
            )
        if any(file.media not in (*needs, "text") for file in clause.files) and not needs:
            fit -= PASSED_BY
        if not needs and "text" not in there and there and "text" not in row.makes and not prompted(row):
            fit -= UNREAD
        if self.picks and needs == {self.picks[-1].row.makes[0]} and IT.match(clause.plain):
            fit += LATEST
        if "image" in needs and NEW_IMAGE.match(clause.plain):
            fit -= ANEW
        if row.slot("labels") and row.name.startswith("zero-shot") and len(labels(clause.text)) < 2:
            fit -= 1
        if (keyed := CONDITIONED.match(row.name)) and not _speaks_of(keyed[1], clause.plain):
            fit -= 1
        if row.name == "translation" and not names_a_language(clause.text):
            fit -= 0.05
        return (
            fit
            + (NAMED if called(row).search(clause.plain) else 0)
            + self._opening(clause, row)
            + made(clause, row)
        )

    def _opening(self, clause: Clause, row: TaskRow) -> float:
        first = set(stems(clause.plain))
        openers = [name for name, other in self.rows.items() if first & opening_words(other)]
        return OPENING / len(openers) if row.name in openers else 0.0

    def _asked(self, clause: Clause, fitted: Mapping[str, float]) -> tuple[str, float]:
        """Return the best row and its score; a question counts for the rows that answer questions."""
        name = max(fitted, key=lambda key: fitted[key])
        askable = [key for key, row in self.rows.items() if row.slot("question")]
        small_talk = re.search(r"\byou\b", clause.text, re.I)
        if askable and ASKS.match(clause.plain) and fitted[name] < CLEAR and self.given and not small_talk:
            return askable[0], CLEAR
        return name, fitted[name]

    def _member(self, clause: Clause, name: str) -> str:
        """Of tasks that do the same to different media, take the one for the medium at hand."""
        if self.rows[name].slot("question"):
            wanted = self._answerer(clause)
        elif name in CLASSIFIERS.values() and CLASSIFIES.search(clause.plain):
            wanted = CLASSIFIERS["table" if self._tabular(clause) else self._medium(clause)]
        else:
            return name
        return wanted if wanted in self.rows else name

    def _tabular(self, clause: Clause) -> bool:
        """Tell whether a clause speaks of a table, and there is something the row for tables takes."""
        row = self.rows.get(CLASSIFIERS["table"])
        return bool(
            row and row.slots[0].media in self.given and re.search(MEDIA_WORDS["table"], clause.text, re.I)
        )

    def _answerer(self, clause: Clause) -> str:
        medium = self._medium(clause)
        if "image" in self.given and (PAGES.search(clause.text) or (medium == "image" and self.has_page)):
            return "document-question-answering"
        return ANSWERERS.get(medium, "question-answering")

    def _medium(self, clause: Clause) -> Media:
        """Return the medium a clause is about: the one it names, else what was made or given last."""
        named = (medium for medium, words in MEDIA_WORDS.items() if re.search(words, clause.text, re.I))
        files: Iterator[Media] = (file.media for file in clause.files)
        return next(files, None) or next(named, None) or self._last_medium()

    def _last_medium(self) -> Media:
        made: list[Media] = [pick.row.makes[0] for pick in self.picks]
        # A page that was read is still the better source for a question about it than the text read from it.
        if (
            self.has_page
            and "image" in self.given
            and "image" not in made
            and "image" in (self.named or self.given)
        ):
            return "image"
        return ([*self.given, *self.named, *made] or ["text"])[-1]

    def _repeats(self, pick: Pick) -> bool:
        """Tell whether a clause only goes on with what the one before asked for."""
        before = self.picks[-1] if self.picks else None
        if (
            before is None
            or before.row.name != pick.row.name
            or before.clause.sentence != pick.clause.sentence
        ):
            return False
        goes_on = re.match(r"\w+ing\b", pick.clause.plain)
        return not pick.clause.command or goes_on is not None or pick.row.name == "image-to-image"

    def _adds_detail(self, pick: Pick) -> bool:
        """Tell whether a fragment goes on with the description of what is to be made: `a dragon, a castle`."""
        before = self.picks[-1] if self.picks else None
        if before is None or pick.clause.command or before.clause.sentence != pick.clause.sentence:
            return False
        return before.row.name in ("text-generation", "text-to-image", "text-to-video", "text-to-audio")

    def _lengthen(self, clause: Clause) -> None:
        """Add a clause without a task of its own to the one before it, whose tail it is."""
        if self.picks and clause.sentence == self.picks[-1].clause.sentence:
            last = self.picks[-1]
            longer = replace(
                last.clause,
                text=f"{last.clause.text}, {clause.text}",
                quotes=last.clause.quotes + clause.quotes,
                files=last.clause.files + clause.files,
            )
            self.picks[-1] = replace(last, clause=longer)
