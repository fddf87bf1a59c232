"""Mark and sweep over the artifact store: files that nothing refers to any more are removed."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tools.place import Place

SHA256 = re.compile(rb"(?=([0-9a-f]{64}))")
ARTIFACT, MARK, RESULT, PARTIAL = "artifact", "owner mark", "kept result", "partial file"
KINDS = {
    ARTIFACT: re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})(?:\.[a-z0-9]{1,8})?"),
    MARK: re.compile(r"owners/[0-9a-f]{64}/([0-9a-f]{64})"),
    RESULT: re.compile(r"results/.+\.json"),
    PARTIAL: re.compile(r"partial/[0-9a-f]{32}"),
}
"""What a store holds, by its path below the root. Whatever else lies there is left alone."""


class StoredFile(NamedTuple):
    """A file of the store."""

    path: str
    name: str
    """The path below the root."""
    size: int
    modified: datetime


class Freed(NamedTuple):
    """What was removed, or would be."""

    files: Counter[str]
    """Number of files by kind, a key of `KINDS`."""
    size: int
    """Their bytes."""


def digests(blob: bytes) -> set[str]:
    """Return everything in serialized data that may be the name of an artifact.

    The names are not parsed out of it: data of any version, of any format, keeps what it may refer to.
    """
    return {found.decode() for found in SHA256.findall(blob)}


class Sweep:
    """One pass over a store. The calls block.

    The files are listed before the caller looks for references, so that what comes in meanwhile is not touched.

    Args:
        root: As of `Place`.
        before: Only files that were last written before this time are removed.

    Raises:
        SetupError: The store cannot be read.
    """

    def __init__(self, root: str, before: datetime) -> None:
        self._place = Place(root)
        self._files = self._place.files
        with self._place.being("read"):
            listed = list(self._listed())
        self._old = [file for file in listed if file.modified < before]
        self._young = [file for file in listed if file.modified >= before]

    def referenced(self) -> set[str]:
        """Return the digests of the artifacts that the kept results refer to which stay."""
        found = set[str]()
        for file in self._young:
            if KINDS[RESULT].fullmatch(file.name):
                with suppress(FileNotFoundError):
                    found |= digests(self._files.cat_file(file.path))
        return found

    def remove(self, referenced: Collection[str], dry_run: bool) -> Freed:
        """Remove old files, and of artifacts, with the marks of their owners, those that nothing refers to.

        Args:
            referenced: Digests of the artifacts to keep.
            dry_run: Count only.

        Raises:
            SetupError: The store cannot be written.
        """
        kinds, size = Counter[str](), 0
        kept = {*referenced, *(Path(file.name).stem for file in self._young)}
        # Marks come after the artifacts they are of.
        files = sorted(self._old, key=lambda file: file.name.startswith("owners/"))
        with self._place.being("written"):
            for file in files:
                kind = _kind(file.name, kept)
                if kind and (dry_run or self._removed(file, kind)):
                    kinds[kind] += 1
                    size += file.size
        return Freed(kinds, size)

    def _listed(self) -> Iterator[StoredFile]:
        self._files.invalidate_cache()
        for path, found in self._files.find(self._place.base, detail=True).items():
            # Partial files come and go.
            with suppress(FileNotFoundError):
                name = path.removeprefix(f"{self._place.base}/")
                yield StoredFile(path, name, found["size"], self._files.modified(path))

    def _removed(self, file: StoredFile, kind: str) -> bool:
        """Remove a file, unless it was written again since it was listed."""
        self._files.invalidate_cache()
        try:
            if kind == MARK and self._files.glob(self._artifact(Path(file.name).name)):
                return False
            if self._files.modified(file.path) != file.modified:
                return False
            self._files.rm_file(file.path)
        except FileNotFoundError:
            return False
        if kind == RESULT:
            self._tidy(file)
        return True

    def _artifact(self, sha256: str) -> str:
        return self._place.at(f"{sha256[:2]}/{sha256}*")

    def _tidy(self, file: StoredFile) -> None:
        """Remove the folders of kept results that are empty now; a bucket has no such."""
        with suppress(OSError):
            for folder in Path(file.path).parents[: file.name.count("/") - 1]:
                folder.rmdir()


def _kind(name: str, kept: Collection[str]) -> str | None:
    """Return what a file is, or None where it is to stay."""
    kind = next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(name)), None)
    return None if kind in (ARTIFACT, MARK) and Path(name).stem in kept else kind
