"""The embedded chat model: xllamacpp's OpenAI-compatible server in a child process, on loopback only.

The child is `python -m tools.llama`. It reads the model's path and a fresh key from standard input, prints
its address as one line of JSON, and ends when that input does: when the parent ends, in whatever way. (The
kernel's parent-death signal would not do: it is sent when the thread ends that started the child.)
"""

import asyncio
import atexit
import json
import os
import secrets
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from tools.assets import resolve
from tools.errors import ModelError, SetupError

ASSET = "qwen2.5-coder-1.5b"
CONTEXT = 8192
"""Tokens of context, shared by all requests that run at the same time."""
PARALLEL = 2
"""Requests that run at the same time; others queue in the server."""
PROMPT_CACHE_MB = 128
"""Memory for prompts that come again, beside the context itself."""

_starting = threading.Lock()
_server: "_Server | None" = None


class _Server:
    """The running child process. Made by `_start`."""

    def __init__(self, model: Path) -> None:
        self.key = secrets.token_urlsafe(32)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, nothing from outside
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        stdin, stdout = _pipes(self._process)
        try:
            print(json.dumps({"model": str(model), "key": self.key}), file=stdin, flush=True)
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.stop()
            raise ModelError("The embedded chat model did not start; it needs about 1.6 GB of free memory.")
        self.url = json.loads(line)["url"]

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


async def address() -> tuple[str, str]:
    """Return where the embedded chat model answers, starting it when it does not run.

    One server serves the whole process, whichever thread or event loop asks.

    Returns:
        The base URL of its OpenAI-compatible interface and the key it asks for.

    Raises:
        SetupError: Its library or its files are missing.
        ModelError: It did not start.
    """
    return await asyncio.to_thread(_address)


def shutdown() -> None:
    """End the server now; the next `address` starts another one."""
    global _server  # noqa: PLW0603 - one server per process
    with _starting:
        if _server:
            _server.stop()
        _server = None


def _address() -> tuple[str, str]:
    global _server  # noqa: PLW0603 - one server per process
    with _starting:
        if _server is None or not _server.runs:
            _server = _start()
        return _server.url, _server.key


def _start() -> _Server:
    if find_spec("xllamacpp") is None:
        raise SetupError('The embedded chat model needs xllamacpp: pip install "hugginggpt[embedded]".')
    folder = resolve(ASSET)
    if folder is None:
        raise SetupError(f"The asset {ASSET} lists no files.")
    atexit.register(shutdown)
    return _Server(next(folder.glob("*.gguf")))


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the child was started without pipes")
    return process.stdin, process.stdout


def serve() -> None:
    """Serve the model until standard input ends; the child process's only work."""
    asked = json.loads(sys.stdin.readline())
    address_line = os.dup(1)
    os.dup2(2, 1)
    server = _xllamacpp(asked["model"], asked["key"])
    os.write(address_line, json.dumps({"url": f"{server.listening_address}/v1"}).encode() + b"\n")
    sys.stdin.read()
    os._exit(0)


def _xllamacpp(model: str, key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"embedded"}
    params.api_keys = [key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx, params.n_parallel, params.kv_unified = CONTEXT, PARALLEL, True
    params.cache_prompt, params.cache_ram_mib = True, PROMPT_CACHE_MB
    # Repacked weights would take 600 MB and 3 seconds more, for no speed that could be measured.
    params.no_extra_bufts = True
    params.warmup = params.ui = params.endpoint_slots = False
    params.verbosity = -1
    return xllamacpp.Server(params)


if __name__ == "__main__":
    serve()
