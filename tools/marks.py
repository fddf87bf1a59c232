"""Marks of owners in the artifact store: who has the bytes of an artifact."""

import hashlib

from tools.artifacts import REF, store
from tools.outputs import SCHEME


def claim(owner: str, ref: str) -> None:
    """Note that an owner has the bytes of an artifact: they gave them, or a run of theirs made them. Blocking.

    Raises:
        SetupError: The store cannot be written.
    """
    if not owns(owner, ref):
        store().place.mark(_mark(owner, ref))


def owns(owner: str, ref: str) -> bool:
    """Tell whether an owner has the bytes of an artifact. Blocking."""
    return REF.fullmatch(ref) is not None and bool(store().place.files.isfile(_mark(owner, ref)))


def _mark(owner: str, ref: str) -> str:
    sha256 = ref.removeprefix(SCHEME)[:64]
    return store().place.at(f"owners/{hashlib.sha256(owner.encode()).hexdigest()}/{sha256}")
