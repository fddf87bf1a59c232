"""The user's own models: `models.toml` in the data folder, edited by hand or with `hugginggpt models add`.

[[models]]
id = "birds"                          # any name; a Hub id when neither `folder` nor `url` is there
folder = "/models/birds"              # or url = "https://...", or neither
tasks = ["image-classification"]      # may be left out where the files tell
about = "Tells 200 kinds of birds."   # what it is good at: models are chosen by it
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools import hub
from tools.errors import InputError, SetupError
from tools.fetch import SCHEMES
from tools.models.cached import folder_of
from tools.models.folders import inspect
from tools.settings import settings
from tools.tasks import TASKS, find

ABOUT = "The user's own model."


class Entry(BaseModel):
    """One model of the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, pattern=r"^[^\s:@]+$")
    """Its name; the Hub's id when there is neither folder nor address."""
    tasks: tuple[str, ...] = ()
    """Names of task rows; empty for what the files tell."""
    folder: Path | None = None
    url: str | None = None
    base: str | None = None
    """Hub id or folder of the model it builds on."""
    about: str = ABOUT
    license: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.folder and self.url:
            raise ValueError(f"model {self.id!r} has both a folder and an address")
        if unknown := [name for name in self.tasks if name not in TASKS]:
            raise ValueError(f"model {self.id!r}: there is no task type {unknown[0]!r}")
        if self.url and not self.tasks:
            raise ValueError(f"model {self.id!r} is an address: say for which tasks")
        return self


class _File(BaseModel):
    """The whole registry."""

    model_config = ConfigDict(extra="forbid")

    models: tuple[Entry, ...] = ()


def entries() -> tuple[Entry, ...]:
    """Return the registered models. Blocking.

    Raises:
        SetupError: The file cannot be read, or says something that is not valid.
    """
    path = settings().models_file
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).models
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise SetupError(f"{path} cannot be used: {_first(error)}; mend it.") from None
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} cannot be read: {error}; mend it.") from error


def tasks_of(entry: Entry) -> tuple[str, ...]:
    """Return the tasks a registered model is for: as the user says, else as its files or the Hub tell. Blocking."""
    if entry.tasks or entry.url:
        return entry.tasks
    folder = entry.folder or folder_of(entry.id)
    if kind := inspect(folder) if folder else None:
        return kind.tasks
    online = hub.known(entry.id)
    return (online.pipeline_tag,) if online and online.pipeline_tag in TASKS else ()


def add(what: str, tasks: Sequence[str], details: Mapping[str, str] = MappingProxyType({})) -> Entry:
    """Register a model; one of the same name is replaced. Blocking.

    Args:
        what: Hub id, folder, or address of an endpoint.
        tasks: Task types by name or alias; may be empty where the files tell.
        details: `name`, what to call it (by default the Hub id, the folder's name, or the address's host); `base`, Hub
            id or folder of the model it builds on; `about`, what it is good at.

    Raises:
        InputError: There is no such folder, it holds no model, or a task is unknown.
        SetupError: The registry cannot be read or written.
    """
    entry = _entry(what, tasks, dict(details))
    with _edited() as tables:
        _drop(tables, entry.id)
        tables.append(tomlkit.item(entry.model_dump(mode="json", exclude_defaults=True)))
    return entry


def remove(name: str) -> None:
    """Take a model out of the registry; its files stay. Blocking.

    Raises:
        InputError: There is none of that name.
        SetupError: The registry cannot be read or written.
    """
    if name not in [entry.id for entry in entries()]:
        raise InputError(f"There is no model {name!r} in {settings().models_file}.")
    with _edited() as tables:
        _drop(tables, name)


def _drop(tables: Any, name: str) -> None:
    for number in [number for number, table in enumerate(tables) if table.get("id") == name]:
        del tables[number]


def _entry(what: str, tasks: Sequence[str], details: dict[str, str]) -> Entry:
    rows = [(task, find(task)) for task in tasks]
    if unknown := [task for task, row in rows if row is None]:
        raise InputError(f"There is no task {unknown[0]!r}; `hugginggpt tasks` lists them.")
    names = [row.name for _, row in rows if row]
    try:
        return Entry(**{**_place(what, details.pop("name", None)), **details, "tasks": names})
    except ValidationError as error:
        raise InputError(f"This model cannot be added: {_first(error)}.") from None


def _place(what: str, name: str | None) -> dict[str, Any]:
    """Return name and place of what a user typed: an address, a folder, or else a Hub id."""
    if (address := urlsplit(what)).scheme in SCHEMES:
        return {"id": name or str(address.hostname), "url": what}
    folder = Path(what).expanduser()
    if folder.is_dir():
        if inspect(folder) is None:
            raise InputError(
                f"{what} holds no model that can be loaded: safetensors or skops files are needed."
            )
        return {"id": name or folder.resolve().name, "folder": folder.resolve()}
    if what.count("/") != 1 or what.startswith((".", "~", "/")):
        raise InputError(f"{what} is no folder here, and no Hub id, which is OWNER/NAME.")
    return {"id": what}


@contextmanager
def _edited() -> Iterator[Any]:
    """Give the file's tables to be changed and write them back, with the comments of what stays."""
    entries()
    path = settings().models_file
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    yield document.setdefault("models", tomlkit.aot())
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(tomlkit.dumps(document), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}; HUGGINGGPT_DATA_DIR moves it."
        ) from error


def _first(error: ValidationError) -> str:
    return str(error.errors(include_input=False)[0]["msg"]).removeprefix("Value error, ")
