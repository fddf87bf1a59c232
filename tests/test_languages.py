"""Languages by name or code, as the codes that translation models take."""

import pytest

from tools.experts import languages
from tools.experts.languages import closest, code, m2m, mbart, nllb, pair


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("French", ("fra_Latn", "fr_XX", "fr")),
        ("français", ("fra_Latn", "fr_XX", "fr")),
        (" german", ("deu_Latn", "de_DE", "de")),
        ("fr", ("fra_Latn", "fr_XX", "fr")),
        ("fra_Latn", ("fra_Latn", "fr_XX", "fr")),
        ("en_XX", ("eng_Latn", "en_XX", "en")),
        ("Brazilian Portuguese", ("por_Latn", "pt_XX", "pt")),
        ("Chinese", ("zho_Hans", "zh_CN", "zh")),
        ("Traditional Chinese", ("zho_Hant", None, None)),
        ("Arabic", ("arb_Arab", "ar_AR", "ar")),
        ("Swahili", ("swh_Latn", "sw_KE", "sw")),
        ("Farsi", ("pes_Arab", "fa_IR", "fa")),
        ("Pashto", ("pbt_Arab", "ps_AF", "ps")),
        ("Catalan", ("cat_Latn", None, "ca")),
        ("Luxembourgish", ("ltz_Latn", None, "lb")),
        ("Klingon", (None, None, None)),
        ("the language of love", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_each_family_gets_its_code(name: str, codes: tuple[str | None, ...]) -> None:
    assert (nllb(name), mbart(name), m2m(name)) == codes


def test_a_languages_code() -> None:
    assert str(code("German")) == "de"
    assert [str(code(short)) for short in ("en", "EN", "id", "so", "nob")] == ["en", "en", "id", "so", "nb"]
    assert [str(code(name)) for name in ("Thai", "Zulu", "Ewe")] == ["th", "zu", "ee"]
    assert code("nonsense") is None
    assert code("auto") is None
    assert closest("German", ["de-AT", "fr"]) == "de-AT"
    assert closest("German", []) is None


def test_the_lists_are_those_of_the_tokenizers() -> None:
    pytest.importorskip("transformers")
    from transformers.models.m2m_100 import tokenization_m2m_100
    from transformers.models.mbart50 import tokenization_mbart50
    from transformers.models.nllb import tokenization_nllb

    assert languages.NLLB.split() == tokenization_nllb.FAIRSEQ_LANGUAGE_CODES
    assert languages.MBART.split() == tokenization_mbart50.FAIRSEQ_LANGUAGE_CODES
    assert tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"] == languages.M2M.split()


def test_models_for_one_pair_say_so() -> None:
    assert pair("Helsinki-NLP/opus-mt-en-fr") == ("en", "fr")
    assert pair("Helsinki-NLP/opus-mt-tc-big-en-pt") == ("en", "pt")
    assert pair("facebook/nllb-200-distilled-600M") is None
