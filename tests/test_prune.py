"""Forgetting: what goes, and above all what stays."""

import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from chat_server import ChatServer, Script
from scripted import context, echo, scripted
from typer.testing import CliRunner

from app.cli import app
from app.prune import GRACE, Pruned, age, prune
from app.runs import config_of
from app.saver import Saver, checkpointer, checkpointers
from graph.agent import build
from graph.files import message
from graph.state import Request
from tools import marks, results
from tools.artifacts import store
from tools.errors import InputError
from tools.outputs import Artifact, Output
from tools.settings import settings
from tools.sweep import Sweep
from tools.tasks import TASKS, Slot, TaskRow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Server = Callable[[Script], ChatServer]


async def run(saver: Saver, thread: str, file: Artifact, server: ChatServer, stop: str | None = None) -> None:
    """Do one task on a thread about a file; stop before a node, as a run that was cut does."""
    given = Request(messages=[message(f"Do {thread}.", [file, put("shared")])])
    before = [stop] if stop else []
    await build(saver).ainvoke(given, config_of(thread), context=context(server), interrupt_before=before)


async def forget(
    saver: Saver, older_than: timedelta, later: timedelta, root: str | None = None, dry_run: bool = False
) -> Pruned:
    return await prune([saver], older_than, datetime.now(UTC) + later, root, dry_run)


def grow_old(days: float) -> None:
    """Let all files of the store be some days old."""
    then = time.time() - 86400 * days
    for path in Path(settings().artifacts_root).rglob("*"):
        os.utime(path, (then, then))


def put(text: str) -> Artifact:
    return store().put_bytes(text.encode(), "note.txt")


def server_of(chat_server: Server) -> ChatServer:
    return chat_server(scripted([echo("a")], lambda body: "An answer."))


@asynccontextmanager
async def threads(chat_server: Server) -> AsyncIterator[tuple[Saver, Artifact, Artifact]]:
    """Open checkpoints with a finished and an unfinished thread, and the file that each is about."""
    server, mine, theirs = server_of(chat_server), put("finished"), put("unfinished")
    async with checkpointer() as saver:
        await run(saver, "finished", mine, server)
        await run(saver, "unfinished", theirs, server, stop="respond")
        yield saver, mine, theirs


async def test_a_thread_goes_when_nobody_touched_it_for_long(kept_in: str, chat_server: Server) -> None:
    async with threads(chat_server) as (saver, _, _):
        await forget(saver, 2 * HOUR, later=HOUR)
        assert set(await saver.threads()) == {"finished", "unfinished"}
        assert (await forget(saver, HOUR, later=2 * HOUR)).threads == 1
        assert await saver.threads() == ["unfinished"]
        assert await saver.blobs("finished") == []
        await forget(saver, 2 * HOUR, later=GRACE + HOUR)
        assert await saver.threads() == []


async def test_files_go_that_no_other_thread_refers_to(kept_in: str, chat_server: Server) -> None:
    async with threads(chat_server) as (saver, mine, theirs):
        shared, young, root = put("shared"), put("nobody's"), settings().artifacts_root
        before = await forget(saver, HOUR, timedelta(0), root)
        assert (before.threads, before.freed and before.freed.files.total()) == (0, 0)
        grow_old(days=40)
        put("nobody's")
        counted = await forget(saver, HOUR, 2 * HOUR, root, dry_run=True)
        assert store().exists(mine.ref)
        assert await forget(saver, HOUR, 2 * HOUR, root) == counted
        assert counted.freed
        assert counted.freed.files["artifact"] == 2, "its file and its answer"
        assert all(store().exists(file.ref) for file in (theirs, shared, young))
        assert not store().exists(mine.ref)


async def test_what_a_pending_write_refers_to_stays(kept_in: str, chat_server: Server) -> None:
    async with threads(chat_server) as (saver, _, _):
        made, gone = put("made in a superstep that is not over"), put("of nobody")
        latest = await saver.aget_tuple(config_of("unfinished"))
        assert latest
        await saver.aput_writes(latest.config, [("results", {"1": Output(text="", files=(made,))})], "task")
        grow_old(days=40)
        await forget(saver, DAY, timedelta(0), settings().artifacts_root)
        assert [store().exists(file.ref) for file in (made, gone)] == [True, False]


