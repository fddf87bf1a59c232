"""The SQLite saver of the command line: every call of LangGraph's, off the event loop, in the format of its own."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from app.checkpoints import Checkpoints, checkpoints

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


async def filled(saver: Checkpoints | AsyncSqliteSaver) -> list[dict[str, Any]]:
    """Write two checkpoints and a pending write; return what is read of them."""
    for step in (0, 1):
        kept = await saver.aput(CONFIG, {**empty_checkpoint(), "id": f"{step}"}, {"step": step}, {})
    await saver.aput_writes(kept, [("results", {"0": "fine"})], "task")
    latest = await saver.aget_tuple(CONFIG)
    assert latest
    assert latest.pending_writes == [("task", "results", {"0": "fine"})]
    return [dict(one.metadata) async for one in saver.alist(CONFIG)]


async def test_it_keeps_what_langgraphs_saver_keeps(tmp_path: Path) -> None:
    async with checkpoints(tmp_path / "ours.sqlite") as ours:
        found = await filled(ours)
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "theirs.sqlite")) as theirs:
        assert found == await filled(theirs)
    assert [one["step"] for one in found] == [1, 0]
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "ours.sqlite")) as theirs:
        assert [dict(one.metadata) async for one in theirs.alist(CONFIG)] == found


async def test_a_thread_is_deleted(tmp_path: Path) -> None:
    async with checkpoints(tmp_path / "a.sqlite") as saver:
        await filled(saver)
        await saver.adelete_thread("t")
        assert await saver.aget_tuple(CONFIG) is None


async def test_every_call_is_made_on_a_thread_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = set[str]()
    for name in ("put", "put_writes", "get_tuple", "list"):
        call = getattr(SqliteSaver, name)

        def noted(*args: Any, call: Any = call, **kwargs: Any) -> Any:
            names.add(threading.current_thread().name)
            return call(*args, **kwargs)

        monkeypatch.setattr(SqliteSaver, name, noted)
    async with checkpoints(tmp_path / "a.sqlite") as saver:
        await filled(saver)
    assert names == {"checkpoints_0"}


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("no database at all, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        async with checkpoints(tmp_path / "a.sqlite"):
            pass
    with sqlite3.connect(tmp_path / "b.sqlite"):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("checkpoints")]
