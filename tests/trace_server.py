"""A LangSmith on loopback: takes traces as the real one does and keeps every byte it was sent."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from typing import Any

import zstandard
from loopback import listening

INFO = {
    "version": "0.17.0",
    "instance_flags": {"zstd_compression_enabled": True},
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
    },
}
Routes = dict[tuple[str, str], Callable[[Any], Any]]
"""Answers of other paths by method and path pattern: from the decoded body to what is sent as JSON."""


@dataclass
class TraceServer:
    """Address of the running server and what it got."""

    url: str = ""
    status: int = 200
    """What every request is answered with."""
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Runs by id, as they are after all updates."""
    attachments: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    """By run id and name: MIME type and bytes."""
    feedback: list[dict[str, Any]] = field(default_factory=list)
    """Of single runs."""
    received: bytearray = field(default_factory=bytearray)
    """All bodies, decompressed."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    encodings: set[str] = field(default_factory=set)
    routes: Routes = field(default_factory=dict)
    pause: Callable[[str], object] = lambda path: None
    """Waits before a request to this path is answered."""

    def children(self, parent: str | None) -> list[dict[str, Any]]:
        """Return the runs under a run, in the order they began."""
        found = [run for run in self.runs.values() if run.get("parent_run_id") == parent]
        return sorted(found, key=lambda run: str(run["dotted_order"]))

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the runs of a name, in the order they began."""
        return sorted(
            (run for run in self.runs.values() if run["name"] == name),
            key=lambda run: str(run["dotted_order"]),
        )

    def tree(self, parent: str | None = None) -> list[Any]:
        """Return the names of runs as nested lists: a name, followed by a list of its children where it has some."""
        names: list[Any] = []
        for run in self.children(parent):
            names += [run["name"], *([below] if (below := self.tree(run["id"])) else [])]
        return names

    def take(self, body: bytes, content_type: str) -> None:
        """Take a multipart body with runs."""
        parts = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body).get_payload()
        assert isinstance(parts, list)
        for part in parts:
            assert not isinstance(part, str)
            name = str(part.get_param("name", header="content-disposition"))
            kind, id_, *key = name.split(".")
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            if kind == "feedback":
                self.feedback.append(json.loads(data))
            elif kind == "attachment":
                self.attachments.setdefault(id_, {})[key[0]] = (part.get_content_type(), data)
            elif key:
                self.runs.setdefault(id_, {})[key[0]] = json.loads(data)
            else:
                self.runs.setdefault(id_, {}).update(
                    {k: v for k, v in json.loads(data).items() if v is not None}
                )


@contextmanager
def serve(routes: Routes | None = None) -> Iterator[TraceServer]:
    """Run a collector until the block ends."""
    state = TraceServer(routes=routes or {})
    with listening(_handler(state)) as address:
        state.url = address
        yield state


def _handler(state: TraceServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self._read())

        do_POST = do_PATCH = do_GET  # noqa: N815 - the names are http.server's

        def _read(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.encodings.add(self.headers.get("Content-Encoding", ""))
            if self.headers.get("Content-Encoding") == "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            state.received += body
            state.requests.append((self.command, self.path))
            return body

        def _answer(self, body: bytes) -> None:
            path = self.path.partition("?")[0]
            state.pause(path)
            if state.status != 200:
                return self._send(state.status, {"error": "scripted"})
            if path == "/info":
                return self._send(200, INFO)
            if path == "/runs/multipart":
                state.take(body, self.headers["Content-Type"])
                return self._send(202, {})
            for (method, pattern), answer in state.routes.items():
                if method == self.command and re.fullmatch(pattern, path):
                    return self._send(200, answer(json.loads(body) if body[:1] in b"{[" and body else body))
            return self._send(404, {"detail": f"{self.command} {path}"})

        def _send(self, status: int, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