async def test_the_file_from_before_there_was_a_database_counts(
    chat_server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with threads(chat_server) as (_, _, theirs):
        pass
    monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", database)
    settings.cache_clear()
    grow_old(days=40)
    async with checkpointers() as savers:
        assert len(savers) == 2
        now = datetime.now(UTC) + 2 * HOUR
        assert (await prune(savers, HOUR, now, settings().artifacts_root)).threads == 1
    assert store().exists(theirs.ref)


async def test_threads_of_other_graphs_stay(chat_server: Server) -> None:
    async with checkpointer() as saver:
        config = config_of("theirs")
        config["metadata"] = {"graph_id": "another"}
        given = Request(messages=[message("Do it.", [put("theirs")])])
        await build(saver).ainvoke(given, config, context=context(server_of(chat_server)))
        await forget(saver, HOUR, later=40 * DAY)
        assert await saver.threads() == ["theirs"]


async def test_a_thread_whose_plugin_is_gone_holds_up_no_other(
    chat_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with threads(chat_server) as (saver, _, _):
        palette = TaskRow(
            name="palette",
            about="Finds colours.",
            examples=("a", "b", "c"),
            slots=(Slot(name="image", media="image"),),
            makes=("text",),
        )
        plan = {"tasks": [{"id": "0", "name": "palette", "inputs": [{"slot": "image", "value": "x"}]}]}
        with monkeypatch.context() as plugin:
            plugin.setitem(TASKS, "palette", palette)
            await build(saver).aupdate_state(config_of("plugin"), {"plan": plan}, as_node="plan")
        assert (await forget(saver, HOUR, later=2 * HOUR)).threads == 1
        assert set(await saver.threads()) == {"plugin", "unfinished"}
        await forget(saver, 2 * HOUR, later=GRACE + HOUR)
        assert await saver.threads() == []


def test_a_file_that_is_stored_again_meanwhile_stays() -> None:
    again, gone = put("again"), put("gone")
    grow_old(days=40)
    sweep = Sweep(settings().artifacts_root, datetime.now(UTC) - DAY)
    put("again")
    assert sweep.remove(set(), dry_run=False).files == {"artifact": 1}
    assert [store().exists(file.ref) for file in (again, gone)] == [True, False]


def test_the_marks_of_owners_go_with_their_artifacts() -> None:
    files = again, gone, young = put("again"), put("gone"), put("young")
    for file in files:
        marks.claim("alice", file.ref)
    grow_old(days=40)
    put("young")
    sweep = Sweep(settings().artifacts_root, datetime.now(UTC) - DAY)
    put("again")
    assert sweep.remove(set(), dry_run=False).files == {"artifact": 1, "owner mark": 1}
    assert [marks.owns("alice", file.ref) for file in (again, gone, young)] == [True, False, True]


def test_kept_results_and_partial_files_go_and_what_is_not_ours_stays() -> None:
    named, root = put("named by a kept result"), Path(settings().artifacts_root)
    results.keep("turn/superstep", "0", "{}")
    (root / "partial" / ("0" * 32)).write_text("cut off")
    (root / "owners.json").write_text("{}")
    (root / "aa").mkdir(exist_ok=True)
    (root / "aa/notes.txt").write_text("mine")
    grow_old(days=40)
    results.keep("other/superstep", "0", Output(text="", files=(named,)).model_dump_json())
    sweep = Sweep(str(root), datetime.now(UTC) - DAY)
    freed = sweep.remove(sweep.referenced(), dry_run=False)
    assert freed.files == {"kept result": 1, "partial file": 1}
    assert freed.size == len("{}cut off")
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert left == {"owners.json", "aa/notes.txt", "results/other/superstep/0.json", named_at(named)}
    assert not (root / "results/turn").exists()


def named_at(file: Artifact) -> str:
    return f"{file.sha256[:2]}/{file.ref.removeprefix('artifact://')}"


def printed(*args: str) -> str:
    done = CliRunner().invoke(app, ["prune", *args])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    file = put("of nobody")
    grow_old(days=40)
    assert printed("--dry-run") == "Would remove 0 threads, 1 artifact; 0.0 MB of files.\n"
    assert printed("--no-artifacts") == "Removed 0 threads.\n"
    monkeypatch.setenv("HUGGINGGPT_ARTIFACTS", settings().artifacts_root)
    settings.cache_clear()
    assert re.search(r"Removed 0 threads\.\nThe files in .* stay: .* --artifacts", printed())
    assert store().exists(file.ref)
    assert printed("--artifacts", "--older-than", "4w") == "Removed 0 threads, 1 artifact; 0.0 MB of files.\n"
    assert not store().exists(file.ref)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 d", "1y"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="such as 30d"):
        age(text)
    assert [age(text) for text in ("90m", "2h", "1w")] == [1.5 * HOUR, 2 * HOUR, 7 * DAY]
