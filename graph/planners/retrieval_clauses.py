"""Cut a request into clauses: what is wanted, one thing each, apart from the texts and files it speaks of."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graph.planners.retrieval_masks import MARK, Masks
from tools.outputs import Artifact
from tools.tasks import TASKS

COMMANDS = re.compile(r"\b(steps?|tasks?|things?|actions?|do (all|both|the following)|to-?do)\b", re.I)
"""Said before a colon: what follows is what to do, not a text to work on."""
FILLER = re.compile(
    r"^(?:[\s,.:;()-]|\d[.)]|(?:please|kindly|hi|hello|hey|ok|okay|so|and|or|but|also|first|firstly|second|"
    r"secondly|third|thirdly|next|then|finally|lastly|afterwards?|after that|additionally|furthermore|moreover|"
    r"once done|just|if possible|in addition|at the end|in the end|"
    r"at the same time|at last|now|can you|could you|would you|will you|you can|"
    r"help me(?: to)?|(?:(?:i|we)(?: would|'d)? |would )?(?:also )?(?:like|want|need|wish)(?: you)?(?: to)?|"
    r"let me|let's|to|be able to|(?:have|get) (?=\w+ed\b|it|them))\b)+",
    re.I,
)
"""What leads in to a clause."""
CONTEXT = re.compile(
    r"^(?:(?:i|we)(?:'ve| have)?(?: (?:have|got|recorded|took|made|provide|attached?|uploaded?|will provide|am|was|"
    r"'m))|there (?:is|are)|this is|these are|here(?:'s| is| are)|it is|it's|"
    r"(?:the|my) \S+(?: \S+){0,3} (?:is|are|has|have|contains?|shows?)\b|"
    r"the (?:text|passage|article|context|sentence|paragraph)$|"
    r"(?:i|we) (?:do not|don't|cannot|can't)\b|"
    r"given|because|since|if|note that|for example|such as)\b(?!.*\?$)",
    re.I,
)
"""What opens a clause that tells what there is."""
ASKS = re.compile(r"^(?:is|are|was|were|does|do|did|has|should)\b", re.I)
SOURCE = re.compile(r"\s+(?=(?:based|depending) on\b(?:(?!\bbased on\b).)*⟦F\d+⟧)", re.I)
"""Where a clause goes on with a file to start from."""
COORDINATES = re.compile(
    r"\s+and\s+(?=(?:(?:an?|the|its|some|additional|another|also)\s+)?(?:\w+\s+)?"
    r"(?:transcript\w*|summar(?:y|ies)|translations?|captions?|descriptions?|depth map|segmentation|classification|"
    r"poem|story|video|text variations?|spoken version|audio version|similarity)\b)",
    re.I,
)
"""Where one verb has two results: `give me a transcript and a summary`."""
PROVIDES = re.compile(r"^(?:giv|get|mak|provid|produc|generat|creat|hav|want|need|writ|obtain)\w*\b", re.I)
RELATIVE = re.compile(r"^(?:which|where|who|whose|that)\b", re.I)
AFTER = re.compile(r"^(?:after|once|when|while|having|before) (?!that\b)", re.I)
DOING = re.compile(r"^(?:after|upon) (?=\w+ing\b)", re.I)
"""What opens a clause about something that may not have been asked for elsewhere: `after answering it, ...`."""
POINTS = re.compile(
    r"^(?:take|use|open|load|consider|look at|see|using|according to|based on|going by|with|from|in|given|for)\b"
    r"(?: (?:the|this|that|my|following|given|same|it|text|passage|image|picture|photo|audio|recording|file|"
    r"document|page|table|video|article|sentence|question))*(?: (?:as|for) (?:the |a )?\w+)?[.:!]?$",
    re.I,
)
"""A clause that only says what to work on."""
ANSWERED = re.compile(r"\b(?:answer|question|respon[ds]|repl(?:y|ies))", re.I)
SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+|(?<!\w)\(?\d[.)]\s+")
BREAKS = re.compile(
    r",?\s+(?:and\s+)?(?:then|after that|afterwards?|finally|lastly|next)\b,?\s*"
    r"|,\s+(?:and\s+|or\s+)?|\s+and\s+(?:also\s+)?(?=(?:I|we|you)\b)|\s+that\s+(?=(?:I|we)\b|needs?\b)"
    r"|\s+and\s+(?=(?:would|want|need)\b)|\s+by\s+(?=\w+ing\b)"
    r"|\s+(?:and|before)\s+(?=(\S+))",
    re.I,
)
"""Where a sentence may be cut; a bare `and` (group 1 is what follows) only before a verb."""
CHOICE = re.compile(r"\w+(?:,\s+\w+(?:\s\w+)?)+,?\s+or\s+\w+")
"""A list of things to choose from, which is no list of commands."""
MEDIUM_NOUN = re.compile(r"\b(?:image|picture|photo|document|page|table|text|article)\b", re.I)
EXTRA_VERBS = """
alter apply blur boil brighten build categorise check count darken decide discuss dub edit erase estimate figure
fetch fill guess hear inspect learn listen lower make merge narrate organise organize pronounce repair reproduce
reword resize rewrite shrink substitute sum swap talk type visualize wipe work
add adapt adjust aloud analyse analyze animate ask assess build calculate caption change check clarify clear colour
color convert correct create crop cut deliver denoise derive describe detect develop draw edit enhance enlarge
evaluate examine expand explain express find fix generate get give have hear highlight identify illustrate improve
infer interpret know label list look measure mark modify name narrate obtain output paraphrase parse perform play
predict present print produce provide pull put read recognize recognise record recover redraw remove render rephrase
replace report reply respond restore return reveal rewrite rotate run save say search see segment send share sharpen
show simplify sing speak split spell state store stylize suggest summarise summarize tell tidy transform transcribe
translate turn update use verify visualize visualise vocalize voice write what who where when which how why
"""
NOT_VERBS = frozenset(("the", "in", "is", "it", "more", "i", "based", "according", "among"))
FIRST_WORDS = frozenset(example.split()[0].lower() for row in TASKS.values() for example in row.examples)
VERBS = (FIRST_WORDS | frozenset(EXTRA_VERBS.split())) - NOT_VERBS
"""Words that open a command."""


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
    body, payload = _cut_payload(masks.mask(request.strip(), files))
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


def opens_command(text: str) -> bool:
    """Tell whether a clause opens with a verb, also as `-ed` or `-ing`, or with a question word."""
    return any(form in VERBS for form in stems(text))


def stems(text: str) -> Iterator[str]:
    """Yield the first word of a text as it is and, where it may be inflected, the forms it may come from."""
    match = re.match(r"[a-z'-]+", text.lower())
    if match is None:
        return
    yield match[0]
    for ending in ("ing", "ed", "s"):
        stem = match[0].removesuffix(ending)
        if stem != match[0]:
            yield from (stem, stem + "e", stem[:-1], re.sub(r"i$", "y", stem))


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
        for index, part in enumerate(_split(sentence or "")):
            relative = index > 0 and RELATIVE.match(part) and not body.endswith("?")
            if part.strip(" ,.;") and not relative:
                yield from ((number, piece.strip()) for piece in _pieces(part.strip()))


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
    told = CONTEXT.match(lead) or AFTER.match(lead)
    opens = (lead != part.strip() and " " in lead) or ASKS.match(lead) is not None or opens_command(lead)
    return Clause(
        text=masks.restore(lead),
        plain="" if told else masks.plain(lead),
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
