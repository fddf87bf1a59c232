"""What corrects the similarity of a task type: the media there are, and words that say which kind of task is meant."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from graph.planners.retrieval_arguments import labels, names_a_language
from graph.planners.retrieval_clauses import Clause
from graph.planners.retrieval_cues import stems
from graph.planners.retrieval_following import draws
from graph.planners.retrieval_results import WRITERS
from graph.planners.retrieval_shared import ONE
from graph.planners.retrieval_words import DRAWS, KINDS, MEDIA_WORDS, QUESTION, TOLD, wanted_medium
from tools.outputs import Media
from tools.tasks import TaskRow

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
OF_SOMETHING = re.compile(
    rf"^\w+ (?:(?:me|us) )?{ONE} (?:of|about|showing|that shows?|with) (?:an?|some|two|three|several)\b", re.I
)
"""Says what a new thing is to show, and that this is nothing that is there: `show me a video of a cat`."""
WRITES = re.compile(
    r"^(?:writ|compos|draft|generat|creat|mak|produc|com(?:e|ing) up|think|"
    r"(?:(?:tell|giv|show|get)\w* (?:me |us )?)?(?:an?|another|some)\b)",
    re.I,
)
TELLS = re.compile(r"tell\b", re.I)
OBJECT = re.compile(rf"\w+ (?:this|the|my) (?:\w+ )?{MEDIA_WORDS['image']}(?! of (?:an?|some)\b)", re.I)
"""Does something to a picture that is there: `make this photo black and white`."""
KEYS = {
    "canny": r"canny|\bedges?\b|outline",
    "hed": r"\bhed\b|holistic|soft",
    "seg": "segment",
    "openpose": "pose",
    "mlsd": "mlsd|straight|line segment",
}
"""Words without which a clause is not about a condition image of that kind, where they are not its name."""
CONDITION = re.compile(r"(\w+)-control$")
IT = re.compile(r"^\w+ (?:it|them|this|that)\b", re.I)


@dataclass(frozen=True)
class Case:
    """A clause and a row that may be meant, with what there is to work on by then."""

    clause: Clause
    row: TaskRow
    rows: Mapping[str, TaskRow]
    given: tuple[Media, ...]
    made: tuple[Media, ...]
    """Media made by the clauses before, in order."""

    @property
    def needs(self) -> set[Media]:
        """The media, apart from text, that the row cannot do without."""
        return {slot.media for slot in self.row.slots if slot.required and slot.media != "text"}


def prompted(row: TaskRow) -> bool:
    """Tell whether a row's text is a prompt: a description of what is to be made."""
    return row.name in WRITERS or (row.makes[0] != "text" and row.name != "text-to-speech")


@cache
def called(*names: str) -> re.Pattern[str]:
    """Return the pattern of a row's names; single words are left out, as they also mean what the task made."""
    telling = [name for name in names if "-" in name or len(name) <= 3]
    spaced = (re.escape(name).replace("\\-", "[ -]") for name in telling)
    result_of = r"(?<!from )(?<!from the )(?<!of the )(?<!by the )"
    return re.compile(rf"{result_of}\b(?:{'|'.join(spaced) or '(?!)'})\b", re.I)


@cache
def opening_words(examples: tuple[str, ...]) -> frozenset[str]:
    """Return the first words of a row's examples."""
    return frozenset(example.split()[0].lower() for example in examples)


def _opens(case: Case) -> float:
    first = set(stems(case.clause.plain))
    openers = [name for name, other in case.rows.items() if first & opening_words(other.examples)]
    return 1 / len(openers) if case.row.name in openers else 0


def _asks(case: Case) -> bool:
    return case.row.slot("question") is not None and QUESTION.match(case.clause.plain) is not None


def _tells(case: Case) -> bool:
    if not case.row.slot("question") or QUESTION.match(case.clause.plain):
        return False
    return not MAY_ASK.intersection(stems(case.clause.plain))


def _made(case: Case) -> float:
    wanted = wanted_medium(case.clause.plain)
    if wanted is None:
        return 0
    if DRAWS.match(case.clause.plain) and "image" not in case.row.makes:
        return -3
    return 1 if wanted == case.row.makes[0] else 0 if wanted in case.row.makes else -1


