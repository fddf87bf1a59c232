"""The command line as people use it: through the real graph, with a scripted chat model at its edge."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said
from typer.testing import CliRunner, Result

from app.cli import app

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "app.cli")
Start = Callable[[Script], ChatServer]


def hugginggpt(*args: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, args, input=typed)


def outside(*args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *args], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def planned(*tasks: dict[str, Any], answer: Script = lambda body: "forty-two") -> Script:
    """Answer the planner with tasks numbered from 0, `respond` with one sentence, and all else with `answer`."""
    plan = json.dumps({"tasks": [{"id": number, **task} for number, task in enumerate(tasks)]})

    def script(body: dict[str, Any]) -> Reply | str:
        if "response_format" in body:
            return plan
        return "It is forty-two." if "Results:" in said(body) else answer(body)

    return script


FIRST = {"task": "question-answering", "args": {"question": "first?", "context": "it"}}
SECOND = {"task": "summarization", "args": {"text": "<resource>-0"}}
IMPOSSIBLE = {"task": "text-to-video", "args": {"text": "a cat"}}


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from app.cli import main
sys.argv = ["hugginggpt", "--help"]
try:
    main()
except SystemExit:
    heavy = {"langgraph", "langchain_core", "torch", "transformers", "pydantic", "httpx"}
    print(*heavy & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("run", "plan", "chat", "resume", "show", "tasks", "models", "doctor"):
        assert f" {name} " in done.stdout
    assert done.stderr.split() == []


def test_a_run_shows_plan_tasks_answer_and_thread(chat_server: Start) -> None:
    server = chat_server(planned(FIRST, SECOND))
    done = hugginggpt("run", "What is it?", "-m", server.url, "--thread", "mine")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    tree = [
        "Plan",
        "└── 0 question-answering  question: first?  context: it",
        "    └── 1 summarization  text from 0",
    ]
    assert lines[:3] == tree
    assert f"0 question-answering: running {server.url}" in lines
    assert lines.index(f"1 summarization: running {server.url}") < next(
        number for number, line in enumerate(lines) if line.startswith("1 summarization: done")
    )
    assert done.stdout.count("It is forty-two.") == 1
    assert lines[-3].startswith("5 chat calls, 35 tokens in, 25 out, ")
    assert lines[-1] == "Thread mine"
    assert lines[-3] in hugginggpt("show", "mine").stdout


def test_json_is_one_object_and_nothing_else(chat_server: Start, tmp_path: Path) -> None:
    server = chat_server(planned(FIRST, SECOND, IMPOSSIBLE))
    note = tmp_path / "note.txt"
    note.write_text("The answer is forty-two.")
    process = outside(
        "run", "What is it?", "-f", str(note), "-m", server.url, "-k", "1", "--thread", "mine", "--json"
    )
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stdout.count("\n") == 1
    value = json.loads(stdout)
    keys = ["thread_id", "plan", "assignments", "results", "answer", "files", "usage", "seconds", "interrupt"]
    assert list(value) == keys
    assert [call["purpose"] for call in value["usage"]] == ["plan", "0", "1", "respond"]
    assert value["plan"] == [
        {**FIRST, "id": 0, "dep": [-1]},
        {**SECOND, "id": 1, "dep": [0]},
        {**IMPOSSIBLE, "id": 2, "dep": [-1]},
    ]
    assert value["assignments"]["0"]["model"] == server.url
    assert value["assignments"]["0"]["candidates"] == [server.url]
    assert value["assignments"]["2"]["model"] is None
    assert {id_: result["status"] for id_, result in value["results"].items()} == {
        "0": "ok",
        "1": "ok",
        "2": "failed",
    }
    keys = ["status", "model", "text", "data", "files", "error", "attempts", "seconds"]
    assert [list(result) for result in value["results"].values()] == [keys] * 3
    assert value["results"]["0"]["text"] == "forty-two"
    assert "text-to-video" in value["results"]["2"]["error"]
    assert (value["thread_id"], value["files"]) == ("mine", [])
    assert value["answer"].startswith("It is forty-two.")
    assert "Not done: text-to-video (task 2)" in value["answer"]
    assert value["seconds"] > 0
    assert "1 summarization: done" in stderr


def test_a_finished_thread_is_shown_and_not_run_again(chat_server: Start) -> None:
    server = chat_server(planned(FIRST))
    assert hugginggpt("run", "What is it?", "-m", server.url, "--thread", "mine").exit_code == 0
    asked = len(server.requests)
    shown, resumed = hugginggpt("show", "mine"), hugginggpt("resume", "mine")
    for done in (shown, resumed):
        assert done.exit_code == 0
        assert "0 question-answering  question: first?" in done.stdout
        assert done.stdout.count("It is forty-two.") == 1
    assert "Nothing is unfinished in thread mine." in resumed.stderr
    assert json.loads(hugginggpt("show", "mine", "--json").stdout)["answer"] == "It is forty-two."
    assert len(server.requests) == asked


def test_ctrl_c_keeps_what_is_finished_for_resume(chat_server: Start) -> None:
    reached, go = threading.Event(), threading.Event()

    def answer(body: dict[str, Any]) -> str:
        if "first?" not in said(body):
            reached.set()
            go.wait(30)
        return "forty-two"

    server = chat_server(planned(FIRST, SECOND, answer=answer))
    process = outside("run", "What is it?", "-m", server.url, "--thread", "mine")
    assert reached.wait(60)
    process.send_signal(signal.SIGINT)
    stopped = time.monotonic()
    stdout, stderr = process.communicate(timeout=30)
    assert time.monotonic() - stopped < 4
    go.set()
    assert process.returncode == 130
    assert "hugginggpt resume mine" in stderr
    assert "Traceback" not in stderr + stdout
    assert "This run is unfinished" in hugginggpt("show", "mine").stderr

    before = len(server.requests)
    done = hugginggpt("resume", "mine")
    assert done.exit_code == 0
    assert "It is forty-two." in done.stdout
    again = [said(body) for body in server.requests[before:]]
    assert not any("first?" in text and "Results:" not in text for text in again)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.txt").touch()
    (tmp_path / "text.wav").write_text("no sound")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["run", " "], "The request is empty"),
        (["plan", ""], "The request is empty"),
        (["run", "Read it", "-f", "gone.png"], "There is no file gone.png."),
        (["run", "Read it", "-f", "folder"], "folder is a directory"),
        (["plan", "Read it", "-f", "empty.txt"], "empty.txt is empty."),
        (["chat", "-f", "text.wav"], "text.wav is named like audio"),
        (["run", "Read it", "-f", "http://127.0.0.1/a.png"], "HUGGINGGPT_ALLOW_PRIVATE_URLS"),
        (["run", "Read it", "-k", "0"], "'-k'"),
        (["run", "Read it", "--planner", "magic"], "magic"),
        (["resume", "nowhere"], "There is no thread nowhere"),
        (["show", "nowhere"], "There is no thread nowhere"),
        (["models", "juggling"], "There is no task 'juggling'"),
        (["juggle"], "No such command"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(args: list[str], says: str) -> None:
    done = hugginggpt(*args, *(["--json"] if args[0] == "run" else []))
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_variable_that_is_not_valid_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_MODE", "secret")
    done = hugginggpt("run", "Do it")
    assert done.exit_code == 2
    assert "HUGGINGGPT_MODE" in done.stderr
    assert "secret" not in done.stderr


def test_a_failed_run_is_one_sentence_and_exit_code_1() -> None:
    done = hugginggpt("run", "Hello", "-m", "openai:gpt-4o", "--thread", "mine", "--json")
    assert done.exit_code == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert "hugginggpt resume mine" in done.stderr
    assert done.stdout == ""


def test_what_cannot_be_done_as_it_was_asked_for_is_not_to_be_gone_on_with() -> None:
    done = hugginggpt("run", "Transcribe this recording.", "--planner", "retrieval")
    assert done.exit_code == 2
    assert "This needs an audio file" in done.stderr
    assert "hugginggpt resume" not in done.stderr


def test_files_of_earlier_turns_are_shown_by_their_names(chat_server: Start, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("It is forty-two.")
    task = {"task": "summarization", "args": {"text": "note.txt"}}
    first = chat_server(planned(answer=lambda body: "Hello."))
    hugginggpt("run", "Hi", "-f", str(tmp_path / "note.txt"), "-m", first.url, "--thread", "mine")
    done = hugginggpt("run", "Sum it up", "-m", chat_server(planned(task)).url, "--thread", "mine")
    assert "text: note.txt" in done.stdout


def test_a_plan_is_made_without_running_it(chat_server: Start, tmp_path: Path) -> None:
    server = chat_server(planned(FIRST))
    assert "└── 0 question-answering" in hugginggpt("plan", "What is it?", "-m", server.url).stdout
    made = json.loads(hugginggpt("plan", "What is it?", "-m", server.url, "--json").stdout)
    assert made == {"plan": [{**FIRST, "id": 0, "dep": [-1]}]}
    assert len(server.requests) == 2
    assert not (tmp_path / "data" / "checkpoints.sqlite").exists()


def test_a_chat_keeps_files_and_thread_over_turns(chat_server: Start, tmp_path: Path) -> None:
    server = chat_server(
        planned(answer=lambda body: "I see note.txt." if "note.txt" in said(body) else "Hello.")
    )
    (tmp_path / "note.txt").write_text("It is forty-two.")
    typed = f"Hi\n/file {tmp_path / 'gone.txt'}\n/file {tmp_path / 'note.txt'}\nLook\nAgain\n/quit\nUnheard\n"
    done = hugginggpt("chat", "-m", server.url, "--thread", "mine", typed=typed)
    assert done.exit_code == 0
    assert "gone.txt" in done.stderr
    assert (done.stdout.count("Hello."), done.stdout.count("I see note.txt.")) == (1, 2)
    assert "Unheard" not in "".join(said(body) for body in server.requests)


def test_the_end_of_the_input_ends_a_chat(chat_server: Start) -> None:
    assert hugginggpt("chat", "-m", chat_server(planned()).url, typed="").exit_code == 0


def test_a_request_without_tasks_is_conversation(chat_server: Start) -> None:
    done = hugginggpt("run", "Hi", "-m", chat_server(planned(answer=lambda body: "Hello.")).url)
    assert (done.exit_code, done.stdout.splitlines()[1].strip()) == (0, "Hello.")


@pytest.mark.parametrize("args", [["tasks"], ["models"], ["models", "Image Captioning"]])
def test_tables_fit_80_columns(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = hugginggpt(*args)
    assert done.exit_code == 0
    assert "image-to-text" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_doctor_names_what_is_missing_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HUGGINGGPT_INDEX_URL", "http://user:word@127.0.0.1:9/simple")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    done = hugginggpt("doctor")
    assert done.exit_code == 0
    assert "ok  key HF_TOKEN: set" in done.stdout
    assert "--  key OPENAI_API_KEY: not set" in done.stdout
    assert (
        "http://127.0.0.1:9/simple does not answer. Connect to the network or set HUGGINGGPT_INDEX_URL"
        in done.stdout
    )
    assert "--  model minilm: not here yet (92 MB)" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert "word" not in done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_doctor_fails_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("HUGGINGGPT_DATA_DIR", str(tmp_path / "data"))
    assert hugginggpt("doctor").exit_code == 1


def test_broken_checkpoints_are_one_sentence(tmp_path: Path, chat_server: Start) -> None:
    file = tmp_path / "data" / "checkpoints.sqlite"
    file.parent.mkdir()
    file.write_text("this is no database, and long enough to be looked at " * 20)
    done = hugginggpt("run", "Hi", "-m", chat_server(planned()).url)
    assert done.exit_code == 1
    assert "file is not a database; HUGGINGGPT_DATA_DIR moves them." in done.stderr
