"""Which files of a conversation a request means: `the second picture`, `my first recording`, `both photos`.

Used for both planners: a request in which files are named is understood by a chat model and by rules alike.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from tools.outputs import Artifact, Media

KINDS: dict[Media, str] = {
    "image": r"(?:images?|pictures?|photos?|photographs?|drawings?|paintings?|screenshots?|scans?)",
    "audio": r"(?:audios?(?: files?)?|recordings?|songs?|voice (?:notes?|messages?)|podcasts?)",
    "video": r"(?:videos?|clips?|films?|movies?)",
    "table": r"(?:tables?|spreadsheets?)",
    "text": r"(?:text files?|documents?)",
}
"""What files of a medium are called."""
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NEWEST = ("last", "latest", "newest", "previous")
ORDINAL = rf"(?P<place>{'|'.join((*ORDINALS, *NEWEST))}|\d+(?:st|nd|rd|th))"
OWN = r"(?:the|my|your|that|those|these)"
COMMON = frozenset(
    ("image", "picture", "photo", "audio", "recording", "voice", "video", "file", "text", "table")
)
"""Words in names of files that tell no file from another."""


def place(word: str, count: int) -> int | None:
    """Return the index that an ordinal means among `count` things, oldest first; None when there is none such."""
    if word.lower() in NEWEST:
        return count - 1 if count else None
    number = ORDINALS.index(word.lower()) + 1 if word.lower() in ORDINALS else int(re.sub(r"\D", "", word))
    return number - 1 if 1 <= number <= count else None


def with_names(request: str, files: Sequence[Artifact], given: Collection[Artifact] = ()) -> str:
    """Return a request in which the files it counts to are named: `cut out the second picture` as `cut out b.png`.

    Args:
        request: The text of the request.
        files: Files of the conversation, oldest first, no two with one name.
        given: Those that the user gave, as opposed to what tasks made: `the original photo`.
    """
    for medium, words in KINDS.items():
        names = [file.name for file in files if file.media == medium]
        own = [file.name for file in files if file.media == medium and file in given]

        def nth(match: re.Match[str], names: Sequence[str] = names) -> str:
            at = place(match["place"], len(names))
            return match[0] if at is None else names[at]

        def several(match: re.Match[str], names: Sequence[str] = names) -> str:
            meant = names[-2:] if match["many"].lower() == "both" else names
            return " and ".join(meant) or match[0]

        request = re.sub(rf"\b{OWN} (?:very )?{ORDINAL} (?:uploaded )?{words}\b", nth, request, flags=re.I)
        request = re.sub(
            rf"\b{words} (?:number |#)?(?P<place>\d{{1,2}})\b(?!\.?\w)", nth, request, flags=re.I
        )
        request = re.sub(rf"\b(?P<many>both|all)(?: of)?(?: {OWN})? {words}\b", several, request, flags=re.I)

        def given_last(match: re.Match[str], names: Sequence[str] = own) -> str:
            return names[-1] if names else match[0]

        request = re.sub(rf"\b{OWN} (?:original|uploaded) {words}\b", given_last, request, flags=re.I)
    return request


def described(request: str, files: Sequence[Artifact]) -> list[Artifact]:
    """Return the files whose names share a telling word with a request: `the invoice` is `invoice_may.png`."""
    words = set(re.findall(r"[a-z]{4,}", request.lower())) - COMMON
    words |= {word.removesuffix("s") for word in words}
    return [
        file for file in files if words & set(re.findall(r"[a-z]{4,}", file.name.rpartition(".")[0].lower()))
    ]


def distinct(files: Sequence[Artifact]) -> list[Artifact]:
    """Return files with older ones of the same name renamed, as `photo.png` to `photo (1).png`."""
    left = Counter(file.name for file in files)
    seen: Counter[str] = Counter()
    renamed: list[Artifact] = []
    for file in files:
        seen[file.name] += 1
        stem, dot, suffix = file.name.rpartition(".")
        older = f"{stem or suffix} ({seen[file.name]}){dot if stem else ''}{suffix if stem else ''}"
        renamed.append(
            file if seen[file.name] == left[file.name] else file.model_copy(update={"name": older})
        )
    return renamed
