"""API keys of the server. Only hashes are kept, in `keys.json` in the data folder and in `HUGGINGGPT_KEYS`.

A key is 256 random bits, so one round of SHA-256 is enough: nothing can be guessed that salt or a slow hash would
protect, and the hash is taken on every request.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tools.errors import InputError, SetupError
from tools.private import locked, write
from tools.settings import settings

BEGINNING = "hgpt_"
SHOWN = len(BEGINNING) + 6
"""Characters of a key that are kept to tell keys apart; more than 200 random bits stay unknown."""
OWNER = r"^[A-Za-z0-9_-]{1,64}$"
"""An owner's name: it is a label in the server's store, where no dots may be."""


class Key(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str = Field(pattern=OWNER)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    prefix: str = ""
    """How the key begins; unknown for one of the environment."""
    created: datetime | None = None


class NewKey(NamedTuple):
    """A key that was just made; the only time that it is known here."""

    text: str
    kept: Key


_FILE = TypeAdapter(tuple[Key, ...])


def keys() -> tuple[Key, ...]:
    """Return all keys, read anew: one that was removed opens nothing from then on.

    Raises:
        SetupError: The file or the variable cannot be read. Nobody gets in then.
    """
    return (*_from_environment(), *_from_file())


def owner_of(text: str, among: tuple[Key, ...]) -> str | None:
    """Return whose key this is.

    All hashes are compared, each in constant time, so that the time taken tells nothing about them.
    """
    digest, owner = _digest(text), None
    for key in among:
        if hmac.compare_digest(key.sha256, digest):
            owner = key.owner
    return owner


def add(owner: str) -> NewKey:
    """Make a key and keep its hash.

    Raises:
        InputError: The owner's name has characters that are not allowed.
        SetupError: The file cannot be read or written.
    """
    if not re.fullmatch(OWNER, owner):
        raise InputError(
            f"{owner!r} cannot be an owner: take up to 64 of the characters A-Z a-z 0-9 _ and -."
        )
    text = BEGINNING + secrets.token_urlsafe(32)
    key = Key(owner=owner, sha256=_digest(text), prefix=text[:SHOWN], created=datetime.now(UTC))
    _change(lambda kept: (*kept, key))
    return NewKey(text, key)


def remove(which: str) -> tuple[Key, ...]:
    """Remove keys from the file.

    Args:
        which: An owner, for all keys of theirs; a key, or its beginning as `keys` tells it, for that one.

    Returns:
        What was removed.

    Raises:
        InputError: There is no such key in the file.
        SetupError: The file cannot be read or written.
    """
    gone: tuple[Key, ...] = ()

    def without(kept: tuple[Key, ...]) -> tuple[Key, ...]:
        nonlocal gone
        gone = tuple(key for key in kept if _is(key, which))
        if not gone:
            raise InputError(
                f"{_path()} holds no key of that owner or with that beginning.{_elsewhere(which)}"
            )
        return tuple(key for key in kept if key not in gone)

    _change(without)
    return gone


def _is(key: Key, which: str) -> bool:
    return which in (key.owner, key.prefix) or key.sha256 == _digest(which)


def _elsewhere(which: str) -> str:
    found = any(key.owner == which for key in _from_environment())
    return " Take it out of HUGGINGGPT_KEYS and start the server again." if found else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _path() -> Path:
    return settings().data_dir / "keys.json"


def _from_file() -> tuple[Key, ...]:
    try:
        return _FILE.validate_json(_path().read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SetupError(f"The API keys in {_path()} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise SetupError(
            f"{_path()} holds no API keys that can be read ({error.error_count()} errors): delete it and add keys anew."
        ) from None


def _from_environment() -> tuple[Key, ...]:
    pairs = [pair.strip().partition(":") for pair in settings().keys.split(",") if pair.strip()]
    try:
        return tuple(Key(owner=owner, sha256=digest) for owner, _, digest in pairs)
    except ValidationError:
        raise SetupError(
            "HUGGINGGPT_KEYS is no list of OWNER:SHA256 separated by commas, as `hugginggpt keys add` prints them."
        ) from None


def _change(change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
    """Write the file anew; one process at a time, and whoever reads it meanwhile gets the old or the new one."""
    path = _path()
    try:
        with locked(path):
            write(path, _FILE.dump_json(change(_from_file()), indent=1))
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}; set HUGGINGGPT_DATA_DIR to another place."
        ) from error
