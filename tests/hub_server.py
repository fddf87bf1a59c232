"""A Hugging Face Hub with inference providers on loopback, reached by the real client."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from huggingface_hub import constants
from huggingface_hub.inference._providers import PROVIDERS, _common, hf_inference
from loopback import listening

from tools import hub
from tools.settings import settings

TOKEN = "hf_secretsecretsecret"


@dataclass
class Answer:
    """One HTTP answer; `cut` closes the connection in the middle of the body, `trickle` pauses before each byte."""

    body: bytes | object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    cut: bool = False
    trickle: float = 0.0

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Call:
    """One request that came in."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


Script = Callable[[Call], Answer | object]


@dataclass
class HubServer:
    """The models on it, what its providers answer, and every request by kind."""

    url: str = ""
    models: list[dict[str, Any]] = field(default_factory=list)
    script: Script = lambda call: Answer(status=404)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Files of models, by model id and path."""
    hub: Script | None = None
    """Answers requests to the Hub in place of its model list."""
    listings: list[Call] = field(default_factory=list)
    infos: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    fetched: list[Call] = field(default_factory=list)

    def add(self, id_: str, task: str, *providers: str, tag: str | None = None, **more: Any) -> None:
        """Add a model whose providers are live, unless one comes as `name:status`."""
        mapping = {}
        for provider in providers or ("hf-inference",):
            name, _, status = provider.partition(":")
            mapping[name] = {"providerId": f"{name}/{id_}", "status": status or "live", "task": task}
        self.models.append(
            {"id": id_, "pipeline_tag": tag or task, "inferenceProviderMapping": mapping, **more}
        )

    def listed(self, call: Call) -> list[dict[str, Any]]:
        tag = call.query["pipeline_tag"][0]
        served = "inference_provider" in call.query
        found = [
            _as_listed(model)
            for model in self.models
            if model["pipeline_tag"] == tag and (model["inferenceProviderMapping"] or not served)
        ]
        found.sort(key=lambda model: -int(model.get("downloads", 0)))
        return found[: int(call.query["limit"][0])]

    def tree(self, id_: str) -> Answer:
        """The list of a model's files."""
        if id_ not in self.files:
            return Answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return Answer(
            [
                {"type": "file", "path": name, "size": len(data), "oid": etag(data)}
                for name, data in self.files[id_].items()
            ]
        )

    def file(self, path: str) -> Answer:
        """One file, as `/OWNER/NAME/resolve/COMMIT/PATH` names it."""
        id_, _, rest = path.lstrip("/").partition("/resolve/")
        commit, _, name = rest.partition("/")
        data = self.files.get(id_, {}).get(name)
        if data is None:
            return Answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
        return Answer(data, headers={"X-Repo-Commit": commit, "ETag": f'"{etag(data)}"'})

    def info(self, id_: str) -> Answer:
        found = next((model for model in self.models if model["id"] == id_), None)
        if found is None:
            return Answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return Answer(found)


def pieces(reply: Answer) -> list[bytes]:
    return [bytes([one]) for one in reply.data] if reply.trickle else [reply.data]


def etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _as_listed(model: dict[str, Any]) -> dict[str, Any]:
    """The list has the mapping as a list, a single model as an object."""
    mapping = [{"provider": name, **value} for name, value in model["inferenceProviderMapping"].items()]
    return {**model, "inferenceProviderMapping": mapping}


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that leaves early is what some tests are about."""


@contextmanager
def serve() -> Iterator[HubServer]:
    """Run the server until the block ends."""
    state = HubServer()
    with listening(_handler(state), _Server) as state.url:
        yield state


def _handler(state: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the body waits 40 ms for the client's acknowledgement of the head.
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self._send(state.file(self._call(b"").path), body=False)

        def do_GET(self) -> None:
            call = self._call(b"")
            if "/tree/" in call.path:
                return self._send(state.tree(call.path.removeprefix("/api/models/").partition("/tree/")[0]))
            if "/resolve/" in call.path:
                state.fetched.append(call)
                return self._send(state.file(call.path))
            if not call.path.startswith("/api/models"):
                return self._send(state.script(call))
            one = call.path.removeprefix("/api/models").strip("/")
            (state.infos if one else state.listings).append(call)
            if state.hub is not None:
                return self._send(state.hub(call))
            return self._send(state.info(one) if one else state.listed(call))

        def do_POST(self) -> None:
            call = self._call(self.rfile.read(int(self.headers["Content-Length"])))
            state.calls.append(call)
            self._send(state.script(call))

        def _call(self, data: bytes) -> Call:
            parts = urlsplit(self.path)
            return Call(
                parts.path, parse_qs(parts.query), {k.lower(): v for k, v in self.headers.items()}, data
            )

        def _send(self, answer: object, body: bool = True) -> None:
            reply = answer if isinstance(answer, Answer) else Answer(answer)
            time.sleep(reply.pause)
            headers = {"Content-Length": str(len(reply.data) + 100 * reply.cut), **reply.headers}
            self.send_response(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in pieces(reply) if body else ():
                time.sleep(reply.trickle)
                self.wfile.write(piece)
            if reply.cut:
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True

    return Handler


def connect(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the real client to the server; a token is set."""
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", server.url + "/{provider}")
    # Else the client asks for a list of agents and keeps it in the user's folder.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    for helper in PROVIDERS["hf-inference"].values():
        monkeypatch.setattr(helper, "base_url", f"{server.url}/hf-inference")
    # The client keeps what it read of a model for as long as the process lives.
    _common._fetch_inference_provider_mapping.cache_clear()
    hf_inference._check_supported_task.cache_clear()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HUGGINGGPT_HUB_SEARCH", "true")
    settings.cache_clear()
    hub.forget()
