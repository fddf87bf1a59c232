"""Translation with a tiny model of each family: what the model is told, and what it is refused for."""

from pathlib import Path
from typing import Any

import pytest
import tiny_direct as tiny

from tools.errors import InputError, ModelError
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model of each family."""
    root = tmp_path_factory.mktemp("models")
    recipes = {"translation_en_to_fr": {"prefix": "translate English to French: ", "num_beams": 2}}
    return {
        "pair": tiny.marian(root / "pair", "eng", "deu"),
        "group": tiny.marian(root / "group", "en", "roa", [">>fra<<", ">>por<<"]),
        "silent": tiny.marian(root / "silent", None, None),
        "from-group": tiny.marian(root / "from-group", "roa", "en"),
        "from-romance": tiny.marian(root / "from-romance", "ROMANCE", "en"),
        "mbart": tiny.mbart(root / "mbart"),
        "nllb": tiny.nllb(root / "nllb"),
        "m2m": tiny.m2m(root / "m2m"),
        "t5": tiny.t5(root / "t5", ["▁hello"], "▁hello", task_specific_params=recipes),
        "plain-t5": tiny.t5(root / "plain-t5", ["▁hello"], "▁hello"),
        "madlad": tiny.t5(root / "madlad", ["▁hello", "<2fr>", "<2zh_Hant>", "<2translate>"], "▁hello"),
    }


def translated(folder: Path, text: str = "hello", source: str = "", target: str = "") -> str:
    inputs = {"text": text}
    inputs |= {"source_language": source} if source else {}
    inputs |= {"target_language": target} if target else {}
    return run_job(
        ENGINES["transformers"], Job(task="translation", model=folder, inputs=inputs, out=folder)
    ).text


def read(folder: Path, given: dict[str, Any]) -> list[str]:
    """Return the tokens of the first text that the model was given."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [str(token) for token in tokenizer.convert_ids_to_tokens(given["input_ids"][0])]


@pytest.mark.parametrize(
    ("family", "languages", "token"),
    [
        ("pair", ("English", "German"), None),
        ("pair", ("", "de"), None),
        ("pair", ("en-GB", "deu"), None),
        ("group", ("", "French"), ">>fra<<"),
        ("group", ("English", "Portuguese"), ">>por<<"),
        ("silent", ("", "Italian"), None),
        ("from-group", ("Spanish", ""), None),
        ("from-group", ("", "English"), None),
        ("from-romance", ("Spanish", ""), None),
    ],
)
def test_marian(
    folders: dict[str, Path],
    generated: list[dict[str, Any]],
    family: str,
    languages: tuple[str, str],
    token: str | None,
) -> None:
    assert translated(folders[family], "hello", *languages).startswith("hello hello")
    first, *_, last = read(folders[family], generated[0])
    assert first == token if token else ">>" not in first
    assert last == "</s>"


@pytest.mark.parametrize(
    ("family", "languages", "tokens"),
    [
        ("mbart", ("English", "French"), ("en_XX", "fr_XX")),
        ("mbart", ("de", "Chinese"), ("de_DE", "zh_CN")),
        ("mbart", ("", "Brazilian Portuguese"), ("en_XX", "pt_XX")),
        ("mbart", ("French", ""), ("fr_XX", "en_XX")),
        ("nllb", ("English", "French"), ("eng_Latn", "fra_Latn")),
        ("nllb", ("Arabic", "Traditional Chinese"), ("arb_Arab", "zho_Hant")),
        ("nllb", ("fra_Latn", "pbt_Arab"), ("fra_Latn", "pbt_Arab")),
        ("m2m", ("French", "German"), ("__fr__", "__de__")),
        ("m2m", ("", "Norwegian"), ("__en__", "__no__")),
    ],
)
def test_models_of_many_languages(
    folders: dict[str, Path],
    generated: list[dict[str, Any]],
    family: str,
    languages: tuple[str, str],
    tokens: tuple[str, str],
) -> None:
    from transformers import AutoTokenizer

    text = translated(folders[family], "hello", *languages)
    tokenizer = AutoTokenizer.from_pretrained(folders[family])
    assert read(folders[family], generated[0])[0] == tokens[0]
    assert generated[0]["forced_bos_token_id"] == tokenizer.convert_tokens_to_ids(tokens[1])
    assert set(text.replace("bonjour", "").strip()) <= {"e", " "}


