"""`make dev`: the server as the Makefile starts it, in a folder where nothing was set up."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from langgraph_server import ROOT, LangGraphServer, free_port, wait_until

PREPARED = ["make", "--no-print-directory", "--assume-old=.venv/.ready", f"BIN={Path(sys.executable).parent}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "langgraph.json"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_it_serves_the_graph_and_says_where_studio_opens(folder: Path) -> None:
    port, said = free_port(), folder / "said"
    url = f"http://127.0.0.1:{port}"
    with said.open("wb") as output:
        make = subprocess.Popen(
            [*PREPARED, "dev", f"PORT={port}"],
            cwd=folder,
            env=LangGraphServer(folder).variables(),
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: _names(url) == ["hugginggpt"], 90, said.read_text)
    finally:
        make.terminate()
        make.wait(30)
    assert f"studio/?baseUrl={url}" in said.read_text()
    assert f"HUGGINGGPT_PUBLIC_URL={url} " in said.read_text()
    wait_until(lambda: _names(url) == [], 30, said.read_text)


def _names(url: str) -> list[str]:
    try:
        return [one["graph_id"] for one in httpx.post(f"{url}/assistants/search", json={}).json()]
    except httpx.TransportError:
        return []


def test_it_says_so_when_its_port_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*PREPARED, "dev", f"PORT={port}"]
        done = subprocess.run(
            command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False
        )
    assert done.returncode != 0
    assert done.stdout.strip() == f"Port {port} is taken: make dev PORT=2025"
