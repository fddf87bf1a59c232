"""Downloads survive what servers do."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from assets_server import WEIGHTS, AssetServer, serving, sha256

from tools import download
from tools.download import Download, DownloadError, Tracker, UnreachableError, fetch, host


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AssetServer]:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    with serving() as server:
        server.files["/file"] = WEIGHTS
        yield server


def wanted(server: AssetServer, folder: Path, *, pinned: bool = True, size: int = len(WEIGHTS)) -> Download:
    return Download(f"{server.url}/file", folder / "file", size, sha256(WEIGHTS) if pinned else None)


def run(what: Download) -> None:
    with httpx.Client(follow_redirects=True) as client:
        fetch(client, what, Tracker("tiny"))


def test_a_busy_server_is_asked_again(server: AssetServer, tmp_path: Path) -> None:
    server.busy["/file"] = 2
    run(wanted(server, tmp_path))
    assert (tmp_path / "file").read_bytes() == WEIGHTS
    assert len(server.asked) == 3


def test_a_refusal_is_not_asked_again(server: AssetServer, tmp_path: Path) -> None:
    del server.files["/file"]
    with pytest.raises(DownloadError, match="answers 404"):
        run(wanted(server, tmp_path))
    assert len(server.asked) == 1


def test_a_part_that_is_whole_needs_no_request(server: AssetServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(WEIGHTS)
    run(wanted(server, tmp_path))
    assert server.asked == []


@pytest.mark.parametrize("part", [bytes(1000), bytes(len(WEIGHTS)), bytes(len(WEIGHTS) + 1)], ids=len)
def test_a_wrong_part_is_thrown_away(server: AssetServer, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.part").write_bytes(part)
    run(wanted(server, tmp_path))
    assert (tmp_path / "file").read_bytes() == WEIGHTS


def test_another_range_than_the_asked_one_is_not_appended(server: AssetServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(WEIGHTS[:1000])
    answers = iter([httpx.Response(206, headers={"Content-Range": "bytes 0-9/10"}, content=b"0123456789")])
    late = httpx.Response(200, content=WEIGHTS)
    with httpx.Client(transport=httpx.MockTransport(lambda _: next(answers, late))) as client:
        fetch(client, wanted(server, tmp_path), Tracker("tiny"))
    assert (tmp_path / "file").read_bytes() == WEIGHTS


def test_a_range_that_the_server_lacks_makes_it_start_over(server: AssetServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(WEIGHTS[:1000])
    answers = iter([httpx.Response(416)])
    late = httpx.Response(200, content=WEIGHTS)
    with httpx.Client(transport=httpx.MockTransport(lambda _: next(answers, late))) as client:
        fetch(client, wanted(server, tmp_path), Tracker("tiny"))
    assert (tmp_path / "file").read_bytes() == WEIGHTS


def test_a_file_that_is_not_pinned_has_a_limit_and_is_never_resumed(
    server: AssetServer, tmp_path: Path
) -> None:
    (tmp_path / "file.part").write_bytes(b"old")
    run(wanted(server, tmp_path, pinned=False))
    assert (tmp_path / "file").read_bytes() == WEIGHTS
    with pytest.raises(DownloadError, match="other bytes"):
        run(wanted(server, tmp_path / "..", pinned=False, size=10))
    assert not (tmp_path / ".." / "file").exists()


def test_a_host_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        run(wanted(gone, tmp_path))


def test_messages_name_the_host_without_its_password() -> None:
    assert host("https://me:hush@index.example:8080/simple/?key=hush") == "index.example:8080"
