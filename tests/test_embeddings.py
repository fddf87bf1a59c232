from pathlib import Path

import numpy as np
import pytest

from tools.assets import resolve
from tools.embeddings import BATCH, SIZE, embed


@pytest.fixture(scope="module")
def minilm() -> Path:
    folder = resolve("minilm")
    assert folder is not None
    return folder


def test_no_texts_need_no_model() -> None:
    vectors = embed(Path("nowhere"), [])
    assert vectors.shape == (0, SIZE)
    assert vectors.dtype == np.float32


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises((OSError, ValueError)):
        embed(tmp_path, ["hello"])


@pytest.mark.embedded
def test_like_meanings_are_close_and_lengths_are_one(minilm: Path) -> None:
    vectors = embed(minilm, ["A man is eating.", "Someone has a meal.", "The stock market fell."])
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.5
    assert far < 0.2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.embedded
def test_more_texts_than_a_batch_keep_their_order(minilm: Path) -> None:
    texts = [f"number {n} " * (1 + n * 7 % 5) for n in range(BATCH + 9)]
    together = embed(minilm, texts)
    assert together.shape == (len(texts), SIZE)
    for at in (0, 7, BATCH, len(texts) - 1):
        assert np.allclose(together[at], embed(minilm, [texts[at]])[0], atol=1e-4)


@pytest.mark.embedded
def test_long_texts_are_cut(minilm: Path) -> None:
    long = "the quick brown fox " * 200
    first, second = embed(minilm, [long, long + "and something else entirely"])
    assert np.allclose(first, second, atol=1e-5)
