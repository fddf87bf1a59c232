"""The benchmark: metrics, plans in the benchmark's form, kept predictions, and a chat model as planner."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer, Script
from numpy.typing import NDArray

from benchmarks import taskbench
from benchmarks.taskbench import samples_of
from benchmarks.taskbench_predict import Kept, Run, by_chat_model, by_retrieval, predict, version
from benchmarks.taskbench_scores import arguments, comparable, f1, summary
from benchmarks.taskbench_tools import ROWS_OF_TOOLS, as_sample, only_tools, rows, stand_ins
from graph.types import Input, Plan, Task
from tools.errors import InputError, TransientError
from tools.tasks import TASKS, find

DATA = Path(taskbench.__file__).parent / "data"
SHARED = Path(__file__).parents[2] / "shared" / "taskbench" / "dev.jsonl"
ASR, SUM = "Automatic Speech Recognition", "Summarization"
SAMPLE: dict[str, Any] = {
    "id": "1",
    "type": "chain",
    "user_request": "Transcribe the speech in voice.wav, then summarize the text.",
    "task_nodes": [{"task": ASR, "arguments": ["voice.wav"]}, {"task": SUM, "arguments": ["<node-0>"]}],
    "task_links": [{"source": ASR, "target": SUM}],
}
RUN = Run("retrieval", "", "1")


async def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed a text as its letter pairs."""
    vectors = np.zeros((len(texts), 1024), np.float32)
    for line, text in zip(vectors, texts, strict=True):
        for first, second in zip(text.lower(), text.lower()[1:], strict=False):
            line[(ord(first) * 31 + ord(second)) % 1024] += 1
    result: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return result


def test_all_tools_have_rows_and_all_but_editing_are_rows_of_the_task_table() -> None:
    assert len(ROWS_OF_TOOLS) == 23
    assert set(rows()) - set(TASKS) == {"image-editing"}
    assert all(name == row.name for name, row in rows().items())


def test_the_task_table_is_the_benchmarks_only_for_the_while() -> None:
    before = dict(TASKS)
    with only_tools() as table:
        assert dict(TASKS) == dict(table)
        assert find("Image Editing") is TASKS["image-editing"]
        assert find("fill-mask") is None
    assert before == TASKS


def test_files_that_a_request_names_get_stand_ins() -> None:
    files = stand_ins("Edit 'example.jpg' with example.wav and again example.jpg")
    assert [(file.name, file.media) for file in files] == [("example.jpg", "image"), ("example.wav", "audio")]


def test_a_plan_is_written_as_a_sample() -> None:
    (photo,) = stand_ins("photo.jpg")
    with only_tools():
        inputs = (Input(slot="image", value=photo.ref), Input(slot="instruction", value="Make it red"))
        text = (Input(slot="text", source="a"), Input(slot="target_language", value="French"))
        read = (Input(slot="image", source="b"),)
        tasks = (
            Task(id="c", name="translation", inputs=(Input(slot="text", source="d"), text[1])),
            Task(id="b", name="image-editing", inputs=inputs),
            Task(id="d", name="image-to-text", inputs=read),
        )
        made = as_sample(Plan(tasks=tasks), "", [photo])
    assert made["task_nodes"] == [
        {"task": "Translation", "arguments": ["<node-2>"]},
        {"task": "Image Editing", "arguments": ["photo.jpg", "Make it red"]},
        {"task": "Image-to-Text", "arguments": ["<node-1>"]},
    ]
    assert made["task_links"] == [
        {"source": "Image-to-Text", "target": "Translation"},
        {"source": "Image Editing", "target": "Image-to-Text"},
    ]


def test_a_plan_without_tasks_is_conversation() -> None:
    assert as_sample(Plan(), "Hello", [])["task_nodes"] == [
        {"task": "Conversational", "arguments": ["Hello"]}
    ]


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
    assert f1(pairs) == pytest.approx(score)


def test_arguments_are_called_after_their_medium_and_references_after_their_source() -> None:
    assert arguments(SAMPLE) == {(ASR, "audio", "voice.wav"), (SUM, "text", ASR)}


def test_arguments_count_only_where_references_and_links_agree() -> None:
    wrong = {**SAMPLE, "task_links": [{"source": SUM, "target": ASR}]}
    assert comparable(SAMPLE)
    assert not comparable(wrong)
    assert not comparable({**SAMPLE, "task_nodes": [{"task": ASR}]})
    other = {**SAMPLE, "task_nodes": [{"task": ASR, "arguments": ["other.wav"]}, SAMPLE["task_nodes"][1]]}
    scores = summary([(other, SAMPLE), (other, wrong)])
    assert (scores["t_f1"], scores["v_f1"]) == (100.0, 50.0)


