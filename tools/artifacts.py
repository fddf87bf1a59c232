"""The artifact store: files named by their content, on a disk or in a bucket."""

import hashlib
import io
import re
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fsspec.implementations.local import LocalFileSystem

from tools.errors import InputError, SetupError
from tools.outputs import SCHEME, Artifact
from tools.place import Place
from tools.settings import settings
from tools.sniff import HEAD, KINDS, Kind, sniff

CHUNK = 1 << 20
FRESH = timedelta(minutes=10)
REF = re.compile(rf"{SCHEME}(?P<sha256>[0-9a-f]{{64}})(?P<suffix>(?:\.[a-z0-9]{{1,8}})?)")


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
        self.place = Place(root)

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
        return Path(key) if isinstance(self.place.files, LocalFileSystem) else self._cached(key)

    def size(self, ref: str) -> int:
        """Return the bytes that an artifact has; as `path`, but nothing is fetched."""
        if not self.exists(ref):
            raise InputError(f"There is no artifact {ref!r} in {self.root}.")
        return int(self.place.files.size(self._key(ref)))

    def exists(self, ref: str) -> bool:
        """Tell whether an artifact is stored under this reference."""
        return REF.fullmatch(ref) is not None and bool(self.place.files.isfile(self._key(ref)))

    def _key(self, ref: str) -> str:
        file = ref.removeprefix(SCHEME)
        return self.place.at(f"{file[:2]}/{file}")

    def _put(self, stream: BinaryIO, name: str, kind: Kind | None = None) -> Artifact:
        name = PurePosixPath(name.replace("\\", "/")).name or "file"
        head = stream.read(HEAD)
        kind = kind or sniff(head, name)
        with self.place.partial(name) as partial:
            rest = iter(lambda: stream.read(CHUNK), b"")
            sha256 = self.place.copy(chain([head], rest), partial)
            artifact = Artifact(sha256=sha256, name=name, **kind._asdict())
            # Also over a file that is there: a new date keeps it from being swept before this one is referred to.
            self.place.move(partial, self._key(artifact.ref))
        return artifact

    def _is_fresh(self, ref: str) -> bool:
        """Tell whether an artifact was stored a moment ago, so that no sweep takes it before it is referred to."""
        try:
            written: datetime = self.place.files.modified(self._key(ref))
        except (OSError, NotImplementedError):
            # What is wrong with the place is told when it is written to.
            return False
        return datetime.now(UTC) - written < FRESH

    def _cached(self, key: str) -> Path:
        """Fetch a remote file once and check its digest."""
        file = settings().cache_dir / "artifacts" / key.rpartition("/")[2]
        if file.is_file():
            return file
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            fresh = Path(folder) / file.name
            try:
                self.place.files.get_file(key, str(fresh))
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
