"""The planning benchmark as a LangSmith experiment: the same numbers, nothing sent unless told to, no dataset twice."""

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script
from langsmith import Client, utils
from test_taskbench import SAMPLE, letters
from trace_server import Routes, TraceServer, serve

from benchmarks.experiment import examples, experiment, main, name_of, uploaded
from benchmarks.taskbench import score
from benchmarks.taskbench_predict import Kept, Run, by_chat_model, by_retrieval
from graph.nodes import wait_for
from tools.errors import ModelError

RUN = Run("retrieval", "", "1")
NOW = "2026-01-01T00:00:00+00:00"
SAMPLES: list[dict[str, Any]] = [
    SAMPLE,
    {**SAMPLE, "id": "2", "user_request": "Read the printed text in page.png aloud."},
    {**SAMPLE, "id": "3", "type": "single", "task_links": [], "user_request": "Summarize voice.wav."},
]


class LangSmith:
    """The parts of LangSmith that keep datasets, experiments and feedback."""

    def __init__(self) -> None:
        self.datasets: list[dict[str, Any]] = []
        self.examples: dict[str, dict[str, Any]] = {}
        self.sessions: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []

    @property
    def routes(self) -> Routes:
        return {
            ("GET", "/datasets"): lambda body: self.datasets,
            ("POST", "/datasets"): lambda body: self._made(self.datasets, body),
            ("GET", "/examples"): lambda body: list(self.examples.values()),
            ("POST", "/examples/bulk"): self._examples,
            ("GET", "/sessions"): lambda body: self.sessions,
            ("POST", "/sessions"): lambda body: self._made(self.sessions, body),
            ("PATCH", "/sessions/.*"): lambda body: self.sessions[-1],
            ("POST", "/feedback"): lambda body: self._made(self.feedback, body),
        }

    def _made(self, where: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        ids = {"id": str(uuid.uuid4()), "tenant_id": str(uuid.uuid4())}
        where.append({**ids, "created_at": NOW, "start_time": NOW, **body})
        return where[-1]

    def _examples(self, body: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert not {one["id"] for one in body} & self.examples.keys(), "LangSmith takes no id twice"
        self.examples |= {one["id"]: one for one in body}
        return body


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept.jsonl", RUN)


@pytest.fixture
def langsmith() -> LangSmith:
    return LangSmith()


@pytest.fixture
def collector(langsmith: LangSmith, monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceServer]:
    """A LangSmith to which all is traced that the environment decides about."""
    with serve(langsmith.routes) as server:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
        yield server
        monkeypatch.delenv("LANGSMITH_TRACING")
        utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


def test_the_scores_are_those_of_the_benchmark(kept: Kept) -> None:
    planner = by_retrieval(letters)
    found = experiment(examples(SAMPLES, "x"), planner, kept)
    truth, _ = wait_for(score(SAMPLES, planner, kept))
    assert 0 < truth["n_f1"] < 100
    assert found == {
        "samples": 3,
        **{f"micro_{key}": truth[key] for key in ("n_f1", "e_f1", "t_f1", "v_f1")},
    }


def test_offline_nothing_is_sent(
    kept: Kept, collector: TraceServer, chat_server: Callable[[Script], ChatServer]
) -> None:
    plan = {"tasks": [{"task": "summarization", "id": 0, "args": {"text": "Words."}}]}
    chat = chat_server(lambda body: json.dumps(plan))
    found = experiment(examples(SAMPLES, "x"), by_chat_model(chat.url, letters), kept)
    assert found["samples"] == len(chat.requests) == 3
    assert not collector.requests


def test_a_chat_model_that_is_away_is_no_score(
    kept: Kept, chat_server: Callable[[Script], ChatServer]
) -> None:
    planner = by_chat_model("http://127.0.0.1:9/v1#none", letters)
    with pytest.raises(ModelError, match="could not be planned"):
        experiment(examples(SAMPLES[:1], "x"), planner, kept)


def test_an_upload_makes_one_dataset_and_an_experiment_each_time(
    kept: Kept, langsmith: LangSmith, collector: TraceServer
) -> None:
    client = Client(api_url=collector.url, api_key="k")
    found = {}
    for samples in (SAMPLES[:2], SAMPLES, SAMPLES):
        data = uploaded(examples(samples, "x"), "x", client)
        found = experiment(data, by_retrieval(letters), kept, client)
    client.flush()
    client.cleanup(timeout=0)
    (dataset,) = langsmith.datasets
    assert [one["inputs"]["id"] for one in langsmith.examples.values()] == ["1", "2", "3"]
    assert {one["dataset_id"] for one in langsmith.examples.values()} == {dataset["id"]}
    assert [one["reference_dataset_id"] for one in langsmith.sessions] == [dataset["id"]] * 3
    assert langsmith.sessions[0]["extra"]["metadata"]["planner"] == "retrieval"
    predicted = [
        run for run in collector.named("plan") if run["session_name"] == langsmith.sessions[-1]["name"]
    ]
    assert [run["reference_example_id"] for run in predicted] == list(langsmith.examples)
    told = {one["key"]: one["score"] for one in langsmith.feedback[-4:]}
    assert {"samples": 3, **told} == found
    assert {one["key"] for one in collector.feedback} == {"n_f1", "e_f1", "t_f1", "v_f1"}


def test_other_samples_are_another_dataset(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "dev.jsonl", tmp_path / "b" / "dev.jsonl"
    for file, text in ((first, "1"), (second, "2")):
        file.parent.mkdir()
        file.write_text(text)
    assert name_of(first) != name_of(second)
    assert name_of(first).startswith("taskbench-dev-")


def test_an_upload_without_a_key_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["experiment", str(tmp_path / "data.jsonl"), "--upload"])
    with pytest.raises(SystemExit, match="set LANGSMITH_API_KEY"):
        main()
