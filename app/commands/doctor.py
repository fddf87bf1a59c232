"""`doctor`: what is installed, reachable and missing here, and the setting that mends it."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import httpx
import typer
from rich.markup import escape

from app.errors import FAILED
from app.loop import complete
from app.output import terminal
from app.saver import checkpointer
from tools.assets import ASSETS, is_cached
from tools.errors import SetupError
from tools.experts.engines import ENGINES
from tools.place import Place
from tools.settings import Settings, settings

REACH_SECONDS = 3.0
NEEDED_GB = 4.0
"""Room for all embedded models and the wheels they come in."""


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    """What to do when it is not well and should be."""
    essential: bool = False
    """Whether nothing works without it."""


def start() -> None:
    """Print one line per check; exit 1 when something essential is missing."""
    console, found = terminal(), settings()
    broken = False
    for check in checks(found):
        mark = "[green]ok[/]" if check.ok else "[red]no[/]" if check.essential else "[yellow]--[/]"
        mend = f". {check.mend}" if check.mend and not check.ok else ""
        console.print(
            f"{mark}  {escape(check.name)}: {escape(check.found + mend)}", highlight=False, soft_wrap=True
        )
        broken = broken or (check.essential and not check.ok)
    if broken:
        raise typer.Exit(FAILED)


def checks(settings: Settings) -> Iterator[Check]:
    """Look at everything in turn."""
    yield from _folders(settings)
    if settings.database_url:
        yield _database()
    yield from _libraries()
    yield from _models()
    yield from _keys(settings)
    yield from _network(settings)


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (("DATA_DIR", settings.data_dir), ("CACHE_DIR", settings.cache_dir)):
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        variable = f"HUGGINGGPT_{name}"
        mend = f"Set {variable} to a folder that can be written"
        usable = there.is_dir() and os.access(there, os.W_OK)
        yield Check(f"folder {variable}", usable, str(folder), mend, essential=True)
    yield _space(there)
    try:
        Place(settings.artifacts_root)
    except SetupError as error:
        yield Check("store HUGGINGGPT_ARTIFACTS", False, str(error), essential=True)


def _space(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free / 1e9
    mend = f"All embedded models need {NEEDED_GB:g} GB: make room or set HUGGINGGPT_CACHE_DIR to another disk"
    return Check("disk space for models", free >= NEEDED_GB, f"{free:.1f} GB free", mend)


def _database() -> Check:
    async def opened() -> None:
        async with checkpointer():
            pass

    try:
        complete(opened())
    except SetupError as error:
        return Check("database HUGGINGGPT_DATABASE_URL", False, str(error), essential=True)
    return Check("database HUGGINGGPT_DATABASE_URL", True, "answers")


def _libraries() -> Iterator[Check]:
    for install, library in sorted({(engine.install, engine.requires) for engine in ENGINES.values()}):
        there = find_spec(library) is not None
        found = "installed" if there else "not installed"
        yield Check(f"library {library}", there, found, install)


def _models() -> Iterator[Check]:
    for name, asset in ASSETS.items():
        cached = is_cached(name)
        found = "here" if cached else f"not here yet ({asset.size / 1e6:,.0f} MB)"
        yield Check(f"model {name}", cached, found, "It is fetched when it is first needed")


def _keys(settings: Settings) -> Iterator[Check]:
    keys = (
        ("HF_TOKEN", settings.hf_token, "Needed for private models and inference providers only"),
        ("OPENAI_API_KEY", settings.openai_api_key, "Needed for `--model openai:...` only"),
        ("AZURE_OPENAI_API_KEY", settings.azure_openai_api_key, "Needed for `--model azure:...` only"),
        (
            "HUGGINGGPT_API_KEY",
            settings.api_key,
            "Needed for a server at HUGGINGGPT_BASE_URL that asks for a key only",
        ),
    )
    for name, key, mend in keys:
        there = bool(key and key.get_secret_value())
        yield Check(f"key {name}", there, "set" if there else "not set", mend)


def _network(settings: Settings) -> Iterator[Check]:
    places = (
        ("Hugging Face Hub", os.environ.get("HF_ENDPOINT") or "https://huggingface.co", "HF_ENDPOINT"),
        ("package index", settings.index_url, "HUGGINGGPT_INDEX_URL"),
    )
    for name, url, variable in places:
        there = _answers(url)
        mend = f"Connect to the network or set {variable}; models that are here work without"
        yield Check(name, there, f"{_shown(url)} {'answers' if there else 'does not answer'}", mend)


def _answers(url: str) -> bool:
    try:
        httpx.head(url, timeout=REACH_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True


def _shown(url: str) -> str:
    """Return an address without user name and password."""
    return str(httpx.URL(url).copy_with(userinfo=b"")) if "@" in url else url
