"""Choose a task type for each clause: the closest example phrase, corrected by what is there to work on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graph.planners.retrieval_arguments import LANGUAGE, labels
from graph.planners.retrieval_clauses import Clause, Request
from graph.planners.retrieval_following import guided, kind_followed
from graph.planners.retrieval_results import ANSWERS, RESULTS
from graph.planners.retrieval_weights import WEIGHTS, Case, correction
from graph.planners.retrieval_words import (
    ANSWERERS,
    ASKS,
    CLASSIFIERS,
    CLASSIFIES,
    MEDIA_WORDS,
    PAGES,
    READ,
)
from tools.outputs import Artifact, Media
from tools.tasks import TaskRow

LEANS = re.compile(r"(?:based on|depending on|according to|using|from|with)\b", re.I)
"""What opens a clause about what another starts from."""


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


class Matcher:
    """Goes through the clauses in order and keeps track of the media there are by then."""

    def __init__(self, request: Request, files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> None:
        self.rows = rows
        self.request = request
        self.files = files
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
            return pick.score < WEIGHTS["vague"] or pick.row.name in done
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
        if row := guided(clause, self.rows, [pick.row for pick in self.picks], self.files):
            return Pick(clause, row, 1.0)
        if (bare := without_language(clause.plain)) and bare in scores:
            pick = self._best(replace(clause, plain=bare), scores[bare])
            if pick and pick.row.name in IN_ANY_LANGUAGE and pick.score >= WEIGHTS["vague"]:
                return replace(pick, clause=clause)
        return self._best(clause, scores[clause.plain])

    def _best(self, clause: Clause, similar: Mapping[str, float]) -> Pick | None:
        fitted = {
            name: similar[name] + self._fit(clause, row)
            for name, row in self.rows.items()
            if kind_followed(row) is None
        }
        best, score = self._asked(clause, fitted)
        name = self._member(clause, best)
        least = WEIGHTS["clear" if clause.command else "vague"]
        worth = max(similar[best], score)
        return Pick(clause, self.rows[name], worth) if worth >= least else None

    def _fit(self, clause: Clause, row: TaskRow) -> float:
        """Return what is added to a row's similarity for this clause."""
        made = tuple(pick.row.makes[0] for pick in self.picks)
        return correction(Case(clause, row, self.rows, tuple(self.given), made))

    def _asked(self, clause: Clause, fitted: Mapping[str, float]) -> tuple[str, float]:
        """Return the best row and its score; a question counts for the rows that answer questions."""
        name = max(fitted, key=lambda key: fitted[key])
        askable = [key for key, row in self.rows.items() if row.slot("question")]
        small_talk = re.search(r"\byou\b", clause.text, re.I)
        before = [pick.row.name for pick in self.picks if pick.clause.sentence != clause.sentence]
        weak = fitted[name] < WEIGHTS["clear"] or name in before
        if askable and ASKS.match(clause.plain) and weak and self.given and not small_talk:
            return askable[0], WEIGHTS["clear"]
        return name, fitted[name]

    def _member(self, clause: Clause, name: str) -> str:
        """Of tasks that do the same to different media, take the one for the medium at hand."""
        if self.rows[name].slot("question"):
            page = READ.match(clause.plain) and "image" in self.given
            wanted = "image-to-text" if page else self._answerer(clause)
        elif name in CLASSIFIERS.values() and CLASSIFIES.search(clause.plain):
            wanted = CLASSIFIERS["table" if self._tabular(clause) else self._medium(clause)]
            if f"zero-shot-{wanted}" in self.rows and len(labels(clause.text)) > 1:
                wanted = f"zero-shot-{wanted}"
        else:
            return name
        return wanted if wanted in self.rows else name

    def _tabular(self, clause: Clause) -> bool:
        """Tell whether a clause is about a table, and there is something the row for tables takes."""
        row = self.rows.get(CLASSIFIERS["table"])
        if row is None or row.slots[0].media not in self.given:
            return False
        told = [part.text for part in self.request.clauses if not part.plain]
        vague = not any(re.search(words, clause.text, re.I) for words in MEDIA_WORDS.values())
        texts = [clause.text, *(told if vague and not self.picks else [])]
        return any(re.search(MEDIA_WORDS["table"], text, re.I) for text in texts)

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
        makers = ("text-generation", "text-to-image", "text-to-video", "text-to-audio")
        return before.row.name in makers or kind_followed(before.row) is not None

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
            done = [pick.row for pick in self.picks[:-1]]
            row = guided(longer, self.rows, done, self.files) or last.row
            self.picks[-1] = replace(last, clause=longer, row=row)
