"""What a run looks like on a terminal, and how it is reported."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from rich.console import Console

from app.report import has_failed, report
from app.view import View
from graph.state import State
from graph.types import Assignment, Input, Plan, Task, TaskError, TaskResult
from tools.artifacts import store
from tools.outputs import Output

PLAN = Plan(
    tasks=(
        Task(id="0", name="text-to-speech", inputs=(Input(slot="text", value="Hello."),)),
        Task(id="1", name="automatic-speech-recognition", inputs=(Input(slot="audio", source="0"),)),
    )
)


def state() -> State:
    spoken = store().put_bytes(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, "speech.wav")
    return State(
        messages=[HumanMessage("Do it."), AIMessage("All done.")],
        plan=PLAN,
        assignments={"0": Assignment(models=("a/voice", "b/voice"), reason="First.")},
        results={
            "0": TaskResult(
                output=Output(text="Speech.", files=(spoken, spoken)), model="a/voice", attempts=1, seconds=2
            ),
            "1": TaskResult(error=TaskError(reason="It broke."), model="c/ears", attempts=3, seconds=1),
        },
    )


def test_a_report_names_files_that_exist() -> None:
    value = report("t", state(), 1.5)
    assert len(value["files"]) == 1
    assert Path(value["files"][0]).is_absolute()
    assert Path(value["files"][0]).read_bytes().startswith(b"RIFF")
    assert value["results"]["1"] == {
        "status": "failed",
        "model": "c/ears",
        "text": None,
        "data": None,
        "files": [],
        "error": "It broke.",
        "attempts": 3,
        "seconds": 1,
    }
    assert value["assignments"]["0"] == {
        "model": "a/voice",
        "reason": "First.",
        "candidates": ["a/voice", "b/voice"],
    }
    assert has_failed(state())


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=80, color_system=None)


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def task(id_: str, status: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "custom", {"type": "task", "id": id_, "status": status, **more}


def written(text: str, node: str = "respond") -> tuple[str, Any]:
    return "messages", (AIMessageChunk(content=text), {"langgraph_node": node})


def play(view: View, *items: tuple[str, Any]) -> None:
    for mode, payload in items:
        view.take(mode, payload)


def test_every_change_is_one_line_without_a_terminal(screen: Console) -> None:
    final = state()
    with View(screen) as view:
        play(
            view,
            ("updates", {"plan": {"plan": PLAN, "notes": ["careful"]}}),
            ("updates", {"select": {"assignments": final.assignments}}),
            ("custom", {"type": "note", "text": "a [b] note"}),
            task("0", "running", model="a/voice"),
            *(
                ("custom", {"type": "download", "asset": "voice", "done": n * 10**6, "total": 10**8})
                for n in range(101)
            ),
            task("0", "done", model="a/voice", seconds=2.0),
            ("updates", {"execute": {"results": {"0": final.results["0"]}}}),
            task("1", "failed", model="c/ears", seconds=1.0, reason="It broke."),
            ("updates", {"execute": {"results": {"1": final.results["1"]}}}),
            written("not this", node="execute"),
            written("All "),
            written("done."),
        )
        view.end("t7", final)
    lines = output(screen).splitlines()
    assert lines[:7] == [
        "Plan",
        "└── 0 text-to-speech  text: Hello.",
        "    └── 1 automatic-speech-recognition  audio from 0",
        "Note: a [b] note",
        "0 text-to-speech: running a/voice",
        "fetching voice: 0 of 100 MB",
        "fetching voice: 10 of 100 MB",
    ]
    assert lines[15:20] == [
        "fetching voice: 100 of 100 MB",
        "0 text-to-speech: done a/voice, 2.0 s",
        "1 automatic-speech-recognition: failed c/ears, 1.0 s. It broke.",
        "",
        "All done.",
    ]
    assert lines[-4].startswith("Files")
    assert lines[-3] == f"speech.wav: {report('t', final, 0)['files'][0]}"
    assert lines[-1] == "Thread t7"


def test_an_answer_that_was_cut_or_replaced_is_shown_whole(screen: Console) -> None:
    with View(screen) as view:
        play(view, written("All "))
        view.end("t", state())
    assert "All done." in output(screen)


ANSWER = "All done."


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>Let me see.</think>\n\n", "All ", "done."],
        ["\n<thi", "nk>Let me", " see.</", "think", ">All done", "."],
        list("<think>Let me see.</think>All done."),
        ["<think>Let me see."],
    ],
)
def test_thoughts_are_no_part_of_the_answer_while_it_is_written(pieces: list[str], screen: Console) -> None:
    with View(screen) as view:
        play(view, *map(written, pieces))
        during = output(screen)
        view.end("t", state())
    assert during.strip() in ("", ANSWER)
    assert "Let me see" not in output(screen)
    assert "think" not in output(screen)
    assert output(screen).count(ANSWER) == 1


def test_an_answer_is_written_as_it_comes_behind_its_thoughts(screen: Console) -> None:
    with View(screen) as view:
        play(view, written("<think>Hm.</think>"), written("All "))
        assert output(screen) == "\nAll "


def test_thoughts_without_an_opening_tag_end_before_the_answer(screen: Console) -> None:
    with View(screen) as view:
        play(view, written("Let me see.</th"), written("ink>\nAll "), written("done."))
        view.end("t", state())
    assert output(screen).startswith("\nLet me see.\nAll done.\n")
    assert output(screen).count(ANSWER) == 1


@pytest.mark.parametrize("answer", ["1 < 2", "1 <", "<b> is bold", "<", "Write <think> before it."])
def test_what_only_looks_like_a_tag_is_shown(answer: str, screen: Console) -> None:
    final = state().model_copy(update={"messages": [HumanMessage("Do it."), AIMessage(answer)]})
    with View(screen) as view:
        play(view, *map(written, answer))
        view.end("t", final)
    assert output(screen).startswith(f"\n{answer}\n")
    assert output(screen).count(answer) == 1


def test_a_table_changes_on_a_terminal() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with View(screen) as view:
        play(view, ("updates", {"plan": {"plan": PLAN}}), task("0", "running", model="a/voice"))
        assert view.progress.live is not None
        view.progress.live.refresh()
        play(
            view,
            task("0", "done", model="a/voice", seconds=2.0),
            task("1", "skipped", seconds=0.0, reason="No."),
        )
        play(view, written("All done."))
        assert view.progress.live is None
        view.end("t", state())
    text = output(screen)
    assert "0  text-to-speech                a/voice  running      0.0" in text
    assert "1  automatic-speech-recognition  -        waiting" in text
    assert "0  text-to-speech                a/voice  done         2.0" in text
    assert "No." in text
    assert text.count("All done.") == 1


def test_only_the_object_reaches_standard_output() -> None:
    code = """
import os
from app.output import only_json
with only_json(True) as put:
    os.write(1, b"a native library")
    print("a library")
    os.system("echo a child")
    put({"a": 1})
print("after")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '{"a": 1}\nafter\n'
    assert all(noise in done.stderr for noise in ("a native library", "a library", "a child"))


def test_a_plan_grows_while_it_is_written() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    events: list[dict[str, Any]] = [
        {"type": "plan", "number": 0, "id": "0", "name": "text-to-speech", "sources": []},
        {"type": "plan", "number": 1, "id": "1", "name": "automatic-speech-[b]", "sources": ["7", "0"]},
        {"type": "plan", "number": 0, "id": "a", "name": "mended", "sources": []},
    ]
    with View(screen) as view:
        play(view, *(("custom", event) for event in events[:2]))
        assert view.progress.live is not None
        view.progress.live.refresh()
        assert "    └── 1 automatic-speech-[b]" in output(screen)
        play(view, ("custom", events[2]))
        view.progress.live.refresh()
        assert "automatic-speech" not in output(screen).rpartition("Plan, being written")[2]
        play(view, ("updates", {"plan": {"plan": PLAN}}))
        assert view.progress.drafted == []
        view.stop()
    assert "text: Hello." in output(screen)
