"""Translation with Marian, mBART, NLLB, M2M100 and T5."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from tools.errors import InputError, ModelError
from tools.experts.direct.seq2seq import Seq2Seq, fitting, seq2seq, told
from tools.experts.engine import Job
from tools.experts.languages import closest, code
from tools.outputs import Draft

ENGLISH = "English"
PIECE = 100
"""Most tokens translated at once: such models are trained on sentences, and leave some out of a longer text."""
_TOKEN = re.compile(r">>(\w+)<<|<2(\w+)>|([a-z]{2,3}_(?:[A-Z]{2}|[A-Z][a-z]{3}))")
"""How tokens of languages look: `>>fra<<` (Marian), `<2fr>` (MADLAD-400), `fr_XX` (mBART), `fra_Latn` (NLLB)."""
_RECIPE = re.compile(r"translation_(\w+)_to_(\w+)")
_CODE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
"""How Marian's tokenizers write one language; groups without a code are words such as `ROMANCE`."""


class Way(NamedTuple):
    """How a model is told what to translate into what."""

    prefix: str = ""
    """Put before each piece of text."""
    source: str | None = None
    """The source language as the tokenizer is told it."""
    settings: Mapping[str, Any] = {}
    """Arguments of `generate`."""


def translate(job: Job) -> Draft:
    """Translate `text`, line by line and in pieces of a few sentences.

    Languages are slots in words or codes. `target_language` is English when left out. `source_language` left out is
    what the model is for, or English for a model of many languages; it is not recognised.

    Raises:
        InputError: The text is empty.
        ModelError: The model does not translate between these languages.
        SetupError: A library it needs is missing.
    """
    if not job.inputs["text"].strip():
        raise InputError("The text is empty.")
    expert = seq2seq(job)
    source, target = job.inputs.get("source_language", ""), job.inputs.get("target_language") or ENGLISH
    way = FAMILIES.get(expert.model.config.model_type, _unknown)(expert, source, target)
    if way.source:
        expert.tokenizer.src_lang = way.source
    room = min(PIECE, expert.limit - expert.size(way.prefix))
    lines = [
        list(fitting(line, expert, room)) if line.strip() else [] for line in job.inputs["text"].splitlines()
    ]
    made = iter(expert.write([way.prefix + piece for pieces in lines for piece in pieces], **way.settings))
    return Draft(text=told("\n".join(" ".join(next(made) for _ in pieces) for pieces in lines)))


def _marian(expert: Seq2Seq, source: str, target: str) -> Way:
    """One pair of languages, or several languages on a side: a token before the text then names the target."""
    own_source, own_target = expert.tokenizer.source_lang, expert.tokenizer.target_lang
    # The members of a group of source languages are not listed anywhere: the model is believed.
    if source and _is_one(own_source) and not closest(source, [own_source]):
        raise _cannot(source, target)
    tokens = language_tokens(expert.tokenizer)
    if found := closest(target, list(tokens)):
        return Way(f">>{found}<< ")
    says_nothing = own_target is None and not tokens
    if says_nothing or (_is_one(own_target) and closest(target, [own_target])):
        return Way()
    raise _cannot(source, target)


def _multilingual(expert: Seq2Seq, source: str, target: str) -> Way:
    """mBART, NLLB and M2M100: the tokenizer marks the source, and the first token written is the target's."""
    if not source and closest(target, ["en"]):
        raise ModelError(
            "This model has to be told the language of the text, which the request does not name."
        )
    tokens = language_tokens(expert.tokenizer)
    found = [closest(name, list(tokens)) for name in (source or ENGLISH, target)]
    if not found[0] or not found[1]:
        raise _cannot(source, target)
    return Way("", found[0], {"forced_bos_token_id": tokens[found[1]]})


def _t5(expert: Seq2Seq, source: str, target: str) -> Way:
    """T5: told in words, for the pairs in its configuration where there are some; MADLAD-400: told by a token."""
    if tokens := language_tokens(expert.tokenizer):
        if not (found := closest(target, list(tokens))):
            raise _cannot(source, target)
        return Way(f"<2{found}> ")
    pairs = {match.groups(): name for name in expert.recipes if (match := _RECIPE.fullmatch(name))}
    for (first, second), name in pairs.items():
        if closest(source or ENGLISH, [first]) and closest(target, [second]):
            recipe = dict(expert.recipes[name])
            return Way(recipe.pop("prefix", ""), None, recipe)
    languages = [code(source or ENGLISH), code(target)]
    if pairs or None in languages or languages[0] == languages[1]:
        raise _cannot(source, target)
    return Way(
        "translate {} to {}: ".format(*(language.display_name() for language in languages if language))
    )


def _unknown(expert: Seq2Seq, source: str, target: str) -> Way:
    raise _cannot(source, target)


FAMILIES: dict[str, Callable[[Seq2Seq, str, str], Way]] = {
    "marian": _marian,
    "mbart": _multilingual,
    "m2m_100": _multilingual,
    "nllb-moe": _multilingual,
    "t5": _t5,
    "mt5": _t5,
    "umt5": _t5,
}
"""How models are told about languages, by transformers' `model_type`; NLLB's is `m2m_100` too."""


@cache
def language_tokens(tokenizer: Any) -> dict[str, int]:
    """Return the languages that a tokenizer has tokens for: codes as the model writes them, with token numbers."""
    import langcodes

    if known := getattr(tokenizer, "lang_code_to_id", None):
        return dict(known)
    found = {
        next(filter(None, match.groups())): number
        for token, number in tokenizer.get_vocab().items()
        if (match := _TOKEN.fullmatch(token))
    }
    return {name: number for name, number in found.items() if langcodes.tag_is_valid(name)}


def _is_one(own: str | None) -> bool:
    """Tell whether what a Marian model has on a side is one language."""
    return own is not None and bool(_CODE.fullmatch(own)) and own not in _groups()


@cache
def _groups() -> frozenset[str]:
    """Return the codes of groups of languages, such as `roa`, and `mul` for any."""
    from language_data.registry_parser import parse_registry

    groups = (
        entry["Subtag"] for entry in parse_registry() if entry.get("Scope") in ("collection", "special")
    )
    return frozenset(groups)


def _cannot(source: str, target: str) -> ModelError:
    return ModelError(
        f"This model does not translate from {source or 'the language it is for'} into {target}."
    )
