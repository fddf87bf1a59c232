"""A place for files: a folder on a disk or in a bucket."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
from fsspec import AbstractFileSystem

from tools.errors import SetupError


class Place:
    """Files under one root. The calls block: run them in a thread when on an event loop.

    Args:
        root: A folder or any fsspec URL, e.g. `s3://bucket/artifacts`.

    Raises:
        SetupError: There is no such kind of place, or its library is not installed.
    """

    def __init__(self, root: str) -> None:
        try:
            files, base = fsspec.url_to_fs(root if "://" in root else str(Path(root).expanduser()))
        except (ImportError, ValueError) as error:
            raise SetupError(f"HUGGINGGPT_ARTIFACTS names no place that can be used: {error}.") from None
        self.root = root
        self.files: AbstractFileSystem = files
        self.base: str = base.rstrip("/")
        """The root in the file system, without a slash at the end."""

    def at(self, name: str) -> str:
        """Return the path of what has this path below the root."""
        return f"{self.base}/{name}"

    @contextmanager
    def being(self, used: str) -> Iterator[None]:
        """Say in a sentence that the place cannot be used.

        Args:
            used: What is tried with it: `read`, `written` or `reached`.

        Raises:
            SetupError: It cannot be.
        """
        try:
            yield
        except OSError as error:
            raise SetupError(f"{self.root} cannot be {used}: {error}.") from error

    def check(self) -> None:
        """Look whether the place can be reached, and make it where there is none yet.

        Raises:
            SetupError: It cannot.
        """
        with self.being("reached"):
            try:
                self.files.makedirs(self.base, exist_ok=True)
                self.files.info(self.base)
            except FileNotFoundError:
                # A bucket has no folders: an empty one is not found.
                return

    @contextmanager
    def partial(self, label: str) -> Iterator[str]:
        """Yield a temporary path to `copy` to and to `move` away, so that a file that is found is whole.

        Args:
            label: What is stored, for people.

        Raises:
            SetupError: It cannot be stored; nothing half written is left.
        """
        path = self.at(f"partial/{uuid.uuid4().hex}")
        try:
            yield path
        except OSError as error:
            raise SetupError(
                f"{label} cannot be stored in {self.root}: {error.strerror or error}; "
                "make room there or set HUGGINGGPT_ARTIFACTS to another place."
            ) from error
        finally:
            if self.files.exists(path):
                self.files.rm_file(path)

    def copy(self, chunks: Iterable[bytes], path: str) -> str:
        """Write bytes to a path and return their sha256."""
        digest = hashlib.sha256()
        self._make_room(path)
        with self.files.open(path, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def move(self, path: str, to: str) -> None:
        """Move a file, also over one that is there."""
        self._make_room(to)
        self.files.mv(path, to)

    def mark(self, path: str) -> None:
        """Write an empty file.

        Raises:
            SetupError: The place cannot be written.
        """
        with self.being("written"):
            self._make_room(path)
            self.files.pipe_file(path, b"")

    def _make_room(self, path: str) -> None:
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