async def test_samples_are_planned_and_scored(tmp_path: Path) -> None:
    wrong = {**SAMPLE, "type": "dag", "task_links": []}
    kept = Kept(tmp_path / "out.jsonl", RUN)
    result, scored = await taskbench.score([SAMPLE, wrong], by_retrieval(letters), kept)
    assert list(result) == [
        *("samples", "n_f1", "e_f1", "t_f1", "v_f1", "by_type", "ms_per_request", "prompt_tokens")
    ]
    assert result["by_type"] == {"chain": {"n_f1": 100.0, "e_f1": 100.0}, "dag": {"n_f1": 100.0, "e_f1": 0.0}}
    assert (result["samples"], result["e_f1"], result["v_f1"]) == (2, 66.7, 100.0)
    assert (result["prompt_tokens"], result["ms_per_request"] > 0) == (0, True)
    told = taskbench.errors(scored, 5)
    assert told.splitlines() == [f"1 (dag): {SAMPLE['user_request']}", f"  + {ASR} -> {SUM}"]
    assert "gpt-4            n-F1  81.5   e-F1  54.7" in taskbench.report(result)


async def test_predictions_are_kept_for_the_same_run_only(tmp_path: Path) -> None:
    file, asked = tmp_path / "folder" / "out.jsonl", []

    async def planner(request: str, *_: Any) -> Plan:
        asked.append(request)
        return Plan()

    first = await Kept(file, RUN).predict(SAMPLE, planner)
    file.write_text(file.read_text() + '{"key": "cut o')
    assert await Kept(file, RUN).predict(SAMPLE, planner) == first
    assert len(asked) == 1
    await Kept(file, RUN._replace(version="2")).predict(SAMPLE, planner)
    assert len(asked) == 2


async def test_a_request_that_cannot_be_planned_has_no_tasks_and_says_why() -> None:
    made = await predict({"user_request": "Transcribe this recording"}, by_retrieval(letters))
    assert (made["task_nodes"], made["error"]) == (
        [],
        "This needs an audio file; attach one (--file on the command line).",
    )


async def test_a_chat_model_is_asked_as_in_production_and_its_tokens_are_counted(
    chat_server: Callable[[Script], ChatServer],
) -> None:
    wire = [
        {"task": "automatic-speech-recognition", "id": 0, "args": {"audio": "voice.wav"}},
        {"task": "summarization", "id": 1, "args": {"text": "<resource>-0"}},
    ]
    server = chat_server(lambda _: json.dumps({"tasks": wire}))
    made = await predict(SAMPLE, by_chat_model(server.url, letters))
    assert (made["task_nodes"], made["task_links"]) == (SAMPLE["task_nodes"], SAMPLE["task_links"])
    assert made["prompt_tokens"] > 0


async def test_a_chat_model_that_cannot_be_reached_stops_the_run_and_is_not_scored(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "out.jsonl", RUN)
    with pytest.raises(TransientError):
        await kept.predict(SAMPLE, by_chat_model("http://127.0.0.1:9/v1", letters))
    assert not kept.known


def test_what_decides_a_prediction_has_a_version() -> None:
    assert version() == version()
    assert len(version()) == 12


@pytest.mark.parametrize("name", ["requests.jsonl", "requests_late.jsonl"])
def test_labelled_requests_are_whole(name: str) -> None:
    samples = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    assert all(comparable(sample) for sample in samples)
    assert {node["task"] for sample in samples for node in sample["task_nodes"]} <= set(ROWS_OF_TOOLS)
    assert {sample["type"] for sample in samples} == {"single", "chain", "dag"}
    if SHARED.exists():
        known = {json.loads(line)["user_request"] for line in SHARED.read_text(encoding="utf-8").splitlines()}
        assert not known & {sample["user_request"] for sample in samples}


@pytest.mark.embedded
def test_the_command_prints_one_json_object_of_good_scores(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.taskbench", str(DATA / "requests_late.jsonl"), "--json"]
    run = subprocess.run(
        [*command, "--out", str(tmp_path / "out.jsonl")], capture_output=True, text=True, check=True
    )
    result = json.loads(run.stdout)
    assert result["samples"] == 34
    assert result["n_f1"] >= 82
    assert result["e_f1"] >= 55


def test_a_line_that_is_no_json_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"id": "1"}\n\n{"id": \n')
    with pytest.raises(InputError, match="line 3"):
        samples_of(data)
