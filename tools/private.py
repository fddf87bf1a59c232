"""Small files that only their owner may read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tools.errors import SetupError

LOCK_SECONDS = 10.0
"""How long to wait for another process that writes such a file."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing a file; its folder is made.

    Raises:
        SetupError: One of them does not let go.
        OSError: The folder cannot be written.
    """
    lock = path.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise SetupError(f"Another program holds {lock}: end it and try again.") from None


def write(path: Path, data: bytes) -> None:
    """Write a file with mode 0600 at once: readers see the old bytes or all of the new ones.

    Args:
        path: Where; its folder is there.
        data: Its bytes.

    Raises:
        OSError: It cannot be written.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(data)
            file.flush()
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
