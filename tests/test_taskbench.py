import json
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import taskbench
from tools.tasks import TASKS

SAMPLE = {
    "id": "1",
    "type": "chain",
    "user_request": "Transcribe the speech in voice.wav, then summarize the text.",
    "task_nodes": [{"task": "Automatic Speech Recognition"}, {"task": "Summarization"}],
    "task_links": [{"source": "Automatic Speech Recognition", "target": "Summarization"}],
}


async def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed a text as its letter pairs."""
    vectors = np.zeros((len(texts), 1024), np.float32)
    for line, text in zip(vectors, texts, strict=True):
        for first, second in zip(text.lower(), text.lower()[1:], strict=False):
            line[(ord(first) * 31 + ord(second)) % 1024] += 1
    result: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return result


def test_all_tools_have_rows_and_all_but_editing_are_rows_of_the_task_table() -> None:
    assert len(taskbench.ROWS_OF_TOOLS) == 23
    assert set(taskbench.rows()) - set(TASKS) == {"image-editing"}
    assert all(name == row.name for name, row in taskbench.rows().items())


def test_files_that_a_request_names_get_stand_ins() -> None:
    files = taskbench.stand_ins("Edit 'example.jpg' with example.wav and again example.jpg")
    assert [(file.name, file.media) for file in files] == [("example.jpg", "image"), ("example.wav", "audio")]


@pytest.mark.parametrize(
    ("pairs", "score"),
    [
        ([({"a"}, {"a"})], 100.0),
        ([({"a"}, {"b"})], 0.0),
        ([({"a", "b"}, {"a"}), (set(), {"c", "d"})], 40.0),
        ([(set(), set())], 100.0),
    ],
)
def test_f1_is_averaged_over_all_samples_together(
    pairs: list[tuple[set[str], set[str]]], score: float
) -> None:
    assert taskbench.f1(pairs) == pytest.approx(score)


async def test_a_sample_is_planned_and_scored() -> None:
    wrong = {**SAMPLE, "type": "dag", "task_links": []}
    result = await taskbench.score([SAMPLE, wrong], letters)
    assert result["scores"]["chain"] == {"samples": 1, "n_f1": 100.0, "e_f1": 100.0}
    assert result["scores"]["dag"] == {"samples": 1, "n_f1": 100.0, "e_f1": 0.0}
    assert result["scores"]["overall"]["e_f1"] == pytest.approx(66.7)
    assert json.dumps(result)