def test_what_is_written_is_what_comes_back(folders: dict[str, Path]) -> None:
    assert translated(folders["mbart"], target="French") == "bonjour bonjour"


@pytest.mark.parametrize(
    ("family", "languages", "said"),
    [
        ("t5", ("English", "French"), "translate English to French: hello"),
        ("t5", ("", "fr"), "translate English to French: hello"),
        ("plain-t5", ("", "Spanish"), "translate English to Spanish: hello"),
        ("plain-t5", ("de", "en"), "translate German to English: hello"),
        ("madlad", ("", "French"), "<2fr> hello"),
        ("madlad", ("Klingon", "Traditional Chinese"), "<2zh_Hant> hello"),
    ],
)
def test_t5(
    folders: dict[str, Path],
    generated: list[dict[str, Any]],
    family: str,
    languages: tuple[str, str],
    said: str,
) -> None:
    assert "hello" in translated(folders[family], "hello", *languages)
    text = "".join(read(folders[family], generated[0])).replace("▁", " ").removesuffix("</s>").strip()
    assert text == said
    assert generated[0].get("num_beams") == (2 if family == "t5" else None)


@pytest.mark.parametrize(
    ("family", "languages"),
    [
        ("pair", ("German", "English")),
        ("pair", ("English", "Dutch")),
        ("pair", ("English", "")),
        ("pair", ("Spanish", "German")),
        ("group", ("", "German")),
        ("group", ("German", "French")),
        ("from-group", ("Spanish", "German")),
        ("mbart", ("English", "Klingon")),
        ("mbart", ("English", "Catalan")),
        ("nllb", ("no such language", "French")),
        ("m2m", ("English", "Traditional Chinese")),
        ("t5", ("English", "Spanish")),
        ("t5", ("", "")),
        ("plain-t5", ("", "gibberish")),
        ("plain-t5", ("en", "English")),
        ("madlad", ("English", "German")),
    ],
)
def test_a_model_that_cannot_do_the_pair_says_which(
    folders: dict[str, Path], generated: list[dict[str, Any]], family: str, languages: tuple[str, str]
) -> None:
    source, target = languages
    said = f"from {source or 'the language it is for'} into {target or 'English'}"
    with pytest.raises(ModelError, match=said):
        translated(folders[family], "hello", *languages)
    assert not generated


@pytest.mark.parametrize("family", ["mbart", "nllb", "m2m"])
def test_into_english_the_source_has_to_be_named(folders: dict[str, Path], family: str) -> None:
    with pytest.raises(ModelError, match="has to be told the language"):
        translated(folders[family], target="English")


def test_the_source_of_one_call_does_not_stay_for_the_next(
    folders: dict[str, Path], generated: list[dict[str, Any]]
) -> None:
    translated(folders["nllb"], source="German", target="French")
    translated(folders["nllb"], target="French")
    assert [read(folders["nllb"], given)[0] for given in generated] == ["deu_Latn", "eng_Latn"]


def test_lines_stay_lines_and_long_ones_are_cut_at_sentences(
    folders: dict[str, Path], generated: list[dict[str, Any]]
) -> None:
    long = " ".join(["bonjour hello."] * 12)
    text = translated(folders["mbart"], f"bonjour\n\n{long}\nbonjour", target="French")
    first, blank, middle, last = text.split("\n")
    assert (first, blank, last) == ("bonjour bonjour", "", "bonjour bonjour")
    pieces = sum(len(given["input_ids"]) for given in generated)
    assert pieces > 3
    assert middle.split() == ["bonjour"] * 2 * (pieces - 2)
    assert all(given["input_ids"].shape[1] <= 62 for given in generated)


def test_models_that_do_not_translate(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not translate"):
        translated(tiny.bart(tmp_path), target="French")
    with pytest.raises(InputError, match="text is empty"):
        translated(tmp_path, " ", target="French")
