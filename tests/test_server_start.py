"""What LangGraph Server has at hand before it serves, so that a first run holds up nobody."""

import ssl
import subprocess
import sys
import threading
from typing import Any

import pytest
from langgraph_server import ROOT

from tools.chat import chat_model

FIRST_RUN = """
import asyncio, sys
from app.server import graph
from tools.chat import chat_model
before = set(sys.modules)
asyncio.run(chat_model("http://127.0.0.1:9/v1#none"))
print(*sorted(set(sys.modules) - before))
"""


def test_the_chat_models_library_is_there_before_the_first_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_RUN], cwd=ROOT, capture_output=True, text=True, check=True
    )
    late = [name for name in done.stdout.split() if name.partition(".")[0] in ("openai", "langchain_openai")]
    assert late == []


async def test_certificates_are_read_on_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    read = ssl.create_default_context

    def noted(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return read(*args, **kwargs)

    monkeypatch.setattr(ssl, "create_default_context", noted)
    await chat_model("http://127.0.0.1:9/v1#none")
    assert threads
    assert threading.current_thread() not in threads
