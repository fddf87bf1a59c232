"""Checkpoints in a real Postgres: made by several processes at once, killed in the middle, cut off, refused."""

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest
from chat_server import ChatServer, Script
from killed import ROOT, TASKS, command, waiting
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from pydantic import SecretStr
from typer.testing import CliRunner

from app import runs
from app.cli import app
from app.postgres import postgres
from app.saver import checkpointer
from graph.files import files_of
from graph.state import State
from tools.artifacts import store
from tools.errors import SetupError
from tools.settings import settings

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


async def test_processes_that_come_first_at_the_same_time_make_the_tables_once(database: str) -> None:
    async def come() -> None:
        async with postgres(SecretStr(database)) as saver:
            assert await saver.aget_tuple(CONFIG) is None

    await asyncio.gather(*(come() for _ in range(8)))


async def test_a_connection_that_is_lost_is_replaced(database: str) -> None:
    async with postgres(SecretStr(database)) as saver:
        await saver.aput(CONFIG, {**empty_checkpoint(), "id": "1"}, {"step": 1}, {})
        with psycopg.connect(database, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert (True,) in ended
        found = await saver.aget_tuple(CONFIG)
    assert found
    assert found.checkpoint["id"] == "1"


async def test_a_database_that_goes_away_is_told_in_a_sentence(database: str) -> None:
    async def use() -> None:
        async with postgres(SecretStr(database)) as saver:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("DROP TABLE checkpoints")
            await saver.aget_tuple(CONFIG)

    with pytest.raises(SetupError, match=r"of HUGGINGGPT_DATABASE_URL cannot be used: .*checkpoints"):
        await use()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.replace("geheim", "wrong-geheim"), "password authentication failed"),
        (lambda url: url.replace("/test_", "/no_test_"), "does not exist"),
        (lambda url: "postgresql://me:geheim@127.0.0.1:9/db", "Connection refused"),
        (lambda url: "postgresql://me:p@geheim@nowhere.invalid/db", "Name or service not known"),
        (lambda url: "postgresql://me:geh%eim@127.0.0.1/db", "no connection string"),
        (lambda url: "geheim", "no connection string"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_without_its_password(
    change: Callable[[str], str], reason: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", change(database))
    with pytest.raises(SetupError) as caught:
        async with runs.opened():
            pass
    assert "HUGGINGGPT_DATABASE_URL" in str(caught.value)
    assert reason in str(caught.value)
    assert "geh" not in f"{caught.value!r} {caught.value.__cause__!r} {settings()!r}"


def test_doctor_asks_the_database(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, found in (
        (database, "ok  database HUGGINGGPT_DATABASE_URL: answers"),
        (f"{database}_", "no  database"),
    ):
        monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", url)
        settings.cache_clear()
        assert found in CliRunner().invoke(app, ["doctor"]).output


async def test_without_a_database_the_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", "")
    async with checkpointer() as saver:
        assert type(saver).__name__ == "Checkpoints"
        await saver.threads()
    assert (tmp_path / "data/checkpoints.sqlite").is_file()


def test_a_killed_run_is_gone_on_with_by_two_processes_at_once(
    database: str,
    chat_server: Callable[[Script], ChatServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    killed = threading.Event()

    (tmp_path / "note.txt").write_text("A note.")
    model = {"HUGGINGGPT_MODEL": chat_server(waiting(asked, killed)).url, "HUGGINGGPT_K": "1"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HUGGINGGPT_DATABASE_URL": database, **model}

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*arguments), cwd=tmp_path, env=environment, text=True, stdout=PIPE, stderr=PIPE
        )

    run = start("run", "Do it.", "--thread", "t1", "--file", "note.txt")
    assert run.stdout
    assert any(line.startswith("0 summarization: done") for line in run.stdout)
    _wait_for_a_result(database)
    run.kill()
    run.communicate()
    killed.set()

    resumed = [start("resume", "t1", "--json") for _ in range(2)]
    for process in resumed:
        printed, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        results = json.loads(printed)["results"]
        assert {id_: result["text"] for id_, result in results.items()} == {
            "0": "[A]",
            "1": "[B]",
            "2": "[C]",
        }
    assert sorted(asked) == ["alpha", "bravo", "bravo", "child"]
    assert not (tmp_path / "data/checkpoints.sqlite").exists()

    monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", database)
    settings.cache_clear()
    state = asyncio.run(_kept("t1"))
    files = files_of(state.messages)
    assert [file.name for file in files] == ["note.txt", *(f"{t['task']}-{t['id']}.txt" for t in TASKS)]
    assert all(store().exists(file.ref) for file in files)


async def _kept(thread: str) -> State:
    async with runs.opened() as agent:
        return runs.state_of(await runs.snapshot_of(agent, thread))


def _wait_for_a_result(database: str) -> None:
    """Wait until a result is on its way no more."""
    query = "SELECT 1 FROM checkpoint_writes WHERE channel = 'results'"
    with psycopg.connect(database, autocommit=True) as connection:
        while not connection.execute(query).fetchall():
            time.sleep(0.05)
