"""Small files that only their owner may read."""

import tempfile
from pathlib import Path

LOCK_SECONDS = 10.0
"""How long to wait for another process that writes such a file."""


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
