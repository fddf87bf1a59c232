"""Words that tell which medium a clause is about and which it wants."""

import re
from collections.abc import Mapping
from functools import cache

from tools.outputs import Media

ASKS = re.compile(
    r"^(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|does|do|did|has|"
    r"(?:tell me|say|find out|give me|answer|let me know|find|get)\b(?! (?:a|an|some|it|them|this|all)\b))\b",
    re.I,
)
"""What opens the wish for an answer."""
QUESTION = re.compile(
    r"^(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|does|do|did|has|tell me|say)\b", re.I
)
"""What opens a question."""
MEDIA_WORDS: dict[Media, str] = {
    "table": r"\b(tables?|tabular|spreadsheets?|csv|rows?|columns?)\b",
    "video": r"\b(videos?|clips?|films?|movies?)\b",
    "image": r"\b(images?|pictures?|photos?|photographs?|drawings?|paintings?|screenshots?)\b",
    "audio": r"\b(audios?|recordings?|speech|sounds?|songs?|voice|music|podcasts?|spoken)\b",
    "text": r"\b(texts?|sentences?|articles?|reviews?|messages?|passages?|transcripts?|summar\w+|stor(?:y|ies))\b",
}
"""Words for what a medium is; where several stand in a clause the first row of this table counts."""
WANTED: dict[Media, str] = {
    "text": r"texts?|descriptions?|sentences?|passages?|paragraphs?|stor(?:y|ies)|summar(?:y|ies)|responses?|"
    r"answers?|captions?|e-?mails?|letters?|poems?|essays?|articles?|posts?|recipes?|reports?|haikus?|slogans?|titles?",
    "image": r"images?|pictures?|photos?|illustrations?|drawings?|paintings?|logos?|posters?|portraits?|cartoons?",
    "audio": r"audios?|speech|voice|music|sounds?",
    "video": r"videos?|clips?|films?|animations?",
}
"""Words for what is to be made."""
PRODUCES = re.compile(
    r"^(?:(?:generat|creat|mak|produc|writ|compos|provid|hav|giv|get|obtain|receiv)\w*(?: me| us)?"
    r"|show (?:me|us)(?= (?:an?|another|some) ))((?: [\w-]+){1,4})",
    re.I,
)
"""What opens a clause that wants something made, and (group 1) the words behind it."""
GENRES = re.compile(
    r"\b(?:poems?|haikus?|limericks?|stor(?:y|ies)|tales?|e-?mails?|letters?|articles?|essays?|tweets?|posts?|lyrics|raps?|riddles?|"
    r"slogans?|titles?|jokes?|recipes?|scripts?|notes?|speech|dialogues?|reviews?|advertisements?)\b",
    re.I,
)
"""Kinds of text that are written rather than found in another text."""
KINDS: Mapping[str, re.Pattern[str]] = {
    "text-generation": GENRES,
    "summarization": re.compile(r"\bsummar(?:y|ies)\b", re.I),
    "automatic-speech-recognition": re.compile(r"\btranscripts?\b", re.I),
}
"""Kinds of text that a task makes, by the name of its row."""
TOLD: Mapping[str, re.Pattern[str]] = {"conversational": GENRES}
"""The same where it is only to be told (`tell me a joke`): in conversation."""
ONE = re.compile(r"(?:an?|another|some) ", re.I)
"""What opens a clause without a verb that wants something made: `an image of a cat`."""
BECOMES = re.compile(
    r"\b(?:turn|convert|transform|chang)\w*\b.*?\b(?:in)?to ((?:an? |some |the )?(?:[\w-]+ ){0,2}?[\w-]+)",
    re.I,
)
"""What one thing is to become (group 1): `turn the text into an audio file`."""
ANSWERERS: dict[Media, str] = {
    "text": "question-answering",
    "image": "visual-question-answering",
    "table": "table-question-answering",
}
"""What answers a question about a medium."""
CLASSIFIERS: dict[Media, str] = {
    "text": "text-classification",
    "image": "image-classification",
    "audio": "audio-classification",
    "video": "video-classification",
    "table": "tabular-classification",
}
"""What classifies a medium."""
CLASSIFIES = re.compile(r"\b(classif\w+|categor\w+|which class|what class)\b", re.I)
READ = re.compile(r"read (?:the|this|that|my) [\w-]+$", re.I)
"""Wants all of a page read: `read the invoice`."""
DRAWS = re.compile(r"^(?:draw(?! up)|paint|sketch|illustrat)", re.I)
PAGES = re.compile(
    r"\b(documents?|pages?|invoices?|receipts?|bills?|forms?|contracts?|letters?|scan(?:s|ned)?|statements?|reports?|"
    r"certificates?|tickets?|menus?|checks?|cheques?)(?![a-z])",
    re.I,
)
"""Words for a document that may lie there as an image."""

POINTER = (
    r"(?:about|on|from|for|of|to|using|turn|convert|transform) (?:this|that|the|my|these|both) (?:\w+ )?"
)
ABOUT: Mapping[Media, re.Pattern[str]] = {
    "image": re.compile(rf"\b{POINTER}(?:{MEDIA_WORDS['image']}|{PAGES.pattern})", re.I),
    "audio": re.compile(rf"\b{POINTER}{MEDIA_WORDS['audio']}", re.I),
}
"""Says that a text is to be written about a file of a medium: `a story about this picture`."""


@cache
def wanted_medium(text: str) -> Media | None:
    """Return the medium of what is to be produced: the first word for one behind `generate`, `create` and the like."""
    if DRAWS.match(text):
        return "image"
    match = PRODUCES.match(text) or PRODUCES.match(f"give {text}" if ONE.match(text) else "")
    if match is None:
        becomes = BECOMES.search(text)
        return _first_medium(becomes[1]) if becomes else None
    if re.match("writ", text, re.I):
        return "text" if re.search(rf"\b(?:{WANTED['text']})\b", match[1], re.I) else None
    return _first_medium(match[1])


def _first_medium(text: str) -> Media | None:
    found = {medium: re.search(rf"\b(?:{words})\b", text, re.I) for medium, words in WANTED.items()}
    places = [(at.start(), medium) for medium, at in found.items() if at]
    return min(places)[1] if places else None
