"""Fetching a model of the Hub into the Hugging Face cache of this machine, which other programs share."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import httpx

from tools.download import Tracker, cancelled, on_progress
from tools.errors import HuggingGPTError, ModelError, SetupError, TransientError
from tools.hf_http import within
from tools.hub import HUB_SECONDS, token, trouble
from tools.models.cached import folder_of

WEIGHTS = {"speechbrain": (".ckpt",), "skops": (".skops",)}
"""Suffixes of weights by engine; of all others, safetensors."""
SMALL = (".json", ".txt", ".model", ".jinja", ".yaml")
"""Suffixes of what belongs to the weights: configurations and tokenizers."""
NOTES = ("README", "LICENSE", "training_args", "trainer_state")
"""How names of files begin that are of no use."""
VARIANTS = (".fp16", ".bf16", ".non_ema", ".fp32", ".ema_only")
"""Marks of weights that are there in several formats."""
_expected: dict[tuple[str, str | None, str], int] = {}
"""What the Hub told of sizes in this process, by repository, commit and engine."""


def fetch(repo: str, revision: str | None, engine: str) -> Path:
    """Return the folder with a model's files, fetching what is missing. Blocking, for minutes.

    Reports to `tools.assets.on_progress`, and ends early when the event in `cancelled` is set. A fetch that was cut
    goes on where it stopped.

    Args:
        repo: Hub id.
        revision: Commit; None for the newest.
        engine: Key of `ENGINES`; it says which files are needed.

    Raises:
        ModelError: The repository has no weights that can be loaded safely, or does not exist.
        SetupError: The Hub refused the token, or there is no room on the disk.
        TransientError: The Hub cannot be reached.
        DownloadCancelledError: It was told to stop.
    """
    if folder := folder_of(repo, revision):
        return folder
    tracker = Tracker(repo)
    tracker.check()
    try:
        return _fetched(repo, revision, engine, tracker)
    except (HuggingGPTError, KeyboardInterrupt):
        raise
    except (httpx.HTTPError, OSError, ValueError) as error:
        tracker.check()
        raise _explained(error, repo) from error


def expected(repo: str, revision: str | None, engine: str) -> int | None:
    """Return how many bytes `fetch` would bring here; None when the Hub does not tell. Blocking, for seconds at most.

    Args:
        repo: Hub id.
        revision: Commit; None for the newest.
        engine: Key of `ENGINES`.
    """
    if folder_of(repo, revision):
        return 0
    key = (repo, revision, engine)
    if key not in _expected and trouble() is None:
        try:
            _, files = within(lambda: _needed(*key), HUB_SECONDS)
        except (httpx.HTTPError, OSError, ValueError):
            return None
        _expected[key] = sum(files.values())
    return _expected.get(key)


def _needed(repo: str, revision: str | None, engine: str) -> tuple[str | None, dict[str, int]]:
    """Return the commit and the files that an engine needs of it, with their sizes in bytes."""
    from huggingface_hub import HfApi

    api = HfApi(token=token())
    commit = revision or api.model_info(repo).sha
    listed = {
        file.path: file.size
        for file in api.list_repo_tree(repo, recursive=True, revision=commit)
        if hasattr(file, "size")
    }
    return commit, chosen(listed, engine)


def _fetched(repo: str, revision: str | None, engine: str, tracker: Tracker) -> Path:
    from huggingface_hub import snapshot_download

    commit, files = _needed(repo, revision, engine)
    if not any(PurePosixPath(name).suffix in WEIGHTS.get(engine, (".safetensors",)) for name in files):
        raise ModelError(f"{repo} has no weights that can be loaded safely.")
    _check_room(repo, sum(files.values()))
    tracker.expect({"files": sum(files.values())})
    folder = snapshot_download(
        repo, revision=commit, allow_patterns=list(files), token=token(), tqdm_class=_bar(tracker)
    )
    return Path(folder)


def chosen(listed: Mapping[str, int], engine: str) -> dict[str, int]:
    """Return the files of a repository that an engine needs, with their sizes in bytes.

    Args:
        listed: All its files.
        engine: Key of `ENGINES`.
    """
    is_pipeline = "model_index.json" in listed
    weights = WEIGHTS.get(engine, (".safetensors",))
    return {
        name: size
        for name, size in listed.items()
        if (_is_weight(name, weights, is_pipeline) or _is_small(name)) and not _is_spare(name, listed)
    }


def _is_weight(name: str, suffixes: tuple[str, ...], is_pipeline: bool) -> bool:
    """Tell whether a file holds weights in the layout that is loaded.

    Repositories of diffusers often hold the same weights again as one file beside the folders, others have
    conversions in folders.
    """
    path = PurePosixPath(name)
    nested = len(path.parts) > 1
    in_place = nested if is_pipeline else not nested or path.parts[0][:1].isdigit()
    return path.suffix in suffixes and in_place and not path.name.startswith("consolidated")


def _is_small(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix in SMALL and not path.name.startswith(NOTES) and len(path.parts) <= 2


def _is_spare(name: str, listed: Mapping[str, int]) -> bool:
    """Tell whether the same weights are there without the mark of a variant."""
    return any(mark in name and name.replace(mark, "") in listed for mark in VARIANTS)


def _check_room(repo: str, size: int) -> None:
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE)
    there = next(path for path in (root, *root.parents) if path.exists())
    if (free := shutil.disk_usage(there).free) < size:
        raise SetupError(
            f"{repo} needs {size / 1e9:.1f} GB, but {root} has {free / 1e9:.1f} GB free: make room, or set HF_HOME to "
            "another disk."
        )


def _bar(tracker: Tracker) -> type[Any]:
    """Return a progress bar that shows nothing and tells a tracker of the bytes written."""
    from tqdm import tqdm

    # The library's threads have no part in this context.
    report, stop = on_progress.get(), cancelled.get()

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, name: str = "", **kwargs: Any) -> None:
            self.counts = kwargs.get("unit") == "B" and not name.endswith("transfer")
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.counts:
                on_progress.set(report)
                cancelled.set(stop)
                tracker.moved("files", int(self.n))

    return Bar


def _explained(error: Exception, repo: str) -> HuggingGPTError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return SetupError(
            f"The Hub does not give the files of {repo}: accept the terms on its page, then set HF_TOKEN."
        )
    if status in (404, 410):
        return ModelError(f"The Hub has no {repo}, or not at this revision.")
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return SetupError(
            f"{repo} cannot be kept: {error.strerror}; set HF_HOME to a folder that can be written."
        )
    return TransientError(f"The files of {repo} could not be fetched from the Hub; check the network.")
