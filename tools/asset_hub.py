"""The files of an embedded model from the Hub."""

import os
import shutil
from pathlib import Path

import httpx

from tools.asset_manifest import Asset, AssetFile
from tools.asset_stage import Stage
from tools.download import TIMEOUT, Download, Tracker, UnreachableError, digest, fetch, host
from tools.settings import settings

_no_hub: set[str] = set()


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
