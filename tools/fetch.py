"""Fetching an address the user named, without becoming a way into the network this runs in."""

import asyncio
import ipaddress
import re
import socket
from pathlib import Path, PurePosixPath

import httpx

from tools.errors import InputError
from tools.settings import settings

SCHEMES = ("http", "https")
REDIRECTS = 5
NAT64 = ipaddress.ip_network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_url(source: str) -> bool:
    """Tell whether a source is an address, of whatever scheme, rather than a path."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source) is not None


async def fetch(url: str, folder: Path, seconds: float = 120.0) -> Path:
    """Fetch an http(s) address into a folder.

    Every hop is resolved here, checked, and then connected to by the address that was checked, so a name that
    resolves differently a moment later gains nothing.

    Args:
        url: The address. User name and password in it are sent to its host only.
        folder: Where the file goes; exists.
        seconds: Limit for everything together.

    Returns:
        The file, named after the address.

    Raises:
        InputError: The address is not allowed, cannot be read, takes too long or is larger than
            `Settings.max_file_mb`.
    """
    try:
        target = httpx.URL(url)
        async with asyncio.timeout(seconds), await asyncio.to_thread(_client) as client:
            return await _follow(client, target, folder / _name(target))
    except httpx.InvalidURL:
        # What could not be told apart may hold the password, so nothing of it is repeated.
        raise InputError("The address is not a valid URL: check its host and port.") from None
    except TimeoutError:
        raise InputError(f"{public(target)} cannot be read: it took more than {seconds:g} s.") from None
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{public(target)} cannot be read: {reason}.") from None


def public(url: httpx.URL) -> str:
    """Return an address for messages: without user name, password and query, which may be secret."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _client() -> httpx.AsyncClient:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "hugginggpt"}
    return httpx.AsyncClient(headers=headers, timeout=30.0)


def _name(url: httpx.URL) -> str:
    name = PurePosixPath(url.path).name.replace("\x00", "") or url.host or "file"
    return name.encode()[-200:].decode(errors="ignore")


async def _follow(client: httpx.AsyncClient, url: httpx.URL, file: Path) -> Path:
    for _ in range(REDIRECTS + 1):
        response = await _open(client, url)
        try:
            if response.has_redirect_location:
                url = url.join(response.headers["Location"])
                continue
            if response.is_error:
                answer = f"{response.status_code} {response.reason_phrase}".strip()
                raise InputError(f"{public(url)} cannot be read: the server answered {answer}.")
            return await _save(response, url, file)
        finally:
            await response.aclose()
    raise InputError(f"{public(url)} cannot be read: more than {REDIRECTS} redirects.")


async def _open(client: httpx.AsyncClient, url: httpx.URL) -> httpx.Response:
    """Connect to one of the address's checked IP addresses and return the response with its body unread."""
    addresses = await _resolve(url)
    for left, address in enumerate(addresses, 1 - len(addresses)):
        request = client.build_request(
            "GET",
            url.copy_with(host=str(address), userinfo=b"", fragment=None),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            login = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
            return await client.send(request, auth=login, stream=True)
        except httpx.ConnectError:
            if not left:
                raise
    raise InputError(f"{public(url)} cannot be read: its host has no address.")


async def _resolve(url: httpx.URL) -> list[IPAddress]:
    """Return the IP addresses of a host.

    Raises:
        InputError: There are none, or one of them is not allowed.
    """
    if url.scheme not in SCHEMES:
        raise InputError(f"{public(url)} cannot be read: only http and https addresses are.")
    if not url.host or (url.port or 0) > 65_535:
        raise httpx.InvalidURL("host or port")
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.raw_host.decode("ascii"), None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise InputError(f"{public(url)} cannot be read: there is no host {url.host}.") from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not settings().allow_private_urls and not all(map(is_public, addresses)):
        raise InputError(
            f"{public(url)} is not read: {url.host} is an address of this machine or a private network; "
            "set HUGGINGGPT_ALLOW_PRIVATE_URLS=1 to allow those."
        )
    return list(dict.fromkeys(addresses))


def is_public(address: IPAddress) -> bool:
    """Tell whether an address belongs to the public internet, as does any IPv4 address it carries inside."""
    inner: IPAddress | None = None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _save(response: httpx.Response, url: httpx.URL, file: Path) -> Path:
    limit = settings().max_file_mb * 10**6
    declared = response.headers.get("Content-Length", "")
    size = int(declared) if declared.isdecimal() and int(declared) > limit else 0
    with await asyncio.to_thread(file.open, "wb") as target:
        chunks = response.aiter_bytes()
        while size <= limit and (chunk := await anext(chunks, None)) is not None:
            size += len(chunk)
            await asyncio.to_thread(target.write, chunk)
    if size > limit:
        megabytes = f"{limit // 10**6} MB"
        raise InputError(f"{public(url)} is larger than {megabytes}; HUGGINGGPT_MAX_FILE_MB sets the limit.")
    return file
