"""Cut a request into clauses: what is wanted, one thing each, apart from the texts and files it speaks of."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graph.planners.retrieval_cues import (
    AFTER,
    ANSWERED,
    ASKS,
    BREAKS,
    CHOICE,
    COMMANDS,
    CONTEXT,
    COORDINATES,
    DOING,
    FILLER,
    LABEL,
    MEDIUM_NOUN,
    POINTS,
    PROMPT,
    PROVIDES,
    RELATIVE,
    SENTENCES,
    SHOWS,
    SOURCE,
    USES,
    opens_command,
)
from graph.planners.retrieval_masks import MARK, Masks
from graph.planners.retrieval_shared import things
from tools.outputs import Artifact


@dataclass(frozen=True)
class Clause:
    """One thing a request asks for."""

    text: str
    """As it was written, without what leads in to it."""
    plain: str
    """The same with nouns for quotes and file names, to be compared with examples; empty when it asks for nothing."""
    quotes: tuple[str, ...] = ()
    files: tuple[Artifact, ...] = ()
    sentence: int = 0
    """Number of the sentence it stands in."""
    command: bool = False
    """It opens with a verb or a question word, so it is unlikely to be the tail of another."""
    aside: bool = False
    """It speaks of something that is done anyway, or else has to be done first: `after answering it, ...`."""


@dataclass(frozen=True)
class Request:
    """A request, taken apart."""

    clauses: tuple[Clause, ...]
    payload: str | None
    """The text to work on, given after a colon or an empty line."""
    quotes: tuple[str, ...]
    """All quoted texts in order."""
    files: tuple[Artifact, ...]
    """The files it names, in order."""


def read(request: str, files: Sequence[Artifact]) -> Request:
    """Take a request apart.

    Args:
        request: What was asked.
        files: Files whose names may stand in it.
    """
    masks = Masks()
    body, payload = _cut_payload(masks.mask(PROMPT.sub(_quoted, request.strip()), files))
    clauses = list(
        _without_tails(_with_pointers(_clause(text, number, masks) for number, text in _parts(body)))
    )
    if not any(ANSWERED.search(clause.plain) for clause in clauses):
        clauses = [_with_question(clause) for clause in clauses]
    return Request(
        clauses=tuple(clauses),
        payload=None if payload is None else masks.restore(payload),
        quotes=tuple(masks.quotes),
        files=tuple(dict.fromkeys(masks.files)),
    )


def _quoted(match: re.Match[str]) -> str:
    """Quote a prompt that is followed by what to do: `with the prompt: a red car, make a picture`."""
    return f"prompt '{match[1]}'" if opens_command(_lead(match[2])) else match[0]


def _cut_payload(body: str) -> tuple[str, str | None]:
    """Cut off the text to work on: what follows an empty line or a colon, unless that is what to do."""
    head, gap, rest = body.partition("\n\n")
    if (
        gap
        and rest.strip()
        and not re.match(r"\s*(?:[-*]|\d+[.)])\s", rest)
        and not opens_command(_lead(rest))
    ):
        return head.rstrip(" :"), rest.strip()
    match = re.search(r":\s+", body)
    if match is None or COMMANDS.search(body[: match.start()]):
        return body.replace(": ", ". ", 1), None
    head, rest = body[: match.start()], body[match.end() :].strip()
    # After a quote or a file the sentence goes on with what to do, and a file alone is no command.
    goes_on = not rest or MARK.match(rest) or MARK.fullmatch(head.strip())
    return (body, None) if goes_on else (head, rest)


def _parts(body: str) -> Iterator[tuple[int, str]]:
    """Yield the clauses with the number of their sentence; relative clauses belong to what they describe."""
    for number, sentence in enumerate(SENTENCES.split(body)):
        pieces: list[str] = []
        for index, part in enumerate(_split(sentence or "")):
            relative = index > 0 and RELATIVE.match(part) and not body.endswith("?")
            if part.strip(" ,.;") and not relative:
                pieces += map(str.strip, _pieces(part.strip()))
        yield from ((number, piece) for piece in things(pieces))


def _pieces(part: str) -> list[str]:
    """Cut a clause at what it starts from, which comes first, and between the results of one verb."""
    wish, *source = SOURCE.split(part, maxsplit=1)
    lead = _lead(wish)
    results = COORDINATES.split(wish) if PROVIDES.match(lead) or lead != wish else [wish]
    return [*source, *results]


def _split(sentence: str) -> Iterator[str]:
    start = 0
    choices = [match.span() for match in CHOICE.finditer(sentence)]
    for match in BREAKS.finditer(sentence):
        if any(first <= match.start() < last for first, last in choices):
            continue
        if match[1] is not None and not opens_command(_lead(sentence[match.start(1) :])):
            continue
        yield sentence[start : match.start()]
        start = match.end()
    yield sentence[start:]


def _lead(text: str) -> str:
    return FILLER.sub("", text).strip()


def _clause(part: str, number: int, masks: Masks) -> Clause:
    lead = _lead(part)
    aside = DOING.match(lead)
    lead = DOING.sub("", lead)
    told = any(words.match(lead) for words in (CONTEXT, AFTER, SHOWS, LABEL))
    wish = USES.sub("", lead)
    opens = (lead != part.strip() and " " in lead) or ASKS.match(lead) is not None or opens_command(lead)
    return Clause(
        text=masks.restore(lead),
        plain="" if told else masks.plain(wish if opens_command(wish) else lead),
        quotes=masks.quotes_in(part),
        files=masks.files_in(part),
        sentence=number,
        command=opens and not told,
        aside=aside is not None,
    )


def _with_pointers(clauses: Iterator[Clause]) -> Iterator[Clause]:
    """Give the files and quotes of clauses that only point at them to the clause behind: `look at p.jpg and ...`."""
    pointer: Clause | None = None
    for clause in clauses:
        points = POINTS.match(clause.plain) is not None
        after = pointer if pointer and pointer.sentence == clause.sentence and not points else None
        pointer = clause if points else None
        if points:
            yield replace(clause, plain="", command=True)
        else:
            yield _pointed(clause, after) if after else clause


def _pointed(clause: Clause, pointer: Clause) -> Clause:
    return replace(clause, quotes=clause.quotes or pointer.quotes, files=clause.files or pointer.files)


def _without_tails(clauses: Iterator[Clause]) -> Iterator[Clause]:
    """Leave out what only goes on telling what there is: `I have a photo, photo.jpg, with some text on it`."""
    before: Clause | None = None
    for clause in clauses:
        tail = before is not None and before.sentence == clause.sentence and not before.plain
        before = replace(clause, plain="") if tail and not clause.command else clause
        yield before


def _with_question(clause: Clause) -> Clause:
    """Take `I have a question: '...?'` for the wish to have it answered."""
    if clause.plain or not clause.quotes or not re.search(r"\bquestion\b", clause.text):
        return clause
    about = MEDIUM_NOUN.search(clause.text)
    return replace(clause, plain=f"answer a question about the {about[0] if about else 'text'}", command=True)
