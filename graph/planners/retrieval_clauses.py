"""Cut a request into clauses: what is wanted, one thing each, apart from the texts and files it speaks of."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tools.outputs import Artifact
from tools.tasks import TASKS

QUOTED = re.compile(r"""(?<!\w)(?:'(?=\S)(.+?)(?<=\S)'(?!\w)|"(.+?)"|“(.+?)”|«\s*(.+?)\s*»)""", re.S)
MARK = re.compile(r"⟦([QF])(\d+)⟧")
"""What stands in a clause for the n-th quote (Q) or file (F) of the request."""

COMMANDS = re.compile(r"\b(steps?|tasks?|things?|actions?|do (all|both|the following)|to-?do)\b", re.I)
"""Said before a colon: what follows is what to do, not a text to work on."""

FILLER = re.compile(
    r"^(?:[\s,.:;()-]|\d[.)]|(?:please|kindly|hi|hello|hey|ok|okay|so|and|or|but|also|first|firstly|second|secondly|"
    r"third|thirdly|next|then|finally|lastly|afterwards?|after that|additionally|furthermore|moreover|once done|just|"
    r"if possible|in addition|at the end|in the end|can you|could you|would you|will you|you can|help me(?: to)?|"
    r"(?:(?:i|we)(?: would|'d)? |would )?(?:also )?(?:like|want|need|wish)(?: you)?(?: to)?|let me|let's|to|be able to|"
    r"(?:have|get) (?=\w+ed\b|it|them))\b)+",
    re.I,
)
CONTEXT = re.compile(
    r"^(?:(?:i|we)(?:'ve| have)?(?: (?:have|got|recorded|took|made|provide|attached?|uploaded?|will provide|am|was|'m))|"
    r"there (?:is|are)|this is|these are|here(?:'s| is| are)|it is|it's|the \w+(?: \w+){0,3} (?:is|are|has|contains)\b|"
    r"my \w+(?: \w+)? is|given|because|since|if|note that|for example|such as)\b"
    r"(?!.*\?$)",
    re.I,
)
ASKS = re.compile(r"^(?:is|are|was|were|does|do|did|has|should)\b", re.I)
RELATIVE = re.compile(r"^(?:which|where|who|whose|that)\b", re.I)
AFTER = re.compile(r"^(?:after|once|when|while|having|before) (?!that\b)", re.I)
SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+|(?<!\w)\(?\d[.)]\s+")
BREAKS = re.compile(
    r",?\s+(?:and\s+)?(?:then|after that|afterwards?|finally|lastly|next)\b,?\s*"
    r"|,\s+(?:and\s+|or\s+)?|\s+and\s+(?:also\s+)?(?=(?:I|we|you)\b)|\s+that\s+(?=(?:I|we)\b|needs?\b)"
    r"|\s+and\s+(?=(?:would|want|need)\b)|\s+by\s+(?=\w+ing\b)"
    r"|\s+(?:and|before)\s+(?=(\S+))",
    re.I,
)
CHOICE = re.compile(r"\w+(?:,\s+\w+(?:\s\w+)?)+,?\s+or\s+\w+")
"""A list of things to choose from, which is no list of commands."""
EXTRA_VERBS = """
add adapt adjust aloud analyse analyze animate ask assess build calculate caption change check clarify clear colour color
convert correct create crop cut deliver denoise derive describe detect develop draw edit enhance enlarge evaluate examine
expand explain express find fix generate get give have hear highlight identify illustrate improve infer interpret know
label list look measure mark modify name narrate obtain output paraphrase parse perform play predict present print
produce provide pull put read recognize recognise record recover redraw remove render rephrase replace report reply
respond restore return reveal rewrite rotate run save say search see segment send share sharpen show simplify sing
speak split spell state store stylize suggest summarise summarize tell tidy transform transcribe translate turn update
use verify visualize visualise vocalize voice write what who where when which how why
"""


@dataclass(frozen=True)
class Clause:
    """One thing a request asks for."""

    text: str
    """As it was written, without what leads in to it."""
    plain: str
    """The same with quotes and file names replaced by what they are: this is compared with the examples."""
    quotes: tuple[str, ...] = ()
    files: tuple[Artifact, ...] = ()
    sentence: int = 0
    """Number of the sentence it stands in."""
    command: bool = False
    """It opens with a verb or a question word, so it is unlikely to be the tail of another."""


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


@cache
def verbs() -> frozenset[str]:
    """Return the words that open a command: the first words of all example phrases and some more."""
    first = (example.split()[0].lower() for row in TASKS.values() for example in row.examples)
    return frozenset((*first, *EXTRA_VERBS.split())) - {
        "the",
        "in",
        "is",
        "it",
        "more",
        "i",
        "based",
        "according",
    }


def opens_command(text: str) -> bool:
    """Tell whether a clause opens with a verb, also as `-ed` or `-ing`, or with a question word."""
    return any(form in verbs() for form in stems(text))


def stems(text: str) -> Iterator[str]:
    """Yield the first word of a text as it is and, where it may be inflected, the forms it may come from."""
    match = re.match(r"[a-z'-]+", text.lower())
    if match is None:
        return
    word = match[0]
    yield word
    for ending in ("ing", "ed", "s"):
        stem = word.removesuffix(ending)
        if stem != word:
            yield from (stem, stem + "e", stem[:-1], re.sub(r"i$", "y", stem))


def read(request: str, files: Sequence[Artifact]) -> Request:
    """Take a request apart.

    Args:
        request: What was asked.
        files: Files whose names may stand in it.
    """
    named: list[Artifact] = []
    quotes: list[str] = []
    body = _mask_quotes(_mask_files(request.strip(), files, named), named, quotes)
    body, payload = _cut_payload(body)
    parts = list(_clauses(body))
    clauses = tuple(_clause(text, number, quotes, named) for number, text in parts)
    if not any(
        re.search(r"\b(?:answer|question|respon[ds]|repl(?:y|ies))", clause.plain) for clause in clauses
    ):
        clauses = tuple(map(_with_question, clauses))
    restore = None if payload is None else _restored(payload, quotes, named)
    return Request(clauses, restore, tuple(quotes), tuple(dict.fromkeys(named)))


def _mask_files(text: str, files: Sequence[Artifact], named: list[Artifact]) -> str:
    # The newest file of a name is the one that is meant, and longer names are looked for first.
    by_name = {file.name.lower(): file for file in files if file.name}
    if not by_name:
        return text
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))

    def mark(match: re.Match[str]) -> str:
        named.append(by_name[match[1].lower()])
        return f"⟦F{len(named) - 1}⟧"

    return re.sub(rf"(?<![\w.-])[('\"“]*({names})[)'\"”]*(?!\w)", mark, text, flags=re.I)


def _mask_quotes(text: str, named: Sequence[Artifact], quotes: list[str]) -> str:
    def mark(match: re.Match[str]) -> str:
        quotes.append(_restored(next(group for group in match.groups() if group), quotes, named).strip())
        # The full stop of a sentence may stand inside the quote only.
        ends = quotes[-1][-1:] in ".!?" and re.match(r"\s+[A-Z]", match.string[match.end() :])
        return f"⟦Q{len(quotes) - 1}⟧{'.' if ends else ''}"

    return QUOTED.sub(mark, text)


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
        return body.replace(": ", ". ", 1) if match else body, None
    head, rest = body[: match.start()], body[match.end() :].strip()
    # After a quote or a file the sentence goes on with what to do, and a file alone is no command.
    return (body, None) if MARK.match(rest) or not rest or MARK.fullmatch(head.strip()) else (head, rest)


def _clauses(body: str) -> Iterator[tuple[int, str]]:
    for number, sentence in enumerate(SENTENCES.split(body)):
        for index, part in enumerate(_split(sentence or "")):
            relative = index > 0 and RELATIVE.match(part) and not body.endswith("?")
            if part.strip(" ,.;") and not relative:
                yield number, part.strip()


def _split(sentence: str) -> Iterator[str]:
    start = 0
    choices = [match.span() for match in CHOICE.finditer(sentence)]
    for match in BREAKS.finditer(sentence):
        follower = match[1]
        if any(first <= match.start() < last for first, last in choices):
            continue
        if follower is not None and not opens_command(_lead(sentence[match.start(1) :])):
            continue
        yield sentence[start : match.start()]
        start = match.end()
    yield sentence[start:]


def _lead(text: str) -> str:
    return FILLER.sub("", text).strip()


def _clause(part: str, number: int, quotes: Sequence[str], named: Sequence[Artifact]) -> Clause:
    lead = _lead(part)
    marks = MARK.findall(part)
    wanted = lead != part.strip() and not CONTEXT.match(lead)
    clause = Clause(
        text=_restored(lead, quotes, named),
        plain=_plain(lead, quotes, named),
        quotes=tuple(quotes[int(n)] for kind, n in marks if kind == "Q"),
        files=tuple(dict.fromkeys(named[int(n)] for kind, n in marks if kind == "F")),
        sentence=number,
    )
    if CONTEXT.match(lead) or AFTER.match(lead):
        return replace(clause, plain="")
    asks = ASKS.match(lead) is not None
    return replace(clause, command=wanted or asks or opens_command(lead))


def _with_question(clause: Clause) -> Clause:
    """Take `I have a question: '...?'` for the wish to have it answered."""
    if clause.plain or not re.search(r"\bquestion\b", clause.text) or not clause.quotes:
        return clause
    about = MEDIUM_NOUN.search(clause.text)
    return replace(clause, plain=f"answer a question about the {about[0] if about else 'text'}", command=True)


def _restored(text: str, quotes: Sequence[str], named: Sequence[Artifact]) -> str:
    def back(match: re.Match[str]) -> str:
        return f"'{quotes[int(match[2])]}'" if match[1] == "Q" else named[int(match[2])].name

    return MARK.sub(back, text)


SOURCE = re.compile(r"(?<=\w)\s+(?:based on|according to|depending on)\b.*$", re.I)
"""The part of a clause that says what to start from rather than what to do."""
DONE = re.compile(
    r"\b(the|this|that|these|those) (?!named|printed|written|handwritten|spoken|masked)\w+ed (?=\w)", re.I
)
"""What was done to a thing before is not what to do now."""
MEDIUM_NOUN = re.compile(r"\b(?:image|picture|photo|document|page|table|text|article)\b", re.I)
NOUNS = re.compile(
    r"\b(?:image|picture|photo(?:graph)?|audio|recording|file|document|text|article|video|table|scan|page|clip|"
    r"sentences?|question|prompt|description|word|message|review|phrase)s?[\s,:]*(?:named|called)?[\s,:]*$",
    re.I,
)


def _plain(text: str, quotes: Sequence[str], named: Sequence[Artifact]) -> str:
    """Replace quotes and file names by a noun for what they are, or leave them out behind such a noun."""

    def noun(match: re.Match[str]) -> str:
        if NOUNS.search(text[: match.start()]) or NOUNS.match(text[match.end() :].lstrip() + " "):
            return ""
        if match[1] == "F":
            return f"the {named[int(match[2])].media}"
        return "the question" if quotes[int(match[2])].endswith("?") else "this text"

    plain = re.sub(r"\s+", " ", MARK.sub(noun, text)).strip(" ,.:;")
    return DONE.sub(r"\1", SOURCE.sub("", plain))
