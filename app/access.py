"""Who may use the server: whoever has a key; while there is none, programs on the server's own machine.

Without keys nothing but the way a request came tells who sent it. Both ends of its connection must be loopback
addresses, which the operating system vouches for. A proxy's connection is loopback too, so nothing may show that one
passed the request on. A web page that somebody visits can make the browser send requests from this machine: the
`Origin` must be one that is allowed, and the `Host` must be this machine's, which it is not when a page has let a name
of its own point here (DNS rebinding).
"""

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.authentication import BaseUser
from starlette.datastructures import Headers, QueryParams

from tools.keys import Key, keys, owner_of
from tools.links import ROUTE
from tools.settings import settings
from tools.signatures import is_signed

NOBODY = ""
"""The owner of requests while there are no keys: nothing is kept apart."""
OPEN = frozenset({"/", "/ok", "/health", "/docs", "/openapi.json"})
"""Paths for everybody: whether the server runs, and its description."""
ARTIFACT = re.compile(rf"/{ROUTE}/(?P<file>[^/]+)(/[^/]*)?")
"""Path of an artifact; its link may be signed."""
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""What proxies say about the request that they pass on."""
ADD_A_KEY = "Make a key on the server with `hugginggpt keys add OWNER`, and send it as `x-api-key`."


class RefusedError(Exception):
    """The request is not answered.

    Args:
        status: HTTP status.
        reason: One sentence for whoever sent it.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Requester(BaseUser):
    """Who sent a request, as routes find it in `request.user`.

    Args:
        owner: Their name; `NOBODY` while there are no keys.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    @property
    def identity(self) -> str:
        """Their name."""
        return self._owner

    @property
    def display_name(self) -> str:
        """Their name."""
        return self._owner

    @property
    def is_authenticated(self) -> bool:
        """Whether they sent a key."""
        return self._owner != NOBODY


def requester(scope: Mapping[str, Any]) -> str:
    """Return the owner who sent a request.

    Reads the file of keys: run it in a thread when on an event loop.

    Args:
        scope: The connection as ASGI tells it: addresses and headers.

    Returns:
        The owner of the key; `NOBODY` while there are no keys and the request comes from this machine, and for what is
        open to whoever has its address.

    Raises:
        RefusedError: The key is missing or unknown, or the request needs one.
        SetupError: The keys cannot be read.
    """
    if scope["path"] in OPEN or _is_signed_link(scope):
        return NOBODY
    headers = Headers(raw=scope["headers"])
    if known := keys():
        return _owner(headers, known)
    if reason := _from_elsewhere(scope, headers) or _from_a_page(headers):
        raise RefusedError(403, reason)
    return NOBODY


def _is_signed_link(scope: Mapping[str, Any]) -> bool:
    found = ARTIFACT.fullmatch(scope["path"])
    given = QueryParams(scope["query_string"]).get("signature")
    reads = scope.get("method") in ("GET", "HEAD")
    return bool(found and given and reads and is_signed(found["file"], given))


def _owner(headers: Headers, known: tuple[Key, ...]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if owner := owner_of(given, known):
        return owner
    fault = "The API key is unknown" if given else "An API key is missing"
    raise RefusedError(401, f"{fault}: send one as `x-api-key: KEY` or `Authorization: Bearer KEY`.")


def _from_elsewhere(scope: Mapping[str, Any], headers: Headers) -> str | None:
    """Say why a request may not come from this machine."""
    ends = scope.get("server"), scope.get("client")
    if not all(end and _is_loopback(end[0]) for end in ends):
        return f"Without a key this server answers its own machine only. {ADD_A_KEY}"
    # No client of today speaks HTTP/1.0, but nginx does as it comes, and says nothing else of itself.
    if scope.get("http_version") == "1.0" or any(name in headers for name in FORWARDED):
        return f"Without a key this server answers no proxy. {ADD_A_KEY}"
    if not _is_here(headers.get("host", "")):
        return f"Without a key this server answers to the name localhost only. {ADD_A_KEY}"
    return None


def _from_a_page(headers: Headers) -> str | None:
    """Say why a web page may not send requests."""
    origin = headers.get("origin")
    if origin is None or _is_here(origin.partition("://")[2]) or origin.lower() in settings().allowed_origins:
        return None
    return (
        f"Pages of this origin may not use a server without a key: name it in HUGGINGGPT_ORIGINS. {ADD_A_KEY}"
    )


def _is_here(netloc: str) -> bool:
    """Tell whether a host, with its port or without, is a name of this machine that nobody else can give."""
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
