"""Addresses at which a browser opens artifacts."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import quote

from tools.artifacts import REF, plain_name
from tools.keys import keys
from tools.outputs import SCHEME, Artifact
from tools.settings import settings
from tools.signatures import signature
from tools.sniff import KINDS, named

ROUTE = "artifacts"
"""Path of the route that serves artifacts, without slashes."""


def link(artifact: Artifact, base: str | None = None) -> str | None:
    """Return the address at which a browser opens an artifact; on a server with keys it is signed.

    Call it in a thread when on an event loop.

    Args:
        artifact: The artifact.
        base: Address of the server when `HUGGINGGPT_PUBLIC_URL` does not say it.

    Returns:
        An absolute address, or None when nobody says where the server is reached.

    Raises:
        SetupError: The keys, or the secret that signs, cannot be read.
    """
    root = settings().public_url or base
    if not root:
        return None
    file = artifact.ref.removeprefix(SCHEME)
    signed = f"?signature={signature(file)}" if keys() else ""
    return f"{root.rstrip('/')}/{ROUTE}/{file}/{quote(file_name(artifact.name, file), safe='')}{signed}"


def markdown(artifacts: Iterable[Artifact], base: str | None = None) -> str:
    """Return Markdown that shows pictures and links other artifacts, a line each; empty without an address.

    Blocking, as `link`.
    """
    lines = []
    for artifact in artifacts:
        if address := link(artifact, base):
            name = re.sub(r"([!-+/:-@\[-`{-~])", r"\\\1", artifact.name)
            lines.append(f"{'!' if artifact.media == 'image' else ''}[{name}]({address})")
    return "\n\n".join(lines)


def file_name(name: str, file: str) -> str:
    """Return the name under which an artifact is shown and saved.

    Args:
        name: What it is called, by whoever; may be empty.
        file: Its digest and suffix.

    Returns:
        A plain name whose suffix tells the kind that the bytes have: what is stored
        as text never becomes `page.html` on somebody's disk.
    """
    suffix = PurePosixPath(file).suffix
    base = plain_name(name)
    return base if named(base) == KINDS.get(suffix, ()) else f"{base}{suffix}"


def ref_of(file: str) -> str | None:
    """Return the reference of an artifact by its digest and suffix, as they stand in its address; None for others."""
    ref = f"{SCHEME}{file}"
    return ref if REF.fullmatch(ref) else None


def ref_at(url: str, base: str | None = None) -> str | None:
    """Return the reference of the artifact that one of our links opens, or None for any other address; as `link`."""
    root = settings().public_url or base
    start = f"{root.rstrip('/')}/{ROUTE}/" if root else None
    return ref_of(re.split(r"[/?#]", url.removeprefix(start))[0]) if start and url.startswith(start) else None
