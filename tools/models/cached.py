"""Models in the Hugging Face cache of this machine, whichever program put them there."""

import json
from pathlib import Path

from tools.models.folders import WEIGHTS, Found, inspect


def folder_of(repo: str, revision: str | None = None) -> Path | None:
    """Return the folder with a repository's files, or None when its weights are not here. Blocking.

    Args:
        repo: Hub id.
        revision: Commit; None for the one that the cache has as `main`.
    """
    root = _root() / f"models--{repo.replace('/', '--')}"
    commit = revision or _main(root)
    folder = root / "snapshots" / commit if commit else None
    return folder if folder and _complete(folder) else None


def cached_models() -> dict[str, tuple[Path, Found]]:
    """Return folder and kind of every model in the cache that an engine here could load, by Hub id. Blocking."""
    found: dict[str, tuple[Path, Found]] = {}
    for root in sorted(_root().glob("models--*")):
        repo = root.name.removeprefix("models--").replace("--", "/")
        if (folder := folder_of(repo)) and (kind := inspect(folder)):
            found[repo] = (folder, kind)
    return found


def _root() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _main(root: Path) -> str | None:
    try:
        return (root / "refs" / "main").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _complete(folder: Path) -> bool:
    """Tell whether nothing is missing: every shard that an index names is there."""
    if not folder.is_dir():
        return False
    for index in folder.rglob("*.safetensors.index.json"):
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return False
        if not all((index.parent / str(shard)).is_file() for shard in shards):
            return False
    return any(file.suffix in WEIGHTS for file in folder.rglob("*"))
