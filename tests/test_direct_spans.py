"""Choosing answers from hand-made logits."""

import numpy as np
import pytest

from tools.experts.direct.spans import Span, Window, best_spans


def window(
    first: int, start: dict[int, float], end: dict[int, float], null: float = -9.0, size: int = 6
) -> Window:
    """Return a window of a null token, one of the question, and `size` words of three letters from `first` on."""
    places = [None, None, *((4 * i, 4 * i + 3) for i in range(first, first + size))]
    logits = np.full((2, len(places)), 0.0, np.float32)
    logits[:, 0] = null
    logits[:, 1] = 50.0  # the question's own tokens are never an answer
    for row, values in enumerate((start, end)):
        for word, value in values.items():
            logits[row, 2 + word - first] = value
    return Window(places, logits[0], logits[1], 0)


def test_the_likeliest_span_is_the_answer() -> None:
    best = best_spans([window(0, {2: 9.0}, {3: 9.0})])[0]
    assert (best.start, best.end) == (8, 15)
    # start: e^9 against five words at 0 and the null token at -9
    assert best.score == pytest.approx((np.exp(9) / (np.exp(9) + 5 + np.exp(-9))) ** 2, rel=1e-4)


def test_an_end_before_its_start_is_no_answer() -> None:
    best = best_spans([window(0, {4: 9.0}, {1: 9.0, 5: 5.0})])[0]
    assert (best.start, best.end) == (16, 23)


def test_answers_are_no_longer_than_allowed() -> None:
    logits = window(0, {0: 9.0}, {5: 9.0, 2: 6.0})
    assert best_spans([logits], longest=6)[0].end == 23
    assert best_spans([logits], longest=3)[0].end == 11


def test_windows_are_weighed_against_each_other() -> None:
    sure, unsure = window(8, {9: 9.0}, {9: 9.0}), window(0, {1: 2.0}, {1: 2.0}, null=1.0)
    best, second = best_spans([unsure, sure], most=2)
    assert (best.start, best.end) == (36, 39)
    assert best.score > 0.9
    assert (second.start, second.end) == (4, 7)
    assert second.score < 0.01


def test_a_word_in_two_windows_counts_once() -> None:
    one, two = window(0, {4: 9.0}, {4: 9.0}), window(4, {4: 7.0}, {4: 7.0})
    found = best_spans([one, two])
    assert found[0] == best_spans([window(0, {4: 9.0}, {4: 9.0}, size=10)])[0]
    assert [span.start for span in found].count(16) == 1


def test_answers_do_not_overlap() -> None:
    found = best_spans([window(0, {2: 9.0, 3: 8.0, 0: 5.0}, {3: 9.0, 0: 5.0})])
    assert [(span.start, span.end) for span in found[:2]] == [(8, 15), (0, 3)]


def test_no_answer_when_all_windows_say_so() -> None:
    found = best_spans([window(0, {1: 2.0}, {1: 2.0}, null=9.0), window(4, {}, {}, null=8.0)])
    assert found[0][:2] == (0, 0)
    assert found[0].score > 0.9
    assert found[1][:2] == (4, 7)


def test_a_window_without_the_answer_does_not_deny_it() -> None:
    found = best_spans([window(0, {}, {}, null=9.0), window(8, {9: 6.0}, {9: 6.0}, null=-5.0)])
    assert found[0][:2] == (36, 39)


def test_models_without_a_null_token_always_answer() -> None:
    found = best_spans([window(0, {1: 2.0}, {1: 2.0}, null=50.0)._replace(null=None)])
    assert found[0][:2] == (4, 7)


def test_one_word_only() -> None:
    assert best_spans([window(0, {}, {}, size=1)])[0][:2] == Span(0, 3, 1.0)[:2]
