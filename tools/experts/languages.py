"""Names of languages as the codes that translation models take."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langcodes import Language

LONGEST_CODE = 3
"""Letters of the longest code of a language alone."""
SAME = 5
"""Greatest distance of two codes of one language that differ in region only; see `langcodes.closest_match`."""
NLLB = (
    "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab ars_Arab "
    "ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl "
    "bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn "
    "cjk_Latn ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn "
    "est_Latn eus_Latn ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn "
    "gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn "
    "ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab "
    "kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn "
    "kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn "
    "lua_Latn lug_Latn luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn "
    "mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva nso_Latn nus_Latn "
    "nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn por_Latn prs_Arab pbt_Arab quy_Latn "
    "ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn "
    "sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn "
    "szl_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn "
    "tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn "
    "vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zul_Latn"
)
"""Codes of NLLB-200 (arXiv:2207.04672), as in transformers' `NllbTokenizer`."""
MBART = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP "
    "nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN "
    "mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
)
"""Codes of mBART-50 (arXiv:2008.00401), as in transformers' `MBart50Tokenizer`; the first 25 are those of mBART."""
M2M = (
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy "
    "id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru "
    "sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu"
)
"""Codes of M2M100 (arXiv:2010.11125), as in transformers' `M2M100Tokenizer`."""
MEMBERS = {"ps": "pbt_Arab", "qu": "quy_Latn"}
"""NLLB's member of languages that are several, where langcodes does not say which one is meant."""
PAIR = re.compile(r"opus-mt-(?:tc-\w+-)?([a-z]{2,3})[-_]([a-z]{2,3})$")
"""Models for one pair of languages, e.g. `Helsinki-NLP/opus-mt-en-fr`."""


@cache
def code(name: str) -> "Language | None":
    """Return the language that a name in any language or a code means, or None.

    Args:
        name: E.g. `French`, `français`, `Brazilian Portuguese`, `fr`, `fra_Latn`.
    """
    import langcodes

    text = name.strip()
    # `find` takes `en` and `id` for names of other languages, and `get` takes `Thai` for a script.
    if len(text) <= LONGEST_CODE and langcodes.tag_is_valid(text):
        return langcodes.get(text)
    try:
        return langcodes.find(text)
    except LookupError:
        return langcodes.get(text) if langcodes.tag_is_valid(text) else None


@cache
def _closest(name: str, codes: tuple[str, ...]) -> str | None:
    import langcodes

    if (language := code(name)) is None or not language.language:
        return None
    if (member := MEMBERS.get(language.language)) in codes:
        return member
    found, distance = langcodes.closest_match(language.to_tag(), codes, max_distance=SAME)
    return found if distance <= SAME else None


def closest(name: str, codes: Sequence[str]) -> str | None:
    """Return which of a model's codes means a language, or None; a related language is none.

    Args:
        name: As in `code`.
        codes: Codes in any of the usual forms: `fr`, `fra`, `fra_Latn`, `fr_XX`.
    """
    return _closest(name, tuple(codes))


def nllb(name: str) -> str | None:
    """Return NLLB's code of a language, e.g. `fra_Latn`, or None."""
    return closest(name, NLLB.split())


def mbart(name: str) -> str | None:
    """Return mBART-50's code of a language, e.g. `fr_XX`, or None."""
    return closest(name, MBART.split())


def m2m(name: str) -> str | None:
    """Return M2M100's code of a language, e.g. `fr`, or None."""
    return closest(name, M2M.split())


def pair(model: str) -> tuple[str, str] | None:
    """Return the source and target code in the name of a model for one pair of languages, or None.

    Args:
        model: Hub id; only Marian's `opus-mt` names are known. Names of groups, such as `mul` or `gem`, are no codes
            of one language: `code` tells.
    """
    found = PAIR.search(model)
    return (found[1], found[2]) if found else None
