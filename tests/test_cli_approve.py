"""A plan that is asked about on the command line: at a terminal, and without one."""

import json
import os
import pty
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script
from scripted import echo, scripted
from typer.testing import CliRunner, Result

from app.cli import app
from app.commands import chat, run

Start = Callable[[Script], ChatServer]


def hugginggpt(*args: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, args, input=typed)


@pytest.fixture
def server(chat_server: Start) -> ChatServer:
    return chat_server(scripted([echo("first?")], lambda body: "forty-two"))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Put a pseudo-terminal in place of standard input; lines are typed ahead."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setenv("COLUMNS", "120")
        yield lambda *lines: os.write(ours, "".join(f"{line}\n" for line in lines).encode())
    os.close(ours)


EDITOR = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
text = file.read_text()
right = text.replace("teleport", "question-answering").replace("first?", "edited?")
file.write_text(right if "teleport" in text else text.replace("question-answering", "teleport"))
"""
"""An editor that makes a mistake first, and mends it when it is opened again."""


def test_at_a_terminal_it_is_rejected_then_edited_until_it_can_be_used(
    server: ChatServer,
    terminal: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "editor.py").write_text(EDITOR)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {tmp_path / 'editor.py'}")
    terminal("what?", "r", "Too slow", "e", "e")
    run.start("What?", [], {"model": server.url, "k": 1, "approve": "models"}, "mine", as_json=False)
    out, error = capsys.readouterr()
    assert re.search(r"0 +http://127\S+ +a chat model +- +unknown +free", out)
    assert "To fetch: nothing." in out
    assert "The plan was rejected: Too slow. So another one was made." in out
    assert "there is no task type 'teleport'. Edit again to mend it." in error
    assert "└── 0 question-answering  question: edited?" in out
    assert "Done." in out
    assert [call["purpose"] for call in json.loads(hugginggpt("show", "mine", "--json").stdout)["usage"]] == [
        "plan",
        "replan",
        "0",
        "respond",
    ]


def test_a_chat_asks_and_a_question_can_be_left(
    server: ChatServer, terminal: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal("What?", "a", "And?", "\x04", "/quit")
    chat.start([], {"model": server.url, "k": 1, "approve": "plan"}, "mine")
    out, error = capsys.readouterr()
    assert out.count("Done.") == 1
    assert "The plan waits for approval; go on with: hugginggpt resume mine --approve" in error
    assert hugginggpt("resume", "mine", "--approve").exit_code == 0


def waiting(server: ChatServer, *args: str) -> Result:
    return hugginggpt(
        "run", "What?", "-m", server.url, "-k", "1", "--thread", "my run", "--approve", "models", *args
    )


def test_without_a_terminal_it_stops_with_what_is_asked(server: ChatServer) -> None:
    done = waiting(server)
    assert done.exit_code == 3
    assert "To fetch: nothing." in done.stdout
    assert "hugginggpt resume 'my run' --approve, --reject REASON or --edit FILE" in done.stderr
    for command in ("show", "resume"):
        again = hugginggpt(command, "my run")
        assert again.exit_code == (0 if command == "show" else 3)
        assert "0 question-answering  question: first?" in again.stdout
        assert "To fetch: nothing." in again.stdout
        assert "waits for approval" in again.stderr
        assert "unfinished" not in again.stderr
    done = hugginggpt("resume", "my run", "--approve")
    assert done.exit_code == 0
    assert "Done." in done.stdout
    assert len(server.requests) == 3
    refused = hugginggpt("resume", "my run", "--approve")
    assert (refused.exit_code, "does not wait for approval" in refused.stderr) == (2, True)


def test_json_has_the_question_and_a_file_the_edit(server: ChatServer, tmp_path: Path) -> None:
    asked = json.loads(waiting(server, "--json").stdout)
    assert asked["results"] == {}
    args: dict[str, Any] = asked["interrupt"]["action_requests"][0]["args"]
    assert args["models"] == {"0": [server.url]}
    file = tmp_path / "edit.json"
    file.write_text(json.dumps([{**args["tasks"][0], "task": "teleport"}]))
    refused = hugginggpt("resume", "my run", "--edit", str(file))
    assert (refused.exit_code, "no task type 'teleport'" in refused.stderr) == (2, True)
    file.write_text("{")
    told = " ".join(hugginggpt("resume", "my run", "--edit", str(file)).stderr.split())
    assert "edit.json is not JSON" in told
    file.unlink()
    told = " ".join(hugginggpt("resume", "my run", "--edit", str(file)).stderr.split())
    assert told.endswith("edit.json cannot be read: No such file or directory.")
    args["tasks"][0]["args"]["question"] = "edited?"
    file.write_text(json.dumps(args))
    assert hugginggpt("resume", "my run", "--edit", str(file), "--approve").exit_code == 2
    done = hugginggpt("resume", "my run", "--edit", str(file), "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["plan"][0]["args"]["question"] == "edited?"
    assert report["interrupt"] is None


def test_a_rejection_ends_the_run_where_nobody_plans_anew(server: ChatServer) -> None:
    assert waiting(server).exit_code == 3
    done = hugginggpt("resume", "my run", "--planner", "retrieval", "--reject", "Too slow")
    assert done.exit_code == 1
    assert "Not done: question-answering (task 0). The plan was rejected: Too slow." in done.stdout


def test_a_chat_without_a_terminal_ends_with_the_question(server: ChatServer) -> None:
    done = hugginggpt("chat", "-m", server.url, "--approve", "plan", typed="What?\nAnd?\n")
    assert done.exit_code == 3
    assert "waits for approval" in done.stderr
    assert len(server.requests) == 1
