"""Signatures that open one artifact to whoever has its link: a browser sends no headers for the pictures of a page."""

import hashlib
import hmac
import secrets
from pathlib import Path

from tools.errors import SetupError
from tools.private import locked, write
from tools.settings import settings

BYTES = 32
"""Random bytes of a secret."""


def signature(file: str) -> str:
    """Return the signature of an artifact: HMAC-SHA256 in hex.

    Args:
        file: Its digest and suffix, as they stand in its address.

    Raises:
        SetupError: The secret in the data folder cannot be read or made.
    """
    return hmac.new(_secret(), file.encode(), hashlib.sha256).hexdigest()


def is_signed(file: str, given: str) -> bool:
    """Tell whether this is the signature of an artifact; in constant time. As `signature`."""
    return hmac.compare_digest(signature(file).encode(), given.encode())


def _secret() -> bytes:
    if given := settings().link_secret:
        return given.get_secret_value().encode()
    path = settings().data_dir / "link.secret"
    try:
        secret = path.read_bytes() if path.exists() else _made(path)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be used: {error.strerror}; set HUGGINGGPT_LINK_SECRET instead."
        ) from error
    if len(secret) < BYTES:
        raise SetupError(f"{path} holds no secret that is long enough: delete it, and a new one is made.")
    return secret


def _made(path: Path) -> bytes:
    """Make a secret, unless another process just did."""
    with locked(path):
        if not path.exists():
            write(path, secrets.token_hex(BYTES).encode())
        return path.read_bytes()