def _kind(case: Case) -> bool:
    """Tell whether the task makes the kind of text that is wanted, whatever that is about."""
    wish = re.split(r"\b(?:about|on|from|of|for|with)\b", case.clause.plain, maxsplit=1)[0]
    kinds = TOLD if TELLS.match(wish) and not (case.given or case.made) else KINDS
    kind = kinds.get(case.row.name)
    return kind is not None and WRITES.match(wish) is not None and kind.search(wish) is not None


def _unlabelled(case: Case) -> bool:
    zero_shot = case.row.slot("labels") is not None and case.row.name.startswith("zero-shot")
    return zero_shot and len(labels(case.clause.text)) < 2


def _unconditioned(case: Case) -> bool:
    keyed = CONDITION.match(case.row.name)
    if keyed is None:
        return False
    spoken_of = re.search(KEYS.get(keyed[1], keyed[1]), case.clause.plain, re.I)
    return spoken_of is None or draws(case.clause)


def _new(text: str) -> bool:
    return (NEW_IMAGE.match(text) or OF_SOMETHING.match(text)) is not None


def _unread(case: Case) -> bool:
    there = {*case.given, *case.made}
    speaks = not case.needs and "text" not in case.row.makes and not prompted(case.row)
    return speaks and bool(there) and "text" not in there


def _passed_by(case: Case) -> bool:
    if case.needs or _kind(case):
        return False
    changes = case.row.makes[0] == "image" and "image" in case.given and OBJECT.match(case.clause.plain)
    return bool(changes) or any(file.media != "text" for file in case.clause.files)


RULES: Mapping[str, Callable[[Case], float]] = {
    # A medium the task works on is neither given nor made before.
    "missing": lambda case: bool(case.needs - {*case.given, *case.made}),
    # The task works on the file that was given, and nothing was made of it yet.
    "at_hand": lambda case: bool(case.needs) and case.needs <= {*case.given} and not case.made,
    # The clause is about `it`, and the task works on what was made last.
    "latest": lambda case: case.needs == {*case.made[-1:]} and IT.match(case.clause.plain) is not None,
    # The clause names a file or wants a picture changed, and the task takes none.
    "passed_by": _passed_by,
    # There is no text to speak yet: with a picture, `read it` means what is printed there.
    "unread": _unread,
    # The task answers questions, and the clause is one.
    "asking": lambda case: _asks(case) and bool(case.given),
    # The task answers questions, and the clause asks nothing: `swap the blue car for a red one`.
    "unasked": _tells,
    # The task is called by its name.
    "named": lambda case: called(case.row.name, *case.row.aliases).search(case.clause.plain) is not None,
    # The first word of the clause opens an example, shared among all rows with such an example.
    "opening": _opens,
    # The task makes what the clause asks for (`generate a description`), or something else.
    "made": _made,
    # The clause wants the kind of text that the task makes: `write a poem about the summary`.
    "kind": _kind,
    # The task starts from an image, and the clause wants something new: `create a new image`, `a video of a cat`.
    "anew": lambda case: "image" in case.needs and _new(case.clause.plain),
    # The task translates, and no language is named.
    "no_language": lambda case: case.row.name == "translation" and not names_a_language(case.clause.text),
    "no_labels": _unlabelled,
    "no_condition": _unconditioned,
}
"""How far each correction applies, mostly not at all (0) or fully (1)."""
WEIGHTS: dict[str, float] = {
    "missing": -0.35,
    "at_hand": 0.05,
    "latest": 0.1,
    "passed_by": -0.1,
    "unread": -0.12,
    "asking": 0.1,
    "unasked": -0.15,
    "named": 0.25,
    "opening": 0.2,
    "made": 0.1,
    "kind": 0.25,
    "anew": -0.08,
    "no_language": -0.05,
    "no_labels": -1,
    "no_condition": -1,
    "clear": 0.45,
    "vague": 0.6,
}
"""What each correction adds to a similarity, and the least similarity for a clause that opens with a command (`clear`)
and for a fragment that may be the tail of another (`vague`). Round numbers, set by hand; `benchmarks/weights.py` shows
what fitting them would gain."""


def correction(case: Case) -> float:
    """Return what is added to the similarity of a row for a clause."""
    return sum(WEIGHTS[name] * rule(case) for name, rule in RULES.items())
