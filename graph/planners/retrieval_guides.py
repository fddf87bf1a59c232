"""What a picture is to follow: `draw an astronaut in the same pose`, `paint a forest following these edges`.

Such a picture is made with a condition image (a map of edges, a skeleton, a depth map) that sets its layout, as in
ControlNet (Zhang et al., arXiv 2302.05543).
"""

import re
from dataclasses import dataclass

from graph.planners.retrieval_clauses import Clause
from tools.outputs import Artifact

ANY = ("canny", "hed", "mlsd", "seg", "depth", "normal", "openpose")
"""Kinds of condition images."""
NOUNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"soft(?:er)? edges?|hed|holistic\w*|boundar(?:y|ies)", ("hed",)),
    (r"sketch(?:es)?|scribbles?|doodles?|line (?:art|drawings?)", ("hed", "canny")),
    (r"canny|edges?|outlines?|contours?", ("canny", "hed")),
    (r"mlsd|line segments?|lines?|wireframe", ("mlsd", "canny", "hed")),
    (r"segment(?:s|ation)?|regions", ("seg",)),
    (r"depth(?! of field)", ("depth",)),
    (r"normals?|surface orientation", ("normal",)),
    (r"openpose|poses?|posing|posed|postures?|stance|skeletons?|key ?points", ("openpose",)),
    (r"layout|composition|structure|arrangement", ANY),
)
"""Words for what is followed, and the kinds of condition images they may mean, the usual one first."""
NOUN = rf"(?P<noun>{'|'.join(words for words, _ in NOUNS)})\b"
IT = r"(?:it|them|this|that|these|those|the (?:result|output|map))"
THE = r"(?:the|this|these|that|those|its|his|her|their|my|same|exact|very|[\w.]+'s)"
LEADS = (
    r"(?:follow(?:s|ing)?|(?:guided|controlled) by|conditioned on|based (?:up)?on|according to|match(?:es|ing)?|"
    r"keep(?:s|ing)?|preserv(?:es|ing)|using|given)"
)
BEFORE_THE = r"(?:with|in|from|of|over|has|have|having)"
"""Leads to what is followed only with an article: `in the pose of`, but not `in a pose`."""
TAIL = (
    r"(?:\s+(?:map|image|picture|drawing|photo)s?)?"
    r"(?:\s+(?:of|as|like|to)\s+[^,]*?"
    r"(?=\s+(?:with|in\s+(?:an?|the)\s+(?:[\w-]+\s+)?style|and\s+(?:an?\s+|the\s+)?(?:content|text|prompt))\b|,|$)"
    r"|\s+(?:in|on|from)\s+(?:[\w-]+\s+){0,5}?(?:images?|pictures?|photos?|one|[\w-]+\.\w{3,4})\b)?"
)
"""Goes on with what is followed: `(the pose) of the person in a.jpg`; the style and the rest of the picture do not."""
NAMES = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"^(?:use|take|turn|convert|transform)\s+(?:{THE}\s+)+(?:[\w'-]+\s+){{0,2}}?{NOUN}.*?\s(?:in)?to\s+",
        rf",?\s*\b(?:(?:that|which|while)\s+)?(?:{LEADS}\s+(?:{THE}\s+)*|{BEFORE_THE}\s+(?:{THE}\s+)+)"
        rf"(?:[\w'-]+\s+){{0,2}}?{NOUN}(?!\s+of\s+an?\s){TAIL}",
        rf",?\s*\b(?:(?:where|whose|and)\s+)*(?:{THE}\s+)?{NOUN}\s+(?:is|are|(?:must|should) be)\s+(?:exactly\s+)?"
        rf"(?:the same|like|identical|that of)\b[^,]*",
        r",?\s*\b(?P<noun>posing|posed)\s+(?:exactly\s+)?(?:like|as|the same)\b[^,]*",
    )
]
"""Name what is followed."""
POINTS = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"^(?:use|take)\s+{IT}\s+(?:to|for)\s+",
        rf",?\s*\b(?:(?:that|which)\s+)?(?:{LEADS}|from|with)\s+{IT}(?=\s*(?:,|$))",
    )
]
"""Only point at what is followed: `guided by it`."""
IS_IMAGE = re.compile(
    r"\b(?:sketch(?:es)?|scribbles?|doodles?|line (?:art|drawings?))\b"
    rf"|\b(?:skeletons?|{NOUN}\s+(?:map|image|picture|drawing)s?)\b(?!\s+(?:of|from)\b)",
    re.I,
)
OWN_NAME = re.compile(rf"(?:.* )?{NOUN} (?:map|image)|{NOUN.replace('noun', 'whole')}", re.I)
"""The name of a file that is a condition image: `canny.png`, `edge_map.png`."""


@dataclass(frozen=True)
class Guide:
    """What a clause says its picture is to follow."""

    kinds: tuple[str, ...]
    """Kinds of condition images that may be meant, the usual one first."""
    said: str
    """The words that say so."""
    rest: str
    """The clause without them: what is to be drawn."""
    points: bool = False
    """It only points at a condition image: `guided by it`."""

    @property
    def is_image(self) -> bool:
        """Whether it is a condition image (`this edge map`) rather than something seen in a picture (`these edges`)."""
        return self.points or IS_IMAGE.search(self.said) is not None


def guide(clause: Clause) -> Guide | None:
    """Return what the picture that a clause asks for is to follow; None when it says nothing of the kind."""
    text = clause.text.rstrip(" .!?")
    # A quoted prompt says what to draw, never what to follow.
    bare = text
    for quote in clause.quotes:
        bare = bare.replace(quote, "_" * len(quote))
    for patterns, points in ((NAMES, False), (POINTS, True)):
        for pattern in patterns:
            if match := pattern.search(bare):
                kinds = ANY if points else _kinds(match["noun"])
                return Guide(kinds, match[0], f"{text[: match.start()]}{text[match.end() :]}".strip(), points)
    return None


def _kinds(noun: str) -> tuple[str, ...]:
    return next((kinds for words, kinds in NOUNS if re.fullmatch(words, noun, re.I)), ())


def kind_of(file: Artifact) -> str | None:
    """Return the kind of condition image that a file is by its name, or None."""
    stem = re.sub(r"[\W\d_]+", " ", file.name.rpartition(".")[0]).strip()
    match = OWN_NAME.fullmatch(stem) if file.media == "image" else None
    kinds = _kinds(match["noun"] or match["whole"]) if match else ANY
    return None if kinds == ANY else kinds[0]
