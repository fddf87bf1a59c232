import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tools.artifacts import ArtifactStore, store
from tools.errors import InputError, SetupError
from tools.settings import settings
from tools.sniff import HEAD, sniff


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "kept") if request.param == "folder" else f"memory://{tmp_path.name}")


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, form)
    return file.getvalue()


def sound(form: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(16_000) / 20) / 3, 16_000, format=form)
    return file.getvalue()


def test_a_text_that_was_just_stored_is_not_written_again(tmp_path: Path) -> None:
    kept = ArtifactStore(str(tmp_path / "kept"))
    file = kept.path(kept.put_text("the same", "one.txt").ref)
    first = file.stat()
    assert kept.put_text("the same", "two.txt").name == "two.txt"
    assert file.stat().st_ino == first.st_ino
    # A sweep may have it in view: it is written again, which gives it a new date.
    os.utime(file, (first.st_atime - 3600, first.st_mtime - 3600))
    kept.put_text("the same", "one.txt")
    assert file.stat().st_mtime >= first.st_mtime


def test_a_store_that_cannot_be_looked_at_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file in the place of the folder")
    with pytest.raises(SetupError, match="HUGGINGGPT_ARTIFACTS"):
        ArtifactStore(str(tmp_path / "kept")).put_text("text", "one.txt")


def test_a_text_is_found_in_any_store(any_store: ArtifactStore) -> None:
    artifacts = [any_store.put_text("the same", name) for name in ("one.txt", "folder/two.txt", "one.txt")]
    assert [artifact.name for artifact in artifacts] == ["one.txt", "two.txt", "one.txt"]
    assert any_store.path(artifacts[1].ref).read_text() == "the same"


def test_what_is_put_comes_back(any_store: ArtifactStore, tmp_path: Path) -> None:
    file = tmp_path / "Note.txt"
    file.write_text("hello " * HEAD)
    artifact = any_store.put(file)
    assert (artifact.name, artifact.media, artifact.mime, artifact.suffix) == (
        "Note.txt",
        "text",
        "text/plain",
        ".txt",
    )
    assert artifact.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert any_store.exists(artifact.ref)
    assert any_store.size(artifact.ref) == file.stat().st_size
    kept = any_store.path(artifact.ref)
    assert kept.name == f"{artifact.sha256}.txt"
    assert kept.read_bytes() == file.read_bytes()


def test_same_bytes_are_stored_once(tmp_path: Path) -> None:
    kept = ArtifactStore(str(tmp_path / "kept"))
    first, second = kept.put_bytes(picture("PNG"), "a.png"), kept.put_bytes(picture("PNG"), "folder/b.png")
    assert (first.ref, first.name, second.name) == (second.ref, "a.png", "b.png")
    assert [file for file in (tmp_path / "kept").rglob("*") if file.is_file()] == [kept.path(first.ref)]


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(28, "No space left on device")
            return super().read(size)

    kept = ArtifactStore(str(tmp_path / "kept"))
    monkeypatch.setattr(Path, "open", lambda *_: Full(b"x" * 2 * HEAD))
    with pytest.raises(SetupError, match=r"No space left .* HUGGINGGPT_ARTIFACTS"):
        kept.put(tmp_path / "a.txt")
    assert not [file for file in (tmp_path / "kept").rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    "ref",
    [
        "/etc/passwd",
        "artifact://../../etc/passwd",
        "artifact://" + "0" * 64,
        f"artifact://{'0' * 64}.txt\n",
        "",
    ],
)
def test_other_references_are_refused(any_store: ArtifactStore, ref: str) -> None:
    assert not any_store.exists(ref)
    with pytest.raises(InputError, match="no artifact"):
        any_store.path(ref)


def test_a_reference_leads_nowhere_else(tmp_path: Path) -> None:
    kept = ArtifactStore(str(tmp_path / "a" / "kept"))
    kept.put_bytes(b"x", "x.txt")
    (tmp_path / "secret.txt").write_text("secret")
    for ref in ("artifact://../secret.txt", f"artifact://{'../' * 9}etc/passwd"):
        assert not kept.exists(ref)


def test_a_remote_copy_with_other_bytes_is_refused(tmp_path: Path) -> None:
    kept = ArtifactStore(f"memory://{tmp_path.name}")
    artifact = kept.put_bytes(b"right", "a.txt")
    kept.place.files.pipe_file(kept._key(artifact.ref), b"wrong")
    with pytest.raises(SetupError, match="other bytes"):
        kept.path(artifact.ref)
    assert not [file for file in settings().cache_dir.rglob("*") if file.is_file()]


def test_a_place_of_an_unknown_kind_is_a_sentence() -> None:
    with pytest.raises(SetupError, match="HUGGINGGPT_ARTIFACTS names no place"):
        ArtifactStore("nowhere://bucket")


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^gone\.wav cannot be read: No such file or directory\.$"):
        store().put(tmp_path / "gone.wav")


def test_the_store_of_this_process_follows_the_settings(tmp_path: Path) -> None:
    assert store() is store()
    assert store().root == str(tmp_path / "data" / "artifacts")


MATROSKA = b"\x1aE\xdf\xa3\x93B\x82\x84%s\x18S\x80g%s"


@pytest.mark.parametrize(
    ("data", "name", "suffix"),
    [
        (sound("WAV"), "x", ".wav"),
        (sound("FLAC"), "x", ".flac"),
        (sound("OGG"), "x", ".ogg"),
        (sound("MP3"), "x", ".mp3"),
        (b"ID3\x04\x00\x00" + sound("MP3"), "x", ".mp3"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00", "x", ".m4a"),
        (b"\x00\x00\x00\x1cftypisom\x00\x00\x02\x00", "x", ".mp4"),
        (MATROSKA % (b"webm", b"V_VP8"), "x", ".webm"),
        (MATROSKA % (b"webm", b"A_OPUS"), "x", ".weba"),
        (MATROSKA % (b"matroska", b"V_VP8"), "x", ".mkv"),
        (picture("PNG"), "x.jpg", ".png"),
        (picture("JPEG"), "x", ".jpg"),
        (picture("WEBP"), "x", ".webp"),
        (picture("GIF"), "x", ".gif"),
        (b"a,b\n1,2\n3,4\n", "x", ".csv"),
        (b"one line", "x.CSV", ".csv"),
        (b"a,b\n1,2\n3,4\n", "x.txt", ".txt"),
        (b'{"a": 1}', "x", ".json"),
        (b"# Title", "x.markdown", ".md"),
        (b"BM is a text too", "x.bmp", ".txt"),
        ("é".encode() * HEAD, "x", ".txt"),
        ((b"a" + "é".encode() * HEAD)[:HEAD], "x", ".txt"),
    ],
)
def test_kinds_are_told_from_bytes(data: bytes, name: str, suffix: str) -> None:
    assert sniff(data[:HEAD], name).suffix == suffix


@pytest.mark.parametrize(
    ("data", "says"), [(b"", "is empty"), (b"%PDF-1.7", "PDF"), (b"\0\1\2\3" * 9, "no known kind")]
)
def test_what_is_not_read_is_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=rf"^odd\.bin .*{says}.*\.$"):
        sniff(data, "odd.bin")
