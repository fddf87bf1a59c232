"""Artifacts over HTTP, and their addresses."""

import asyncio
import io

import httpx
import pytest
from PIL import Image
from web_client import BASE

from tools.artifacts import store
from tools.errors import InputError
from tools.links import file_name, link
from tools.outputs import SCHEME, Artifact
from tools.settings import Settings, settings

pytestmark = pytest.mark.usefixtures("no_blocking")


def picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((32, 32), 50).save(file, "PNG")
    return file.getvalue()


BYTES = picture()


@pytest.fixture
def image() -> Artifact:
    return store().put_bytes(BYTES, "a cat.png")


@pytest.fixture
def page() -> Artifact:
    """HTML is text like any other."""
    return store().put_bytes(b"<!doctype html><script>alert(1)</script>", "page.html")


def path(artifact: Artifact) -> str:
    return f"/artifacts/{artifact.ref.removeprefix(SCHEME)}"


async def test_an_artifact_is_sent_as_what_it_is(client: httpx.AsyncClient, image: Artifact) -> None:
    response = await client.get(path(image))
    assert response.status_code == 200
    assert response.content == BYTES
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"].startswith("inline")
    assert "immutable" in response.headers["Cache-Control"]
    head = await client.head(path(image))
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(response.content)))


async def test_nothing_is_a_page_of_this_site(client: httpx.AsyncClient, page: Artifact) -> None:
    response = await client.get(f"{path(page)}/page.html")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert 'filename="page.html.txt"' in response.headers["Content-Disposition"]


async def test_a_name_can_be_chosen_for_saving(client: httpx.AsyncClient, image: Artifact) -> None:
    saved = await client.get(path(image), params={"download": "1", "name": "../über\r\ncat"})
    assert saved.headers["Content-Disposition"] == "attachment; filename*=utf-8''%C3%BCbercat.png"
    table = await asyncio.to_thread(store().put_bytes, b"a,b\n1,2\n3,4\n", "table.csv")
    assert (await client.get(path(table))).headers["Content-Disposition"].startswith("attachment")


async def test_ranges(client: httpx.AsyncClient, image: Artifact) -> None:
    part = await client.get(path(image), headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, BYTES[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(BYTES)}"
    assert (await client.get(path(image), headers={"Range": "bytes=-5"})).content == BYTES[-5:]
    beyond = await client.get(path(image), headers={"Range": f"bytes={len(BYTES)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(BYTES)}")


async def test_what_a_cache_has_is_not_sent_again(client: httpx.AsyncClient, image: Artifact) -> None:
    tag = (await client.get(path(image))).headers["ETag"]
    assert (await client.get(path(image), headers={"If-None-Match": tag})).status_code == 304
    same = await client.get(path(image), headers={"Range": "bytes=0-3", "If-Range": tag})
    other = await client.get(path(image), headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize("file", ["0" * 64 + ".png", "x.png", "0" * 64 + "..%2f..%2fetc%2fpasswd"])
async def test_what_is_not_there_is_told_in_a_sentence(client: httpx.AsyncClient, file: str) -> None:
    response = await client.get(f"/artifacts/{file}")
    assert response.status_code == 404
    assert response.json()["detail"]


async def test_a_store_that_is_no_disk_is_served_too(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGPT_ARTIFACTS", "memory://served")
    settings.cache_clear()
    store.cache_clear()
    kept = await asyncio.to_thread(store().put_bytes, BYTES, "cat.png")
    response = await client.get(path(kept), headers={"Range": "bytes=0-7"})
    assert (response.status_code, response.content) == (206, b"\x89PNG\r\n\x1a\n")


async def test_a_link_opens_its_artifact(
    client: httpx.AsyncClient, image: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert link(image) is None
    monkeypatch.setenv("HUGGINGGPT_PUBLIC_URL", f"{BASE}/")
    settings.cache_clear()
    address = link(image)
    assert address == f"{BASE}{path(image)}/a%20cat.png"
    response = await client.get(address)
    assert response.headers["Content-Disposition"] == "inline; filename*=utf-8''a%20cat.png"


def test_a_public_address_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_PUBLIC_URL", "javascript:alert(1)")
    with pytest.raises(InputError, match="HUGGINGGPT_PUBLIC_URL"):
        Settings()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat.jpeg", "cat.jpeg.png"),
        ("cat.PNG", "cat.PNG"),
        ("..", "file.png"),
        ("C:\\x\\cat", "cat.png"),
    ],
)
def test_names_tell_the_kind(name: str, shown: str) -> None:
    assert file_name(name, "0" * 64 + ".png") == shown
