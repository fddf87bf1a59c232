import io
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import soundfile
from loopback import listening
from PIL import Image

from tools.artifacts import ArtifactStore
from tools.errors import InputError, SetupError
from tools.ingest import ingest
from tools.settings import settings


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def kept(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "kept"))


def picture(form: str, side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 50).convert("RGB").save(file, form)
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG header that claims dimensions, with hardly any pixels behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def sound(form: str, frames: int = 8000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(frames) / 20) / 3, 16_000, format=form)
    return file.getvalue()


def m4a() -> bytes:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype="float32"), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "media"),
    [
        ("a.wav", sound("WAV"), "audio"),
        ("a.flac", sound("FLAC"), "audio"),
        ("a.mp3", sound("MP3"), "audio"),
        ("a.ogg", sound("OGG"), "audio"),
        ("named-wrongly.jpg", picture("PNG"), "image"),
        ("a.webp", picture("WEBP"), "image"),
        ("no-suffix", picture("GIF"), "image"),
        ("a.csv", b"a,b\n1,2\n", "table"),
        ("a.json", b'{"a": 1}', "text"),
        ("Übersicht.md", "# Straße".encode(), "text"),
    ],
)
async def test_good_files_are_kept(
    kept: ArtifactStore, tmp_path: Path, name: str, data: bytes, media: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    artifact = await ingest(str(file), kept)
    assert (artifact.name, artifact.media) == (name, media)
    assert kept.path(artifact.ref).read_bytes() == data


async def test_m4a_is_read_with_pyav_and_asks_for_it(
    kept: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memo.m4a"
    file.write_bytes(m4a())
    assert (await ingest(file, kept)).mime == "audio/mp4"
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SetupError, match=r"memo\.m4a .* install the extra"):
        await ingest(file, kept)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.txt", b"", "is empty"),
        ("a.wav", b"this is no sound at all", "named like audio/x-wav but holds text/plain"),
        ("a.png", sound("WAV"), "named like image/png but holds audio/x-wav"),
        ("a.csv", picture("PNG"), "named like text/csv but holds image/png"),
        ("a.bin", os.urandom(400) + b"\0", "of no known kind"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
        ("a.txt", b" \n\t\n", "holds no text"),
        ("a.txt", b"a" * 70_000 + b"\xff\xfe", "not UTF-8 throughout"),
        ("a.png", png(0, 0), "broken image/png picture|without any pixels"),
        ("a.gif", b"GIF89a\0\0\0\0\0\0\0;", "broken image/gif picture|without any pixels"),
        ("a.png", png(90_000, 90_000), "more than 100 million pixels; HUGGINGGPT_MAX_PIXELS"),
        ("a.png", png(11_000, 11_000), "more than 100 million pixels"),
        ("a.png", picture("PNG")[:-400], "broken image/png picture"),
        ("a.jpg", picture("JPEG")[:-400], "broken image/jpeg picture"),
        ("a.webp", picture("WEBP")[:-400], "broken image/webp picture"),
        ("a.avif", picture("AVIF")[:-400], "broken image/avif picture"),
        ("a.wav", sound("WAV", 0), "holds no sound"),
        ("a.flac", sound("FLAC")[:60], "cannot be decoded|holds no sound"),
        ("a.mp3", b"ID3\x04\0\0\0\0\0\0" + b"\xff\xf3" + b"\0" * 99, "cannot be decoded|holds no sound"),
        ("a.mp4", b"\0\0\0\x1cftypisom\0\0\2\0" + b"\0" * 99, "cannot be decoded|holds no pictures"),
    ],
)
async def test_bad_files_are_one_sentence(
    kept: ArtifactStore, tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(InputError, match=says) as error:
        await ingest(file, kept)
    assert str(error.value).startswith(name)
    assert str(error.value).endswith(".")
    assert str(tmp_path) not in str(error.value)
    assert not (tmp_path / "kept").exists()


def fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, r"^There is no file .*thing\.$"),
        (Path.mkdir, r"^.*thing is a directory: name a file in it\.$"),
        (fifo, r"^.*thing is not a regular file\.$"),
        (
            lambda path: path.symlink_to(path),
            r"^.*thing cannot be read: Too many levels of symbolic links\.$",
        ),
    ],
)
async def test_what_is_no_file_is_one_sentence(
    kept: ArtifactStore, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / "thing")
    with pytest.raises(InputError, match=says):
        await ingest(tmp_path / "thing", kept)


@pytest.mark.parametrize("source", ["a\0b", "x" * 5000])
async def test_impossible_names_are_one_sentence(kept: ArtifactStore, source: str) -> None:
    with pytest.raises(InputError, match="cannot be read: "):
        await ingest(source, kept)


async def test_other_schemes_are_one_sentence(kept: ArtifactStore) -> None:
    with pytest.raises(
        InputError, match=r"^ftp://a\.test/b\.png cannot be read: only http and https addresses are\.$"
    ):
        await ingest("ftp://a.test/b.png", kept)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_no_permission_is_one_sentence(kept: ArtifactStore, tmp_path: Path) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("x")
    file.chmod(0)
    with pytest.raises(InputError, match=r"secret\.txt cannot be read: Permission denied\.$"):
        await ingest(file, kept)


async def test_large_files_are_refused_before_they_are_read(
    kept: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGPT_MAX_FILE_MB", "1")
    settings.cache_clear()
    file = tmp_path / "long.wav"
    with file.open("wb") as sparse:
        sparse.truncate(10**12)
    with pytest.raises(
        InputError, match=r"^long\.wav is larger than 1 MB; HUGGINGGPT_MAX_FILE_MB sets the limit\.$"
    ):
        await ingest(file, kept)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pages = {"/pic": picture("PNG"), "/cat.jpg": b"<html>gone</html>"}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pages[self.path])

    monkeypatch.setenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", "1")
    with listening(Page) as address:
        yield address


async def test_addresses_are_fetched_and_checked_like_files(
    kept: ArtifactStore, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    artifact = await ingest(f"{server}/pic", kept)
    assert (artifact.name, artifact.mime) == ("pic", "image/png")
    with pytest.raises(InputError, match=r"^cat\.jpg is named like image/jpeg but holds text/plain\.$"):
        await ingest(f"{server}/cat.jpg", kept)
    assert names(tmp_path) == ["kept"]
