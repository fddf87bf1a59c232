"""The embedded chat model's server: started once, guarded by a key, ended with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tools import llama, llama_server
from tools.errors import ModelError, SetupError
from tools.experts import workers

ROOT = Path(llama.__file__).parent.parent
LIBRARY = """
import os, sys
from types import SimpleNamespace

class CommonParams:
    def __init__(self):
        self.model = SimpleNamespace()

class Server:
    def __init__(self, params):
        print("noise of the library")
        if "broken" in params.model.path:
            sys.exit(1)
        with open(params.hostnames[0], "w"):
            self.listening_address = f"unix://{params.hostnames[0]}/pid={os.getpid()}/key={params.api_keys[0]}"
"""


@pytest.fixture(autouse=True)
def _server_ends() -> Iterator[None]:
    yield
    llama.shutdown()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the weights and for the library that would load them; the child process is the real one."""
    (tmp_path / "xllamacpp.py").write_text(LIBRARY)
    (tmp_path / "model.gguf").touch()
    monkeypatch.setattr(llama, "resolve", lambda name: tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    return tmp_path / "model.gguf"


def server_pid(url: str | None) -> int:
    return int(str(url).partition("pid=")[2].partition("/")[0])


def visible(text: str, pid: int) -> bool:
    """Tell whether other programs can see a text in a process's arguments or environment."""
    process = Path(f"/proc/{pid}")
    return text in (process / "cmdline").read_text() + (process / "environ").read_text()


def gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


async def test_first_callers_share_one_server(weights: Path) -> None:
    first, *others = await asyncio.gather(*(llama.address() for _ in range(5)))
    assert set(others) == {first}


def test_event_loops_share_one_server(weights: Path) -> None:
    assert asyncio.run(llama.address()) == asyncio.run(llama.address())


async def test_key_is_random_and_not_on_the_command_line(weights: Path) -> None:
    base_url, key, uds = await llama.address()
    assert str(uds).endswith(f"chat.sock/pid={server_pid(uds)}/key={key}")
    assert base_url == "http://embedded/v1"
    assert not visible(key, server_pid(uds))
    await asyncio.to_thread(llama.shutdown)
    assert (await llama.address())[1] != key


async def test_other_tools_in_the_current_folder_are_left_alone(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights.parent / "here" / "tools").mkdir(parents=True)
    (weights.parent / "here" / "tools" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(weights.parent / "here")
    assert server_pid((await llama.address()).uds)


async def test_dead_server_is_replaced(weights: Path) -> None:
    first = await llama.address()
    os.kill(server_pid(first.uds), signal.SIGKILL)
    await asyncio.sleep(0.2)
    again = await llama.address()
    assert server_pid(again.uds) != server_pid(first.uds)


async def test_only_this_user_reaches_the_socket_and_it_leaves_nothing_behind(weights: Path) -> None:
    address = await llama.address()
    folder = Path(str(address.uds).partition("/chat.sock")[0])
    assert folder.stat().st_mode & 0o777 == 0o700
    llama.shutdown()
    assert not folder.exists()


async def test_a_path_too_long_for_a_socket_is_no_problem() -> None:
    assert llama_server._host("/tmp/" + "x" * 100) == "127.0.0.1"


def test_server_that_does_not_start(weights: Path) -> None:
    weights.rename(weights.with_name("broken.gguf"))
    with pytest.raises(ModelError, match="did not start"):
        asyncio.run(llama.address())


async def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r'pip install "hugginggpt\[embedded\]"'):
        await llama.address()


PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from tools import llama
llama.resolve = lambda name: Path(sys.argv[1])
print(asyncio.run(llama.address()).uds, flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, None])
def test_server_ends_with_its_program(weights: Path, end: signal.Signals | None) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(weights.parent), "60" if end else "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout
    pid = server_pid(program.stdout.readline())
    if end:
        program.send_signal(end)
    program.wait(10)
    program.stdout.close()
    assert gone(pid)


@pytest.mark.embedded
async def test_real_server_asks_for_its_key_and_answers() -> None:
    url, key, uds = await llama.address()
    body = {
        "messages": [{"role": "user", "content": "What is the capital of France? One word."}],
        "max_tokens": 8,
    }
    headers, transport = {"Authorization": f"Bearer {key}"}, httpx.AsyncHTTPTransport(uds=uds)
    async with httpx.AsyncClient(timeout=120, headers=headers, transport=transport) as client:
        assert (
            await client.get(f"{url}/models", headers={"Authorization": "Bearer wrong"})
        ).status_code == 401
        reply = (await client.post(f"{url}/chat/completions", json=body)).json()
    assert "Paris" in reply["choices"][0]["message"]["content"]
    assert reply["model"] == "embedded"
    assert uds


async def test_the_server_counts_as_memory_that_is_held(weights: Path) -> None:
    assert workers._resources.others == {}
    await llama.address()
    assert workers._resources.held("cpu") == llama.MEMORY
    await asyncio.to_thread(llama.shutdown)
    assert workers._resources.others == {}


def test_warming_up_starts_the_server_in_the_background(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama, "is_cached", lambda name: True)
    llama.warm()
    assert llama._server is None, "nobody waits for it"
    end = time.monotonic() + 20
    while llama._server is None and time.monotonic() < end:
        time.sleep(0.02)
    assert llama._server
    assert asyncio.run(llama.address()) == llama._server.address


def test_warming_up_what_cannot_start_only_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(llama, "is_cached", lambda name: True)
    monkeypatch.setattr(llama, "find_spec", lambda name: None)
    caplog.set_level("INFO")
    llama.warm()
    end = time.monotonic() + 5
    while not caplog.records and time.monotonic() < end:
        time.sleep(0.02)
    assert "pip install" in caplog.text


def test_warming_up_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(llama, "resolve", asked.append)
    llama._warm()
    assert asked == []
