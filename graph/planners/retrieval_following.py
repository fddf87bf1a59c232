"""Pictures that follow a condition image: which tasks make them, and which clauses want one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from graph.planners.retrieval_arguments import prompt
from graph.planners.retrieval_clauses import Clause, read
from graph.planners.retrieval_guides import ANY, NOUN, Guide, guide, kind_of
from graph.planners.retrieval_words import wanted_medium
from tools.outputs import Artifact
from tools.tasks import TaskRow

MAKERS: Mapping[str, str] = {
    **{kind: f"{kind}-control" for kind in ANY},
    "seg": "image-segmentation",
    "depth": "depth-estimation",
}
"""The task that makes a condition image of each kind."""
KINDS: Mapping[str, str] = {maker: kind for kind, maker in MAKERS.items()}
TURNS = re.compile(r"^(?:turn|convert|transform)", re.I)
CREATES = re.compile(
    r"^(?:generat|creat|mak|produc|render|design|build|imagin)\w* (?!it\b|them\b|the\b|this\b|his\b|her\b)",
    re.I,
)
PICTURE = re.compile(
    r"^(?:show (?:me |us )?)?(?:an?|another) (?:[\w-]+ ){0,2}?(?:image|picture|photo|drawing|painting)\b",
    re.I,
)
MAPS = re.compile(
    r"^\w+(?: me)? (?:an?|the|its) (?:[\w-]+ )??"
    rf"(?:(?:image|picture|map) (?:of|showing|that shows) (?:the |its )?)?{NOUN}"
    r"\s*(?:map|image|skeleton|of\b|from\b|in\b|$)",
    re.I,
)
"""Wants a condition image and no other picture."""

ARTICLE = re.compile(r"(?:an?|another|some|one|two|the) ", re.I)
ANOTHER = re.compile(r",?\s+and\s+(?=(?:an?|another|some|one|two|the)\s)", re.I)


def draws(clause: Clause, found: Guide | None = None) -> bool:
    """Tell whether a clause wants a picture made, other than a condition image."""
    wanted = wanted_medium(clause.plain)
    if found and TURNS.match(found.said):
        return wanted in (None, "image") and prompt(found.rest) != ""
    made = wanted is None and (CREATES.match(clause.plain) or PICTURE.match(clause.plain)) is not None
    return (made or wanted == "image") and not MAPS.match(clause.plain)


def guided(
    clause: Clause, rows: Mapping[str, TaskRow], done: Sequence[TaskRow], files: Sequence[Artifact]
) -> TaskRow | None:
    """Return the row that makes the picture a clause asks for, when that is to follow something; else None.

    Args:
        clause: The clause.
        rows: The task types to plan with.
        done: Those chosen for the clauses before, in order.
        files: The conversation's files, newest last.
    """
    found = guide(clause)
    if found is None or not draws(clause, found) or (found.points and not prompt(found.rest)):
        return None
    made = [KINDS.get(row.name) for row in reversed(done) if row.makes[0] == "image"]
    given = [kind_of(file) for file in reversed(files)]
    there = [*map(kind_of, clause.files), *made, *given]
    if found.points:
        # It points at the picture that was made last, and only without one at a file.
        there = made[:1] or given[:1]
    elif made or any(file.media == "image" for file in files):
        there.append(found.kinds[0])
    kind = next((kind for kind in there if kind in found.kinds), None)
    return rows.get(f"{kind}-text-to-image")


def kind_followed(row: TaskRow) -> str | None:
    """Return the kind of condition image that the pictures of a row follow; None for a row of any other sort."""
    kind = row.name.removesuffix("-text-to-image")
    return kind if kind in MAKERS and kind != row.name else None


def apart(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Yield clauses with those cut that draw several things, each with something else to follow.

    `Draw a dog in the pose of a.jpg and a cat in the pose of b.jpg` draws twice; the second has the verb of the first.
    """
    verb, sentence = "", -1
    for clause in clauses:
        if clause.sentence != sentence:
            verb, sentence = "", clause.sentence
        parts = _each(clause)
        for text in parts:
            own = _with_verb(text, verb)
            whole = len(parts) == 1 and own == clause.text
            found = clause if whole else _part(clause, text, own)
            if draws(found) and guide(found):
                verb = found.text.split()[0]
            yield found


def _each(clause: Clause) -> list[str]:
    """Return the parts of a clause that name something to follow each; the clause where they are less than two."""
    for match in ANOTHER.finditer(clause.text):
        first, rest = clause.text[: match.start()], clause.text[match.end() :]
        if _follows(clause, first) and _follows(clause, rest):
            return [first, *_each(replace(clause, text=rest))]
    return [clause.text]


def _follows(clause: Clause, text: str) -> bool:
    found = guide(replace(clause, text=text))
    return found is not None and not found.points and found.rest != ""


def _with_verb(text: str, verb: str) -> str:
    return f"{verb} {text}" if verb and ARTICLE.match(text) and guide(Clause(text, text)) else text


def _part(clause: Clause, text: str, own: str) -> Clause:
    return replace(
        clause,
        text=own,
        plain=own,
        quotes=tuple(quote for quote in clause.quotes if quote in text),
        files=tuple(file for file in clause.files if file.name in text),
        command=True,
    )


def joined(clauses: Sequence[Clause]) -> list[Clause]:
    """Return clauses with those that only say what to follow (`using the pose in a.jpg, ...`) in the ones that draw."""
    done: list[Clause] = []
    for clause in clauses:
        before = done[-1] if done and done[-1].sentence == clause.sentence else None
        if before and _leans(clause) and draws(before):
            done[-1] = _with(before, clause)
        elif before and _leans(before) and draws(clause):
            done[-1] = _with(clause, before)
        else:
            done.append(clause)
    return done


def _leans(clause: Clause) -> bool:
    found = guide(clause)
    if found is None or found.points or not clause.text.startswith(found.said):
        return False
    return re.match(r"(?:with|and)\b|$", found.rest) is not None


def _with(clause: Clause, lead: Clause) -> Clause:
    return replace(
        clause,
        text=f"{clause.text.rstrip(' .!?')}, {lead.text}",
        quotes=clause.quotes + lead.quotes,
        files=clause.files + lead.files,
    )


def conditions(request: str, files: Sequence[Artifact]) -> list[Artifact]:
    """Return those of a conversation's files that a request wants followed: `a wolf, following the edges`."""
    found = [guide(clause) for clause in read(request, files).clauses]
    kinds = {kind for one in found if one and one.kinds != ANY for kind in one.kinds}
    return [file for file in files if kind_of(file) in kinds]
