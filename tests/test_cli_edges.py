"""The command line where it is stopped, its streams are closed or full, and what it is given is no text."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "app.cli")


def shell(line: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a line in a shell, which can close streams; `H` in it is the command."""
    return subprocess.run(
        ["/bin/bash", "-c", f'H() {{ "{sys.executable}" -m app.cli "$@"; }}; {line}'],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["run", "Hi", "--thread", "my run"], "hugginggpt resume 'my run'"),
        (["plan", "Hi"], "Stopped."),
        (["chat", "--thread", "mine"], "hugginggpt chat --thread mine"),
    ],
)
def test_a_thread_that_blocks_does_not_keep_the_user_waiting(
    silent: socket.socket, args: list[str], hint: str, number: signal.Signals
) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    process = subprocess.Popen(
        [*COMMAND, *args],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": url, "HUGGINGGPT_INDEX_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write("Hi\n")
    process.stdin.flush()
    with silent.accept()[0]:
        process.send_signal(number)
        stopped = time.monotonic()
        stdout, stderr = process.communicate(timeout=30)
        assert time.monotonic() - stopped < 3
    assert process.returncode == 130
    assert hint in stderr
    assert stderr.count("Stopped.") == 1
    assert "Traceback" not in stderr + stdout


def test_closed_streams_are_no_failure() -> None:
    assert shell("H tasks >&-").returncode == 0
    assert "Traceback" not in (done := shell("H show nowhere --json >&-")).stderr
    assert done.returncode == 2
    chat = shell("H chat <&-")
    assert chat.returncode == 0
    assert "Traceback" not in chat.stderr


def test_a_full_standard_output_is_one_sentence() -> None:
    done = shell("H tasks > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "Error: standard output cannot be used: No space left on device.\n"


def test_a_reader_that_has_enough_is_no_failure() -> None:
    assert shell("H tasks | head -1").stderr == ""


def test_a_terminal_without_unicode_shows_what_it_can(tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HUGGINGGPT_INDEX_URL": "http://127.0.0.1:9"}
    folder = f"{tmp_path}/Übersicht"
    done = shell("H doctor", PYTHONIOENCODING="ascii", HUGGINGGPT_DATA_DIR=folder, **nowhere)
    assert done.returncode == 0
    assert f"folder HUGGINGGPT_DATA_DIR: {tmp_path}/?bersicht" in done.stdout


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    request = shell(r"H plan $'Say \xff'")
    assert (request.returncode, request.stdout) == (2, "")
    assert request.stderr.startswith("Error: The request is not valid UTF-8")
    named = os.fsencode(tmp_path) + b"/odd\xff.txt"
    Path(os.fsdecode(named)).write_text("Good day")
    done = shell(rf"H plan 'Read it' --file {tmp_path}/odd$'\xff'.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "its name is not UTF-8; rename it." in done.stderr


@pytest.mark.parametrize("args", [["models"], ["run", "Hi"], ["chat"], ["plan", "Hi"]])
def test_a_process_setting_that_is_not_valid_is_told_at_once(
    args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", "perhaps")
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 2
    assert "HUGGINGGPT_ALLOW_PRIVATE_URLS" in done.stderr


def test_a_task_without_models_names_the_setting_that_brings_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["models", "object-detection"])
    assert done.exit_code == 0
    assert "There is no model for object-detection here." in done.stdout
    assert "Set HF_TOKEN to use Hugging Face inference providers." in done.stdout


@pytest.mark.parametrize("planner", ["retrieval", "llm"])
def test_a_chat_model_of_no_known_form_is_refused_before_anything_runs(planner: str) -> None:
    done = CliRunner().invoke(app, ["run", "Hi", "-m", "gpt", "--planner", planner, "--thread", "mine"])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: There is no chat model 'gpt'; use `embedded`")
    assert "resume" not in done.stderr


@pytest.mark.parametrize(
    ("source", "says"), [("", "name of a file is empty"), ("http://", "not a valid URL")]
)
def test_a_file_without_a_name_is_refused(source: str, says: str) -> None:
    done = CliRunner().invoke(app, ["plan", "Hi", "-f", source])
    assert done.exit_code == 2
    assert says in done.stderr


def test_doctor_looks_at_the_places_themselves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HUGGINGGPT_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HUGGINGGPT_DATA_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("HUGGINGGPT_ARTIFACTS", "s9://nowhere")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "no  folder HUGGINGGPT_DATA_DIR" in done.stdout
    assert "no  store HUGGINGGPT_ARTIFACTS" in done.stdout
