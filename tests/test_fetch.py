import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import listening

from tools import fetch as module
from tools.errors import InputError
from tools.fetch import fetch, is_public
from tools.settings import settings

PUBLIC = "93.184.216.34"
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], list[httpx.Request]]:
    """Answer every request with a function, and every name but `inside.test` with a public address."""

    def getaddrinfo(host: str, *_: object, **__: object) -> list[Any]:
        if host == "nowhere.test":
            raise socket.gaierror
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            address = "10.0.0.7" if host == "inside.test" else PUBLIC
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    def serve(handler: Handler) -> list[httpx.Request]:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return handler(request)

        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(module, "_client", lambda: httpx.AsyncClient(transport=transport))
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return seen

    return serve


Web = Callable[[Handler], list[httpx.Request]]


async def test_a_file_is_fetched_from_the_checked_address(web: Web, tmp_path: Path) -> None:
    seen = web(lambda _: httpx.Response(200, content=b"bytes"))
    file = await fetch("https://files.test/a/photo%20one.jpg?key=1", tmp_path)
    assert (file.name, file.read_bytes()) == ("photo one.jpg", b"bytes")
    assert seen[0].url.host == PUBLIC
    assert seen[0].headers["Host"] == "files.test"
    assert seen[0].extensions["sni_hostname"] == "files.test"
    assert seen[0].url.query == b"key=1"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://[::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://inside.test/a",
    ],
)
async def test_addresses_of_the_own_network_are_refused(web: Web, tmp_path: Path, url: str) -> None:
    seen = web(lambda _: httpx.Response(200))
    with pytest.raises(InputError, match="HUGGINGGPT_ALLOW_PRIVATE_URLS"):
        await fetch(url, tmp_path)
    assert not seen


@pytest.mark.parametrize(
    "location", ["http://inside.test/x", "//127.0.0.1/x", "file:///etc/passwd", "gopher://a.test/"]
)
async def test_redirects_are_checked_again(web: Web, tmp_path: Path, location: str) -> None:
    seen = web(lambda _: httpx.Response(302, headers={"Location": location}))
    with pytest.raises(InputError, match=r"private network|only http and https"):
        await fetch("https://a.test/", tmp_path)
    assert len(seen) == 1


async def test_redirects_are_followed_and_keep_the_login_at_home(web: Web, tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.headers["Host"] == "a.test":
            return httpx.Response(307, headers={"Location": "https://b.test/real.png"})
        return httpx.Response(200, content=b"x")

    seen = web(handler)
    assert (await fetch("https://user:word@a.test/pic.png", tmp_path)).name == "pic.png"
    assert ["Authorization" in request.headers for request in seen] == [True, False]
    assert all(not request.url.userinfo for request in seen)


async def test_redirects_in_a_circle_end(web: Web, tmp_path: Path) -> None:
    seen = web(lambda _: httpx.Response(302, headers={"Location": "/again"}))
    with pytest.raises(InputError, match="more than 5 redirects"):
        await fetch("https://a.test/", tmp_path)
    assert len(seen) == 6


@pytest.mark.parametrize("declared", [True, False])
async def test_too_large_stops_early(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    monkeypatch.setenv("HUGGINGGPT_MAX_FILE_MB", "1")
    settings.cache_clear()
    sent = 0

    async def body() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 100_000
            yield b"x" * 100_000

    headers = {"Content-Length": "10000000"} if declared else {}
    web(lambda _: httpx.Response(200, headers=headers, content=body()))
    with pytest.raises(InputError, match="larger than 1 MB; HUGGINGGPT_MAX_FILE_MB"):
        await fetch("https://a.test/big.bin", tmp_path)
    assert sent <= (0 if declared else 1_200_000)


async def test_too_slow_stops(web: Web, tmp_path: Path) -> None:
    async def body() -> Any:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    web(lambda _: httpx.Response(200, content=body()))
    with pytest.raises(InputError, match=r"took more than 0\.1 s"):
        await fetch("https://a.test/", tmp_path, seconds=0.1)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://user:word@a.test/x.png?token=secret", "the server answered 404 Not Found"),
        ("https://user:word@nowhere.test/?token=secret", "there is no host nowhere.test"),
        ("https://user:word@a.test:99999/?token=secret", "not a valid URL"),
        ("https://user:word/@a.test/?token=secret", "not a valid URL"),
        ("http://", "not a valid URL"),
    ],
)
async def test_what_cannot_be_read_is_a_sentence_without_secrets(
    web: Web, tmp_path: Path, url: str, says: str
) -> None:
    web(lambda _: httpx.Response(404))
    with pytest.raises(InputError, match=says) as error:
        await fetch(url, tmp_path)
    assert "word" not in str(error.value)
    assert "secret" not in str(error.value)
    assert str(error.value).endswith(".")


async def test_a_broken_connection_is_a_sentence(web: Web, tmp_path: Path) -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("Server disconnected")

    web(cut)
    with pytest.raises(InputError, match=r"^https://a\.test cannot be read: Server disconnected\.$"):
        await fetch("https://a.test", tmp_path)


def test_public_addresses_are_public() -> None:
    assert all(
        is_public(ipaddress.ip_address(each)) for each in (PUBLIC, "2606:4700::1111", "64:ff9b::808:808")
    )


@pytest.fixture
def server() -> Iterator[int]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{self.headers['Host']} {self.path}".encode())

    with listening(Page) as address:
        yield int(address.rpartition(":")[2])


async def test_a_name_is_resolved_once(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [("127.0.0.1", 0), ("198.51.100.1", 0)]

    def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers.pop(0))]

    monkeypatch.setenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", "1")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    file = await fetch(f"http://rebound.test:{server}/page", tmp_path)
    assert file.read_text() == f"rebound.test:{server} /page"
    assert len(answers) == 1
