"""Where the files of an embedded model are put together."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.asset_manifest import Asset, AssetFile


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
