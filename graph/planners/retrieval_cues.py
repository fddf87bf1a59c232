"""Words by which a request is cut into clauses, and by which a clause that asks is told from one that only tells."""

import re
from collections.abc import Iterator

from tools.tasks import TASKS

COMMANDS = re.compile(r"\b(steps?|tasks?|things?|actions?|do (all|both|the following)|to-?do)\b", re.I)
"""Said before a colon: what follows is what to do, not a text to work on."""
FILLER = re.compile(
    r"^(?:[\s,.:;()-]|\d[.)]|(?:please|kindly|hi|hello|hey|ok|okay|so|and|or|but|also|first|firstly|second|"
    r"secondly|third|thirdly|next|then|finally|lastly|afterwards?|after that|additionally|furthermore|moreover|"
    r"once done|just|if possible|in addition|at the end|in the end|"
    r"(?:i'm|i am|we are|we're) looking for|at the same time|at last|now|can you|could you|would you|will you|you can|"
    r"help me(?: to)?|(?:(?:i|we)(?: would|'d)? |would )?(?:also )?(?:like|want|need|wish)(?: you)?(?: to)?|"
    r"let me|let's|to|be able to|(?:have|get) (?=\w+ed\b|it|them))\b)+",
    re.I,
)
"""What leads in to a clause."""
CONTEXT = re.compile(
    r"^(?:(?:i|we)(?:'ve| have)?(?: (?:have|got|recorded|took|made|provide|attached?|uploaded?|will provide|am|was|"
    r"'m))|there (?:is|are)|this is|these are|here(?:'s| is| are)|it is|it's|"
    r"(?:the|my) \S+(?: \S+){0,3} (?:is|are|has|have|contains?|shows?|sent|gave|left|wrote)\b|"
    r"the (?:text|passage|article|context|sentence|paragraph)$|"
    r"(?:i|we) (?:do not|don't|cannot|can't)\b|"
    r"(?:(?:i|we)(?:'ll| will)? )?give you\b|given|because|since|if|note that|for example|such as)\b(?!.*\?$)",
    re.I,
)
"""What opens a clause that tells what there is."""
ASKS = re.compile(r"^(?:is|are|was|were|does|do|did|has|should)\b", re.I)
SOURCE = re.compile(r"\s+(?=(?:based|depending) on\b(?:(?!\bbased on\b).)*⟦F\d+⟧)", re.I)
"""Where a clause goes on with a file to start from."""
COORDINATES = re.compile(
    r"\s+and\s+(?=(?:(?:an?|the|its|some|additional|another|also)\s+)?(?:\w+\s+)?"
    r"(?:transcript\w*|summar(?:y|ies)|translations?|captions?|descriptions?|depth map|segmentation|classification|"
    r"poem|story|video|text variations?|spoken version|audio version|similarity|"
    r"(?:edge|line|normal|pose) map)\b)",
    re.I,
)
"""Where one verb has two results: `give me a transcript and a summary`."""
PROVIDES = re.compile(r"^(?:giv|get|mak|provid|produc|generat|creat|hav|want|need|writ|obtain)\w*\b", re.I)
RELATIVE = re.compile(r"^(?:which|where|who|whose|that)\b", re.I)
AFTER = re.compile(
    r"^(?:after|once|when|while|having|before) (?!that\b|(?:is|are|was|were|do|does|did|will|can|has|have)\b)",
    re.I,
)
DOING = re.compile(r"^(?:after|upon) (?=\w+ing\b)", re.I)
"""What opens a clause about something that may not have been asked for elsewhere: `after answering it, ...`."""
USES = re.compile(r"^(?:use|take) [^,]{1,60}? to (?=\w)", re.I)
"""What a clause says to start from before it says what to do: `use the mask to cut out the dog`."""
POINTS = re.compile(
    r"^(?:take|use|open|load|consider|look at|see|using|according to|based on|going by|with|from|in|given|for)\b"
    r"(?: (?:the|this|that|my|following|given|same|it|text|passage|image|picture|photo|audio|recording|file|"
    r"document|page|table|video|article|sentence|question))*(?: (?:as|for) (?:the |a )?\w+)?[.:!]?$",
    re.I,
)
"""A clause that only says what to work on."""
SHOWS = re.compile(
    r"^(?:list|show|tell|name|print|give|report|send|display|output|return|present)(?: (?:me|us))?"
    r"(?: (?:it|them|all of them|the (?:results?|output|findings)))(?: (?:to )?(?:me|us))?[.!]?$",
    re.I,
)
"""Only wants to see what was made: every result is shown anyway."""
LABEL = re.compile(r"^(?:text|passage|context|article|question)(?::? ⟦Q\d+⟧)?[.:]?$", re.I)
"""Only says what a quote is: `Text: "..."`."""
ANSWERED = re.compile(r"\b(?:answer|question|respon[ds]|repl(?:y|ies))", re.I)
PROMPT = re.compile(r"\bprompt:\s+([^'\",.:\n]+)(?=,\s+(.+))", re.I)
"""A prompt (group 1) with more behind it (group 2), which may be what to do."""
SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+|(?<!\w)\(?\d[.)]\s+")
BREAKS = re.compile(
    r",?\s+(?:and\s+)?(?:then|after that|afterwards?|finally|lastly|next)\b,?\s*"
    r"|,\s+(?:and\s+|or\s+)?|\s+and\s+(?:also\s+)?(?=(?:I|we|you)\b)|\s+that\s+(?=(?:I|we)\b|needs?\b)"
    r"|\s+and\s+(?=(?:would|want|need)\b)|\s+by\s+(?=\w+ing\b)"
    r"|(?<=ed)\s+and\s+(?=(?:the|its|their|an?|my)\s)"
    r"|\s+(?:and|(?<!from )before)\s+(?=(\S+))",
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
