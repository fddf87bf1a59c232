"""Fixtures for all tests: nothing is read from or written to the user's own folders."""

import logging
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# Checkpoints hold nothing but types that the graph declares; read when langgraph is imported.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
# Read when the task table is imported: the user's own tasks are no part of the tests.
os.environ.pop("HUGGINGGPT_PLUGINS", None)
# A shell has what it runs in the background ignore Ctrl-C, the programs that tests start too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import httpx
import psycopg
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from chat_server import ChatServer, Script, serve
from huggingface_hub import constants
from postgres_server import postgres_server

from graph.context import default_context
from tools.artifacts import store
from tools.models.candidates import _recent
from tools.settings import Settings, settings

NOWHERE = "http://127.0.0.1:9"
"""An address where nothing answers."""
KEYS = (
    "OPENAI_API_KEY", "HF_TOKEN", "LANGSMITH_API_KEY", "LANGSMITH_TRACING", "OPENAI_BASE_URL",
    "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Give every test a data folder of its own; only `embedded` tests share the user's cache of models."""
    for name in [
        *KEYS,
        *(f"HUGGINGGPT_{field.upper()}" for field in Settings.model_fields if field != "cache_dir"),
    ]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUGGINGGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HUGGINGGPT_HUB_SEARCH", "false")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace("https://huggingface.co", NOWHERE)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    if not request.node.get_closest_marker("embedded"):
        monkeypatch.setenv("HUGGINGGPT_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    store.cache_clear()
    default_context.cache_clear()
    _recent.clear()
    yield
    settings.cache_clear()
    store.cache_clear()
    # An engine that ran in this process has silenced it, as it does in a worker.
    logging.disable(logging.NOTSET)


@pytest.fixture
def chat_server() -> Iterator[Callable[[Script], ChatServer]]:
    """Start scripted chat servers: `server = chat_server(lambda body: "Fine.")`."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(serve(script))


@pytest.fixture
def no_blocking() -> Iterator[BlockBuster]:
    """Fail on anything that blocks the event loop inside our own code, as LangGraph's server does."""
    with blockbuster_ctx(scanned_modules=["graph", "tools", "prompts", "app"]) as blockbuster:
        yield blockbuster


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of our routes."""
    from web_client import web

    async with web() as opened:
        yield opened


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Note what reaches `generate` of models in this process."""
    from transformers.generation.utils import GenerationMixin

    seen: list[dict[str, Any]] = []
    generate = GenerationMixin.generate

    def noted(self: Any, **given: Any) -> Any:
        seen.append(given)
        return generate(self, **given)

    monkeypatch.setattr(GenerationMixin, "generate", noted)
    return seen


@pytest.fixture(scope="session")
def _postgres() -> Iterator[str]:
    """One server for all tests; it starts in half a second."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with postgres_server(Path(folder)) as url:
            yield url


@pytest.fixture
def database(_postgres: str) -> str:
    """Return the connection string of an empty Postgres database; skips the test where no server starts."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(_postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return _postgres.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgres"])
def kept_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Keep checkpoints in a file, then in Postgres."""
    if request.param == "postgres":
        monkeypatch.setenv("HUGGINGGPT_DATABASE_URL", request.getfixturevalue("database"))
        settings.cache_clear()
    return str(request.param)
