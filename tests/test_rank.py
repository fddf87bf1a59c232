"""The order of candidates without a language model; a bag of words stands in for the sentence model's weights."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import selection
from tools.models import Model
from tools.models.rank import ranked


async def words(texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = np.zeros((len(texts), 4096), np.float32)
    for line, text in zip(vectors, texts, strict=True):
        for word in re.findall(r"[a-z]+", text.lower()):
            line[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 4096] = 1
    result: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result


def model(id_: str, downloads: int = 0, about: str = "A model.", source: Any = "hub") -> Model:
    return Model(id=id_, tasks=("translation",), about=about, source=source, downloads=downloads)


async def order(*models: Model, request: str = "draw pixel art") -> list[str]:
    return [one.id for one in await ranked(models, request, words)]


async def test_a_models_name_tells_what_it_is_good_at() -> None:
    assert await order(model("a/base-model", 10**6), model("b/Pixel-Art_xl", 10)) == [
        "b/Pixel-Art_xl",
        "a/base-model",
    ]


async def test_downloads_decide_among_models_that_fit_about_as_well() -> None:
    alike = [model("a/one", 10**3), model("b/two", 10**6), model("c/three", 10**4)]
    assert await order(*alike) == ["b/two", "c/three", "a/one"]


async def test_what_is_at_hand_comes_first_however_well_others_fit() -> None:
    here = model("mine", source="registry")
    assert (await order(model("b/pixel-art", 10**6), model("c/pixel", 9), here))[0] == "mine"


def test_the_labelled_requests_are_sound() -> None:
    asked = selection.samples()
    assert len(asked) >= 40
    assert len({one.task for one in asked}) >= 12
    for one in asked:
        ids = [candidate.id for candidate in one.shortlist]
        assert len(ids) == len(set(ids)) > len(one.acceptable) > 0
        assert set(one.acceptable) <= set(ids)


async def test_a_score_counts_choices_that_are_acceptable_and_on_the_list() -> None:
    asked = selection.samples()[:4]
    replies = iter([asked[0].acceptable[0], "made-up", None, asked[3].acceptable[-1]])

    async def choose(sample: selection.Sample) -> str | None:
        return next(replies)

    scored = await selection.score(choose, asked)
    assert (scored["acceptable"], scored["no_choice"]) == (50.0, 2)


@pytest.mark.embedded
async def test_the_rule_is_much_better_than_downloads() -> None:
    scored = await selection.measured([])
    assert scored["rule"]["acceptable"] >= 70
    assert scored["downloads"]["acceptable"] <= 40
