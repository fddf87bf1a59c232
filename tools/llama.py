"""The embedded chat model: xllamacpp's OpenAI-compatible server in a child process.

It listens on a Unix socket that only this user can open, so that it needs no network at all, not even loopback;
on loopback where there are no such sockets. The child is `tools/llama_server.py`. It reads the model's path
and a fresh key from standard input, prints its address as one line of JSON, and ends when that input does: when the
parent ends, in whatever way. (The kernel's parent-death signal would not do: it is sent when the thread ends that
started the child.)
"""

import atexit
import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import IO, NamedTuple

from tools import llama_server
from tools.assets import is_cached, resolve
from tools.errors import HuggingGPTError, ModelError, SetupError
from tools.experts import workers
from tools.patience import patiently

ASSET = "qwen2.5-coder-1.5b"
MEMORY = 1_600_000_000
"""Bytes that it holds: weights, context and prompts that come again."""


class Address(NamedTuple):
    """Where the server answers."""

    base_url: str
    """Of its OpenAI-compatible interface; the host name means nothing when there is a socket."""
    key: str
    """What it asks for."""
    uds: str | None
    """Path of its Unix socket; None when it listens on loopback."""


_log = logging.getLogger(__name__)
_starting = threading.Lock()
_server: "_Server | None" = None


class _Server:
    """The running child process. Made by `_start`."""

    def __init__(self, model: Path) -> None:
        self.key = secrets.token_urlsafe(32)
        self._folder = Path(tempfile.mkdtemp(prefix="hugginggpt-"))
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, nothing from outside
            # By its path: another `tools` in the current folder is none of ours.
            [sys.executable, "-P", llama_server.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            # Threads that wait for each other sleep: spinning, they lose most of their speed beside a busy worker.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )
        stdin, stdout = _pipes(self._process)
        try:
            asked = {"model": str(model), "key": self.key, "folder": str(self._folder)}
            print(json.dumps(asked), file=stdin, flush=True)
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.stop()
            raise ModelError("The embedded chat model did not start; it needs about 1.6 GB of free memory.")
        url = str(json.loads(line)["url"])
        is_socket = url.startswith("unix://")
        base_url = "http://embedded/v1" if is_socket else f"{url}/v1"
        self.address = Address(base_url, self.key, url.removeprefix("unix://") if is_socket else None)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in _pipes(self._process):
            pipe.close()
        rmtree(self._folder, ignore_errors=True)


async def address() -> Address:
    """Return where the embedded chat model answers, starting it when it does not run.

    One server serves the whole process, whichever thread or event loop asks.

    Raises:
        SetupError: Its library or its files are missing.
        ModelError: It did not start.
    """
    return await patiently(_address)


def warm() -> None:
    """Start the server in the background, so that the first `address` comes sooner. Returns at once.

    Its files are not fetched for this: whether the run needs it is not known yet.
    """
    threading.Thread(target=_warm, name="warm chat", daemon=True).start()


def shutdown() -> None:
    """End the server now; the next `address` starts another one."""
    global _server  # noqa: PLW0603 - one server per process
    with _starting:
        if _server:
            _server.stop()
            workers.release(ASSET)
        _server = None


def _address() -> Address:
    global _server  # noqa: PLW0603 - one server per process
    with _starting:
        if _server is None or not _server.runs:
            _server = _start()
        return _server.address


def _warm() -> None:
    if not is_cached(ASSET):
        return
    try:
        _address()
    except HuggingGPTError as error:
        # Whoever needs the server is told the same.
        _log.info("The embedded chat model was not started: %s", error)


def _start() -> _Server:
    if find_spec("xllamacpp") is None:
        raise SetupError('The embedded chat model needs xllamacpp: pip install "hugginggpt[embedded]".')
    folder = resolve(ASSET)
    if folder is None:
        raise SetupError(f"The asset {ASSET} lists no files.")
    atexit.register(shutdown)
    workers.make_room(ASSET, MEMORY)
    try:
        return _Server(next(folder.glob("*.gguf")))
    except ModelError:
        workers.release(ASSET)
        raise


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the child was started without pipes")
    return process.stdin, process.stdout
