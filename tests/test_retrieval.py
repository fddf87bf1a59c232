"""The planner from request to plan; a bag of words stands in for the embedding model's weights."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from graph.planners import retrieval, retrieval_examples
from graph.types import Plan
from tools.errors import InputError
from tools.outputs import Artifact
from tools.settings import settings
from tools.tasks import TASKS

WAV = Artifact(
    sha256=hashlib.sha256(b"a").hexdigest(), media="audio", mime="audio/x-wav", suffix=".wav", name="a.wav"
)


class Words:
    """Embeds a text as the words it has, and counts what it was asked for."""

    def __init__(self, seed: str = "") -> None:
        self.seed = seed
        self.embedded = 0

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        vectors = np.zeros((len(texts), 512), np.float32)
        for line, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                line[int(hashlib.sha256((self.seed + word).encode()).hexdigest(), 16) % 512] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        result: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
        return result


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HUGGINGGPT_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    retrieval_examples._kept.clear()
    yield tmp_path / "planner"
    retrieval_examples._kept.clear()
    settings.cache_clear()


def stored(cache: Path) -> list[bytes]:
    return [file.read_bytes() for file in cache.iterdir()]


async def plan(request: str, *files: Artifact, embed: Words | None = None) -> Plan:
    return await retrieval.plan(request, files, TASKS, embed or Words())


async def test_a_request_becomes_a_plan() -> None:
    made = await plan("Transcribe this recording, then read the summary aloud.", WAV)
    assert [task.name for task in made.tasks] == [
        "automatic-speech-recognition",
        "summarization",
        "text-to-speech",
    ]
    assert [task.dep for task in made.tasks] == [(), ("0",), ("1",)]
    assert made.tasks[0].inputs[0].value == WAV.ref


@pytest.mark.parametrize("request_", ["Good morning", "?", "", "   ", "qwertz uiop"])
async def test_small_talk_is_no_plan(request_: str) -> None:
    assert await plan(request_) == Plan()


async def test_a_missing_file_is_asked_for() -> None:
    with pytest.raises(InputError, match="needs an audio file"):
        await plan("Transcribe this recording")


async def test_a_file_that_is_named_but_not_there_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"no file 'b\.wav'"):
        await plan("Transcribe b.wav", WAV)


async def test_a_name_for_the_result_is_no_missing_file() -> None:
    made = await plan("Transcribe this recording into out.txt", WAV)
    assert [task.name for task in made.tasks] == ["automatic-speech-recognition"]


async def test_examples_are_embedded_once_and_kept_on_disk(cache: Path) -> None:
    phrases = sum(len(row.examples) for row in TASKS.values())
    first, second, third = Words(), Words(), Words()
    await plan("Transcribe this recording", WAV, embed=first)
    assert first.embedded == phrases + 2
    await plan("Transcribe this recording", WAV, embed=second)
    retrieval_examples._kept.clear()
    await plan("Transcribe this recording", WAV, embed=third)
    assert (second.embedded, third.embedded) == (2, 2)
    assert len(stored(cache)) == 1


async def test_vectors_of_another_model_are_not_taken(cache: Path) -> None:
    other = Words(seed="x")
    await plan("Transcribe this recording", WAV)
    assert (await plan("Transcribe this recording", WAV, embed=other)).tasks
    assert len(stored(cache)) == 2


def cut(cache: Path) -> None:
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:100])


async def test_a_damaged_cache_is_made_anew(cache: Path) -> None:
    await plan("Transcribe this recording", WAV)
    (before,) = stored(cache)
    cut(cache)
    retrieval_examples._kept.clear()
    assert (await plan("Transcribe this recording", WAV)).tasks
    assert stored(cache) == [before]


@pytest.fixture
def blocked(cache: Path) -> None:
    cache.write_text("a file where the folder should be")


@pytest.mark.usefixtures("blocked")
async def test_a_cache_that_cannot_be_written_does_not_matter() -> None:
    assert (await plan("Transcribe this recording", WAV)).tasks
