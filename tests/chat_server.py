"""A chat model that says what a test wants: an OpenAI-compatible server on loopback, reached by the real client."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import listening


@dataclass
class Reply:
    """One answer: its text and the arguments of a tool call, or an HTTP error, after a pause."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    tool: str | None = None
    """Arguments for the tool that the request forces, as JSON or something like it."""
    raw: str | None = None
    """The whole body, in place of a completion."""


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
"""What every reply is said to have taken."""
Script = Callable[[dict[str, Any]], Reply | str]
"""Answers the body of a chat completion request."""


@dataclass
class ChatServer:
    """Address of the running server and every request it got."""

    url: str = ""
    script: Script = lambda body: "Fine."
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """Path and query of every chat request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Headers of every chat request, names in lower case."""
    counts: bool = True
    """Whether it reports the tokens of its replies."""


def said(body: dict[str, Any]) -> str:
    """Return all message texts of a request as one string."""
    return "\n".join(text(message["content"]) for message in body["messages"])


def as_reply(answer: Reply | str) -> Reply:
    return Reply(answer) if isinstance(answer, str) else answer


def text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


@contextmanager
def serve(script: Script) -> Iterator[ChatServer]:
    """Run a scripted server until the block ends."""
    state = ChatServer(script=script)
    with listening(_handler(state)) as address:
        state.url = f"{address}/v1"
        yield state


def _handler(state: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._json(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]}, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(body)
            state.keys.append(self.headers.get("Authorization", ""))
            state.paths.append(self.path)
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            self._answer(as_reply(state.script(body)), body)

        def _answer(self, reply: Reply, body: dict[str, Any]) -> None:
            time.sleep(reply.pause)
            if reply.status != 200:
                self._json(
                    reply.status, {"error": {"message": reply.text or "scripted error"}}, reply.headers
                )
            elif reply.raw is not None:
                self._send(200, reply.raw.encode(), {})
            elif body.get("stream"):
                self._stream(_message(reply, body), state.counts and bool(body.get("stream_options")))
            else:
                self._json(200, _completion(_message(reply, body), state.counts), {})

        def _json(self, status: int, value: object, headers: dict[str, str]) -> None:
            self._send(status, json.dumps(value).encode(), headers)

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, header in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, header)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, message: dict[str, Any], counts: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for word in (message["content"] or "").split(" "):
                self._event(_chunk({"role": "assistant", "content": word + " "}, None))
            if calls := message.get("tool_calls"):
                self._event(_chunk({"tool_calls": [{"index": 0, **calls[0]}]}, None))
            self._event(_chunk({}, "stop"))
            if counts:
                self._event({**_chunk({}, None), "choices": [], "usage": USAGE})
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def _event(self, value: object) -> None:
            self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
            self.wfile.flush()

    return Handler


def _message(reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.tool is not None:
        called = {"name": body["tools"][0]["function"]["name"], "arguments": reply.tool}
        message["tool_calls"] = [{"id": "call", "type": "function", "function": called}]
    return message


def _completion(message: dict[str, Any], counts: bool) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [choice],
        **({"usage": USAGE} if counts else {}),
    }


def _chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [choice],
    }
