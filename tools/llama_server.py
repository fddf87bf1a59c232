"""The child process of the embedded chat model: `tools.llama` starts it and says how it is asked."""

import json
import os
import socket
import sys
from pathlib import Path
from shutil import rmtree
from typing import Any

CONTEXT = 8192
"""Tokens of context, shared by all requests that run at the same time."""
PARALLEL = 2
"""Requests that run at the same time; others queue in the server."""
PROMPT_CACHE_MB = 128
"""Memory for prompts that come again, beside the context itself."""

SOCKET_PATH = 100
"""Longest path of a Unix socket, with some room below what systems allow (104 on macOS, 108 on Linux)."""


def serve() -> None:
    """Serve the model until standard input ends; the child process's only work."""
    asked = json.loads(sys.stdin.readline())
    address_line = os.dup(1)
    os.dup2(2, 1)
    server = _xllamacpp(asked["model"], asked["key"], _host(asked["folder"]))
    os.write(address_line, json.dumps({"url": server.listening_address}).encode() + b"\n")
    sys.stdin.read()
    rmtree(asked["folder"], ignore_errors=True)
    os._exit(0)


def _host(folder: str) -> str:
    path = str(Path(folder, "chat.sock"))
    return path if hasattr(socket, "AF_UNIX") and len(path) <= SOCKET_PATH else "127.0.0.1"


def _xllamacpp(model: str, key: str, host: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"embedded"}
    params.api_keys = [key]
    params.hostnames = [host]
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
