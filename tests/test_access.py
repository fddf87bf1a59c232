"""Who is let in, by what the server knows of a connection."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.access import NOBODY, RefusedError, requester
from tools import keys
from tools.settings import settings

HERE = ("127.0.0.1", 2024)


def scope(
    headers: Mapping[str, str] | None = None, path: str = "/threads", query: str = "", **fields: Any
) -> dict[str, Any]:
    """Return a request from this machine, as uvicorn tells it."""
    sent = {"host": "127.0.0.1:2024", **(headers or {})}
    plain = {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "server": HERE,
        "client": ("127.0.0.1", 50_000),
    }
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    return {**plain, "path": path, "query_string": query.encode(), "headers": raw, **fields}


@pytest.mark.parametrize(
    "given",
    [
        scope(),
        scope({"host": "localhost:2024"}),
        scope({"host": "[::1]:2024"}, server=("::1", 2024), client=("::1", 50_000)),
        scope(server=("::ffff:127.0.0.1", 2024), client=("::ffff:127.0.0.1", 50_000)),
        scope({"origin": "http://localhost:3000"}),
        scope({"origin": "http://127.0.0.1:2024"}),
        scope({"origin": "https://smith.langchain.com"}),
        scope(type="websocket"),
    ],
)
def test_without_keys_this_machine_is_let_in(given: dict[str, Any]) -> None:
    assert requester(given) == NOBODY


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (scope(server=("192.168.1.5", 2024), client=("192.168.1.7", 50_000)), "its own machine only"),
        # From the machine itself, but to an address that others reach too: the way of a container's published port.
        (scope(server=("172.17.0.2", 2024)), "its own machine only"),
        (scope(client=("192.168.1.7", 50_000)), "its own machine only"),
        (scope(server=("/run/server.sock", None), client=None), "its own machine only"),
        (scope({"x-forwarded-for": "127.0.0.1"}), "no proxy"),
        (scope({"forwarded": "for=127.0.0.1"}), "no proxy"),
        (scope({"x-real-ip": "127.0.0.1"}), "no proxy"),
        (scope({"via": "1.1 proxy"}), "no proxy"),
        (scope(http_version="1.0"), "no proxy"),
        (scope({"host": "hugginggpt.example"}), "localhost only"),
        (scope({"host": "localhost.evil.example"}), "localhost only"),
        (scope({"host": "127.0.0.1.evil.example:2024"}), "localhost only"),
        (scope({"host": "localhost@evil.example"}), "localhost only"),
        (scope({"host": "["}), "localhost only"),
        (scope({"host": ""}), "localhost only"),
        (scope({"origin": "https://evil.example"}), "HUGGINGGPT_ORIGINS"),
        (scope({"origin": "https://smith.langchain.com.evil.example"}), "HUGGINGGPT_ORIGINS"),
        (scope({"origin": "null"}), "HUGGINGGPT_ORIGINS"),
        (scope({"origin": "https://evil.example"}, type="websocket"), "HUGGINGGPT_ORIGINS"),
    ],
)
def test_without_keys_nobody_else_is(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as error:
        requester(given)
    assert error.value.status == 403
    assert "hugginggpt keys add" in str(error.value)


def test_origins_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_ORIGINS", "https://chat.example, https://other.example")
    settings.cache_clear()
    assert requester(scope({"origin": "https://chat.example"})) == NOBODY
    with pytest.raises(RefusedError):
        requester(scope({"origin": "https://smith.langchain.com"}))


@pytest.mark.parametrize(
    ("name", "form"), [("x-api-key", "{}"), ("authorization", "Bearer {}"), ("authorization", "bearer  {}")]
)
def test_a_key_is_enough_from_anywhere(name: str, form: str) -> None:
    headers = {name: form.format(keys.add("alice").text), "host": "hugginggpt.example"}
    headers |= {"origin": "https://chat.example", "x-forwarded-for": "1.2.3.4"}
    assert requester(scope(headers, server=("10.0.0.1", 80), client=("10.0.0.2", 1))) == "alice"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "is missing"),
        ({"x-api-key": "hgpt_wrong"}, "is unknown"),
        ({"authorization": "Bearer hgpt_wrong"}, "is unknown"),
        ({"authorization": "Basic YTpi"}, "is missing"),
        ({"x-auth-scheme": "langsmith"}, "is missing"),
    ],
)
def test_with_keys_everybody_needs_one(headers: dict[str, str], reason: str) -> None:
    keys.add("alice")
    with pytest.raises(RefusedError, match=reason) as error:
        requester(scope(headers))
    assert error.value.status == 401


@pytest.mark.parametrize("path", ["/ok", "/health"])
def test_whether_it_runs_is_told_to_everybody(path: str) -> None:
    keys.add("alice")
    assert requester(scope(path=path, server=("10.0.0.1", 80), client=("10.0.0.2", 1))) == NOBODY
    with pytest.raises(RefusedError):
        requester(scope(path=f"{path}/more"))
