"""The artifact store: files named by their content, on a disk or in a bucket."""

import hashlib
import io
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tools.errors import InputError, SetupError
from tools.outputs import SCHEME, Artifact
from tools.settings import settings
from tools.sniff import HEAD, KINDS, Kind, sniff

CHUNK = 1 << 20
FRESH = timedelta(minutes=10)
REF = re.compile(rf"{SCHEME}(?P<sha256>[0-9a-f]{{64}})(?P<suffix>(?:\.[a-z0-9]{{1,8}})?)")


def place(root: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a store and its root there, without a slash at the end; as `ArtifactStore`."""
    try:
        files, base = fsspec.url_to_fs(root if "://" in root else str(Path(root).expanduser()))
    except (ImportError, ValueError) as error:
        raise SetupError(f"HUGGINGGPT_ARTIFACTS names no place that can be used: {error}.") from None
    return files, base.rstrip("/")


class ArtifactStore:
    """Files under one root, each at `<root>/<first two digits>/<sha256><suffix>`.

    A file is written under a temporary name and moved, so a file that is found is whole. The calls block: run
    them in a thread when on an event loop.

    Args:
        root: A folder or any fsspec URL, e.g. `s3://bucket/artifacts`.

    Raises:
        SetupError: There is no such kind of place, or its library is not installed.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._fs, self._base = place(root)
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, path: Path, name: str | None = None) -> Artifact:
        """Store a copy of a file.

        Args:
            path: The file.
            name: What people know it by; its own name by default.

        Returns:
            The artifact.

        Raises:
            InputError: The file cannot be read, is empty or of an unknown kind.
            SetupError: The store cannot be written.
        """
        try:
            stream = path.open("rb")
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error
        with stream:
            return self._put(stream, name or path.name)

    def put_bytes(self, data: bytes, name: str) -> Artifact:
        """Store bytes as a file; as `put`."""
        return self._put(io.BytesIO(data), name)

    def put_text(self, text: str, name: str) -> Artifact:
        """Store a text, whatever its characters look like; as `put`, but one that was just stored is left there."""
        data, kind = text.encode(errors="replace"), KINDS[".txt"]
        known = Artifact(sha256=hashlib.sha256(data).hexdigest(), name=plain_name(name), **kind._asdict())
        return known if self._is_fresh(known.ref) else self._put(io.BytesIO(data), known.name, kind)

    def path(self, ref: str) -> Path:
        """Return a local file with the artifact's bytes; the file is not to be changed.

        Args:
            ref: `artifact://<sha256><suffix>`.

        Raises:
            InputError: It is no such reference, or nothing is stored under it.
            SetupError: The store cannot be read, or gave other bytes.
        """
        if not self.exists(ref):
            raise InputError(f"There is no artifact {ref!r} in {self.root}.")
        key = self._key(ref)
        return Path(key) if self._local else self._cached(key)

    def size(self, ref: str) -> int:
        """Return the bytes that an artifact has; as `path`, but nothing is fetched."""
        if not self.exists(ref):
            raise InputError(f"There is no artifact {ref!r} in {self.root}.")
        return int(self._fs.size(self._key(ref)))

    def exists(self, ref: str) -> bool:
        """Tell whether an artifact is stored under this reference."""
        return REF.fullmatch(ref) is not None and bool(self._fs.isfile(self._key(ref)))

    def claim(self, owner: str, ref: str) -> None:
        """Note that an owner has the bytes of an artifact: they gave them, or a run of theirs made them.

        Raises:
            SetupError: The store cannot be written.
        """
        if self.owns(owner, ref):
            return
        marker = self._marker(owner, ref)
        try:
            self._fs.makedirs(marker.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(marker, b"")
        except OSError as error:
            raise SetupError(f"{self.root} cannot be written: {error}.") from error

    def owns(self, owner: str, ref: str) -> bool:
        """Tell whether an owner has the bytes of an artifact."""
        return REF.fullmatch(ref) is not None and bool(self._fs.isfile(self._marker(owner, ref)))

    def check(self) -> None:
        """Look whether the place can be reached, and make it where there is none yet.

        Raises:
            SetupError: It cannot.
        """
        try:
            self._fs.makedirs(self._base, exist_ok=True)
            self._fs.info(self._base)
        except FileNotFoundError:
            # A bucket has no folders: an empty one is not found.
            return
        except OSError as error:
            raise SetupError(f"{self.root} cannot be reached: {error}.") from error

    def results(self, folder: str) -> dict[str, str]:
        """Return the texts that were kept in a folder by their names.

        Raises:
            SetupError: The store cannot be read.
        """
        try:
            paths = self._fs.ls(self._results(folder), detail=False)
            found = {str(path): self._fs.cat_file(path).decode() for path in paths}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SetupError(f"{self.root} cannot be read: {error}.") from error
        return {PurePosixPath(path).stem: text for path, text in found.items()}

    def keep_result(self, folder: str, name: str, text: str) -> None:
        """Keep a text under a name in a folder: what some work came to, so that it is not done again.

        Raises:
            SetupError: The store cannot be written.
        """
        partial = f"{self._base}/partial/{uuid.uuid4().hex}"
        with self._written(f"The result {name}", partial):
            self._copy(text.encode(), io.BytesIO(), partial)
            self._move(partial, f"{self._results(folder)}/{name}.json")

    def drop_results(self, folder: str) -> None:
        """Remove a folder of results, if there is one.

        Raises:
            SetupError: The store cannot be written.
        """
        try:
            self._fs.rm(self._results(folder), recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SetupError(f"{self.root} cannot be written: {error}.") from error

    def _results(self, folder: str) -> str:
        return f"{self._base}/results/{folder}"

    def _marker(self, owner: str, ref: str) -> str:
        sha256 = ref.removeprefix(SCHEME)[:64]
        return f"{self._base}/owners/{hashlib.sha256(owner.encode()).hexdigest()}/{sha256}"

    def _key(self, ref: str) -> str:
        file = ref.removeprefix(SCHEME)
        return f"{self._base}/{file[:2]}/{file}"

    def _put(self, stream: BinaryIO, name: str, kind: Kind | None = None) -> Artifact:
        name = PurePosixPath(name.replace("\\", "/")).name or "file"
        head = stream.read(HEAD)
        kind = kind or sniff(head, name)
        partial = f"{self._base}/partial/{uuid.uuid4().hex}"
        with self._written(name, partial):
            artifact = Artifact(sha256=self._copy(head, stream, partial), name=name, **kind._asdict())
            # Also over a file that is there: a new date keeps it from being swept before this one is referred to.
            self._move(partial, self._key(artifact.ref))
        return artifact

    def _is_fresh(self, ref: str) -> bool:
        """Tell whether an artifact was stored a moment ago, so that no sweep takes it before it is referred to."""
        try:
            written: datetime = self._fs.modified(self._key(ref))
        except (FileNotFoundError, NotImplementedError):
            return False
        return datetime.now(UTC) - written < FRESH

    @contextmanager
    def _written(self, name: str, partial: str) -> Iterator[None]:
        """Leave nothing half written, and say why something cannot be stored."""
        try:
            yield
        except OSError as error:
            raise SetupError(
                f"{name} cannot be stored in {self.root}: {error.strerror or error}; "
                "make room there or set HUGGINGGPT_ARTIFACTS to another place."
            ) from error
        finally:
            if self._fs.exists(partial):
                self._fs.rm_file(partial)

    def _copy(self, head: bytes, stream: BinaryIO, key: str) -> str:
        """Write the bytes under a key and return their sha256."""
        digest = hashlib.sha256()
        self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)
        with self._fs.open(key, "wb") as file:
            chunk = head
            while chunk:
                digest.update(chunk)
                file.write(chunk)
                chunk = stream.read(CHUNK)
        return digest.hexdigest()

    def _move(self, partial: str, key: str) -> None:
        self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)
        self._fs.mv(partial, key)

    def _cached(self, key: str) -> Path:
        """Fetch a remote file once and check its digest."""
        file = settings().cache_dir / "artifacts" / key.rpartition("/")[2]
        if file.is_file():
            return file
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            fresh = Path(folder) / file.name
            try:
                self._fs.get_file(key, str(fresh))
            except OSError as error:
                raise SetupError(f"{key} cannot be fetched from {self.root}: {error}.") from error
            with fresh.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.name[:64]:
                    raise SetupError(f"{key} in {self.root} holds other bytes than its name says: delete it.")
            fresh.replace(file)
        return file


def plain_name(name: str) -> str:
    """Return a name without folders and control characters, short enough for any disk; never empty."""
    base = PurePosixPath(name.replace("\\", "/")).name
    base = "".join(char for char in base if char.isprintable()).strip()
    return base.encode()[-200:].decode(errors="ignore").lstrip(". ") or "file"


@cache
def store() -> ArtifactStore:
    """Return the store at `settings().artifacts_root`. Tests call `store.cache_clear()`."""
    return ArtifactStore(settings().artifacts_root)
