"""Writes docs/tasks.md from the tables, and the drawing of the graph into README.md: `python -m app.docs`."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.drawing import with_drawing
from graph.agent import graph
from tools.assets import ASSETS
from tools.experts.engine import Engine
from tools.experts.engines import CHAT_TASKS, ENGINES
from tools.experts.provider_tasks import ADAPTERS
from tools.tasks import TASKS, Slot, TaskRow

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "tasks.md"
README = ROOT / "README.md"
HEAD = """\
# Tasks

<!-- Written by `python -m app.docs` from the tables in tools/; do not edit. -->

Every task type with its inputs (*optional* ones in italics; text unless it says otherwise), the engines that run it on
this machine, the method of `huggingface_hub.InferenceClient` that runs it at inference providers, and the extra that an
engine needs beyond a plain install, as in `pip install "hugginggpt[diffusion]"`. The model in brackets is the embedded
one; engines without brackets run models of the Hub and your own.
"""
ENGINE_HEAD = """\
## Engines

Which models an engine loads is told from the library that the Hub names for them. `chat` is whatever chat model the run
has, `llama` the embedded one; `provider` asks inference providers, `endpoint` a server of your own.
"""


def page() -> str:
    """Return the page as Markdown."""
    tasks = _table(
        ("Task", "Inputs", "Makes", "Engines", "Inference client", "Extra"), map(_task, TASKS.values())
    )
    engines = _table(
        ("Engine", "Library", "Extra", "Models of"), (_engine(*item) for item in ENGINES.items())
    )
    return "\n".join((HEAD, *tasks, "", ENGINE_HEAD, *engines, ""))


def readme() -> str:
    """Return README.md with the graph drawn as it is."""
    return with_drawing(README.read_text("utf-8"), graph.get_graph())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def _task(row: TaskRow) -> tuple[str, ...]:
    engines = _engines(row.name)
    methods = dict.fromkeys(one.method for one in ADAPTERS.get(row.name, ()))
    return (
        row.name,
        ", ".join(map(_slot, row.slots)),
        ", ".join(row.makes),
        ", ".join(f"{key} ({model})" if model else key for key, model in engines) or "-",
        ", ".join(f"`{method}`" for method in methods) or "-",
        ", ".join(_extras(key for key, _ in engines)) or "-",
    )


def _extras(engines: Iterable[str]) -> Iterator[str]:
    """Yield each extra with the engines that need it."""
    needed: dict[str, list[str]] = {}
    for key in engines:
        if extra := _extra(ENGINES[key]):
            needed.setdefault(extra, []).append(key)
    yield from (f"`{extra}` for {' and '.join(keys)}" for extra, keys in needed.items())


def _slot(slot: Slot) -> str:
    name = slot.name if slot.required else f"*{slot.name}*"
    return name if slot.media in ("text", slot.name) else f"{name} ({slot.media})"


def _engines(task: str) -> list[tuple[str, str]]:
    """Return the engines that do a task on this machine, with the embedded model where there is one."""
    embedded = [(asset.engine, asset.model) for asset in ASSETS.values() if task in asset.tasks]
    chat = [("chat", "")] if task in CHAT_TASKS else []
    return [*embedded, *chat, *((key, "") for key, engine in ENGINES.items() if task in engine.tasks)]


def _engine(key: str, engine: Engine) -> tuple[str, ...]:
    extra = _extra(engine)
    return key, engine.requires, f"`{extra}`" if extra else "-", ", ".join(engine.libraries) or "-"


def _extra(engine: Engine) -> str:
    """Return the extra that installs an engine's library; empty for libraries that are always installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    always = {re.split(r"[^\w.-]", line)[0] for line in project["dependencies"]}
    return "" if engine.requires.replace("_", "-") in always else engine.extra


if __name__ == "__main__":
    for path, text in ((PAGE, page()), (README, readme())):
        path.write_text(text, "utf-8")
        print(f"{path} is written.")
