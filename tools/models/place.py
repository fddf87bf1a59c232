"""Bringing a model's files here."""

from pathlib import Path

from tools.assets import resolve
from tools.models.model import Way
from tools.models.snapshot import fetch


def of_way(way: Way) -> Path | None:
    """Return the folder with the files of a local model, fetching them where they are not here. Blocking.

    Returns:
        None for a model without files.

    Raises:
        HuggingGPTError: They cannot be had.
    """
    if way.asset:
        return resolve(way.asset)
    return fetch(way.repo, way.revision, way.engine) if way.repo else way.folder


def of_base(way: Way) -> Path | None:
    """Return the folder of the model that a local model builds on, as `of_way`; None when it stands alone."""
    if way.base is None:
        return None
    folder = Path(way.base).expanduser()
    return folder if folder.is_absolute() else fetch(way.base, None, way.engine)
