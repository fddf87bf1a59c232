"""Values of slots that are said in the request: questions, languages, labels, prompts and instructions."""

import re

LANGUAGES = """
Afrikaans Albanian Amharic Arabic Armenian Azerbaijani Basque Belarusian Bengali Bosnian Bulgarian Burmese Catalan
Chinese Croatian Czech Danish Dutch English Esperanto Estonian Finnish French Galician Georgian German Greek Gujarati
Hausa Hebrew Hindi Hungarian Icelandic Igbo Indonesian Irish Italian Japanese Javanese Kannada Kazakh Khmer Korean
Kurdish Lao Latin Latvian Lithuanian Luxembourgish Macedonian Malay Malayalam Maltese Mandarin Marathi Mongolian Nepali
Norwegian Pashto Persian Polish Portuguese Punjabi Romanian Russian Scottish Serbian Sinhala Slovak Slovenian Somali
Spanish Swahili Swedish Tagalog Tamil Telugu Thai Tibetan Turkish Ukrainian Urdu Uzbek Vietnamese Welsh Xhosa Yiddish
Yoruba Zulu
"""
LANGUAGE = re.compile(rf"\b({'|'.join(LANGUAGES.split())})\b", re.I)
FROM = re.compile(
    rf"\bfrom (?:the )?({'|'.join(LANGUAGES.split())})\b"
    rf"|\b({'|'.join(LANGUAGES.split())}) (?:text|article|sentence|transcript|document|version|original|words?)",
    re.I,
)
LISTED = re.compile(
    r"\b(?:labels?|categor(?:y|ies)|classes|class|topics?|options|as|"
    r"(?:is|whether) (?:this|that|the|my) (?!\w+ or\b)\w+(?: is)?|"
    r"(?:is|whether) (?:it|this|that)(?: is)?|are (?:they|these)|"
    r"(?:does|do) (?:it|this|that|(?:the|this|my) \w+) (?:show|contain|sound like|look like)|"
    r"about|either)\s*:?\s+(.+)$",
    re.I | re.S,
)
ENHANCES = re.compile(
    r"^(?:(?:please|automatically)\s+)*(?:enhanc|upscal|restor|improv|sharpen|deblur|denois|clean|clarif|increase)\w*",
    re.I,
)
BARE_EDIT = re.compile(
    r"^(?:edit|modify|transform|change|adapt|adjust|perform|do)\w*\s+(?:image editing|it|the \w+|this \w+|image\S*|"
    r"the \w+ \w+|image-to-image\b.*)?[.!]?$",
    re.I,
)
MADE = (
    r"(?:(?:an?|the|some|new|short|long|brief|\d+|seconds?|minutes?|another|me|us|one|corresponding|related|suitable|nice|beautiful)\s+)*"
    r"(?:images?|pictures?|photos?|illustrations?|drawings?|paintings?|sketch(?:es)?|videos?|clips?|animations?|films?|"
    r"sounds?(?: effects?)?|visual\w*|representations?|music|scene)"
)
LEAD_IN = re.compile(
    rf"^(?:\w+\s+){{1,3}}?{MADE}\b(?:\s+file)?\s*"
    r"(?:(?:of|showing|with|about|for|that (?:shows|represents|visuali[sz]es|depicts)|"
    r"representing|depicting|in which|where|from|based on|using)\b\s*)?",
    re.I,
)
VERB = re.compile(
    r"^(?:draw|paint|sketch|design|illustrate|visuali[sz]e|compose|film|show)\b(?: me\b)?\s*", re.I
)

LETTERING = re.compile(
    r"\b(?:says?|saying|reads?|reading|titled|called|named|labell?ed|inscribed|"
    r"with the (?:words?|text|title|slogan|caption|letters|inscription))\s*:?\s*['\"]",
    re.I,
)
"""Leads to a quote that is to stand in a picture."""


def question(text: str) -> str:
    """Return a clause as a question, e.g. `tell me the total due` as `What is the total due?`."""
    text = text.strip().rstrip("?.! ")
    text = re.sub(
        r"^(?:(?:tell|give|show|find|get|say|answer|extract|let|read|report|look|state|provide)\b"
        r"(?: me\b| us\b| out\b| know\b| up\b)*|what about)\s+",
        "",
        text,
        flags=re.I,
    )
    if re.match(r"(?:the|its|their|his|her|my|our)\b", text, re.I):
        text = f"what {'are' if _plural(text) else 'is'} {text}"
    return f"{text[:1].upper()}{text[1:]}?"


def _plural(text: str) -> bool:
    head = re.split(r"\b(?:of|on|in|from|for|due|at|that|which)\b", text)[0].split()
    return bool(head) and head[-1].endswith("s") and not head[-1].endswith(("ss", "us", "is"))


def languages(text: str) -> tuple[list[str], str | None]:
    """Return the languages to translate into, in order, and the one to translate from where it is said."""
    source = next((match[1] or match[2] for match in FROM.finditer(text)), None)
    found = [name.capitalize() for name in LANGUAGE.findall(text)]
    targets = [name for name in found if source is None or name != source.capitalize()]
    return list(dict.fromkeys(targets)), source.capitalize() if source else None


def names_a_language(text: str) -> bool:
    """Tell whether a clause names a language."""
    return LANGUAGE.search(text) is not None


def labels(text: str) -> list[str]:
    """Return the labels a clause gives to choose from: `... as sports, politics or business`."""
    text = re.sub(r"'([^']*)'|\"([^\"]*)\"", r"\1\2", text).strip().rstrip("?.!: ")
    if not re.search(r"\bor\b|\b(?:labels|categories|classes|topics|options)\b", text):
        return []
    match = LISTED.search(text)
    if match is None:
        return []
    parts = re.split(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+", match[1])
    words = [re.sub(r"^(?:a|an|the|either|of)\s+", "", part).strip() for part in parts]
    return [word for word in words if word and len(word.split()) <= 4]


INLINE = re.compile(
    r"^(?:(?:say|speak|pronounce)\s+(.+?)(?:\s+(?:aloud|out loud))?|"
    rf"translate\s+(.+?)\s+(?:in)?to\s+{LANGUAGE.pattern}.*)$",
    re.I,
)


def inline(text: str) -> str | None:
    """Return a text that is said without quotes: `say hello world`, `translate good morning to French`."""
    match = INLINE.match(text.strip().rstrip("."))
    found = match and (match[1] or match[2])
    return (
        None
        if not found or re.match(r"(?:the|this|that|it|them|these|my|what|something)\b", found, re.I)
        else found
    )


def prompt(text: str) -> str:
    """Return what is to be shown: `create an image of a cat with a hat` as `a cat with a hat`; may be empty."""
    return _shown(text).strip(" :,'\"")


def _shown(text: str) -> str:
    text = text.strip().rstrip(".!? ")
    short = LEAD_IN.sub("", text, count=1)
    return short if short != text else VERB.sub("", text)


def lettered(text: str) -> str | None:
    """Return what is to be shown where a quote is written on it: `draw a sign that says 'Open'`; else None."""
    return _shown(text) if LETTERING.search(text) else None


def instruction(text: str) -> str | None:
    """Return how an image is to be edited, or None when it is only to be enhanced."""
    text = text.strip().rstrip(".!? ")
    if ENHANCES.match(text) or BARE_EDIT.match(text):
        return None
    return f"{text[:1].upper()}{text[1:]}"
