"""Downloads of large files: resumed where they were cut, verified at the end, stopped on request."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tools.errors import HuggingGPTError

Progress = Callable[[str, int, int], None]

on_progress: ContextVar[Progress | None] = ContextVar("on_progress", default=None)
"""Called with the asset's key, bytes done and bytes in total, at most ten times a second, from any thread."""

cancelled: ContextVar[threading.Event | None] = ContextVar("cancelled", default=None)
"""Set the event to end a download soon; what has come is kept, and the next call goes on from there."""

TRIES = 4
PAUSE = 0.3
"""Seconds before the first retry; they double from try to try."""
BUSY = frozenset({429, 500, 502, 503, 504})
TIMEOUT = httpx.Timeout(10, connect=5)
"""Seconds; the short connect timeout lets a machine without a Hub go on to the package index."""


class DownloadCancelledError(HuggingGPTError):
    """The download was stopped on request."""


class DownloadError(HuggingGPTError):
    """This source does not give the file."""


class UnreachableError(DownloadError):
    """No connection to the host at all."""


@dataclass
class Tracker:
    """Counts the bytes of one asset over all its downloads, reports them, and tells downloads to stop."""

    key: str
    stop: threading.Event = field(default_factory=threading.Event)
    _sizes: dict[str, int] = field(default_factory=dict)
    _done: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reported: float = 0.0

    def expect(self, sizes: Mapping[str, int]) -> None:
        """Set what there is to download: bytes by download id. Bytes of other ids no longer count."""
        with self._lock:
            self._sizes = dict(sizes)

    def moved(self, id_: str, done: int) -> None:
        """Note that `done` bytes of a download are here, and report when the last report is 0.1 s old.

        Raises:
            DownloadCancelledError: when the download shall stop.
        """
        self.check()
        with self._lock:
            self._done[id_] = done
            counted = sum(min(self._done.get(name, 0), size) for name, size in self._sizes.items())
            total, now = sum(self._sizes.values()), time.monotonic()
            if now - self._reported < 0.1 and counted < total:
                return
            self._reported = now
        if report := on_progress.get():
            report(self.key, counted, total)

    def check(self) -> None:
        """Raise `DownloadCancelledError` when the download shall stop."""
        event = cancelled.get()
        if self.stop.is_set() or (event is not None and event.is_set()):
            raise DownloadCancelledError("The download was stopped; the next one goes on from there.")


@dataclass(frozen=True)
class Download:
    """A file to fetch."""

    url: str
    target: Path
    """Where it goes once it is complete and verified; until then it is `<target>.part`."""
    size: int
    """Bytes expected. A file that is not pinned may be larger, up to ten times and one megabyte."""
    sha256: str | None
    """Digest it must have; None takes what the server has."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Extra headers; `Authorization` is not repeated when the server redirects to another host."""

    @property
    def part(self) -> Path:
        """The unfinished file."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def limit(self) -> int:
        """Bytes after which the download is given up."""
        return self.size if self.sha256 else 10 * self.size + 1_000_000


def digest(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(client: httpx.Client, download: Download, tracker: Tracker) -> None:
    """Fetch a file, going on from its part if it can; a wrong file is deleted and fetched once more.

    Args:
        client: Follows redirects.
        download: What to fetch; its target appears only when it is right.
        tracker: Hears of every chunk under the target's name.

    Raises:
        UnreachableError: when the host cannot be connected to.
        DownloadError: when the host refuses, keeps cutting, or sends other bytes than the pinned ones.
        DownloadCancelledError: when the tracker says so; the part is kept.
        OSError: when the disk does not take it.
    """
    for _ in range(2):
        _complete(client, download, tracker)
        if _right(download):
            download.part.replace(download.target)
            return tracker.moved(download.target.name, download.size)
        download.part.unlink()
    raise DownloadError(f"{host(download.url)} sends other bytes than the expected ones")


def host(url: str) -> str:
    """Return the host of an address for messages: no user, password or query."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


@contextmanager
def told_apart(url: str) -> Iterator[None]:
    """Turn failures of HTTP into `UnreachableError` and `DownloadError`, with a cause that names the host."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
        raise UnreachableError(f"{host(url)} cannot be reached") from None
    except httpx.HTTPStatusError as error:
        raise DownloadError(f"{host(url)} answers {error.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"{host(url)} breaks off ({type(error).__name__})") from None


def _complete(client: httpx.Client, download: Download, tracker: Tracker) -> None:
    """Bring the part to its full length, over several connections if need be."""
    for attempt in range(TRIES):
        tracker.check()
        with told_apart(download.url):
            try:
                return _stream(client, download, tracker)
            except (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError):
                if attempt == TRIES - 1:
                    raise
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in BUSY or attempt == TRIES - 1:
                    raise
        tracker.stop.wait(PAUSE * 2**attempt)
    return None


def _stream(client: httpx.Client, download: Download, tracker: Tracker) -> None:
    have = _usable(download)
    if have == download.size and download.sha256:
        return
    headers = {**download.headers, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", download.url, headers=headers) as response:
        if response.status_code == 416:
            download.part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("the server has no such range")
        response.raise_for_status()
        with download.part.open("ab" if response.status_code == 206 else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                tracker.moved(download.target.name, file.tell())
                if file.tell() > download.limit:
                    break
            if download.sha256 and file.tell() < download.size:
                raise httpx.RemoteProtocolError("the file ends too early")


def _right(download: Download) -> bool:
    if download.part.stat().st_size > download.limit:
        return False
    return download.sha256 is None or digest(download.part) == download.sha256


def _usable(download: Download) -> int:
    """Return how many bytes of an earlier try can be kept; a part that cannot be verified later is not."""
    have = download.part.stat().st_size if download.part.exists() else 0
    return have if download.sha256 and have <= download.size else 0
