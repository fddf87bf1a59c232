"""What many runs in one process leave behind: `python -m benchmarks.leaks` runs 500 plans and counts.

Also the size of the checkpoints of a plan of ten media tasks. Needs Linux.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.runs import config_of, new_thread, opened
from benchmarks.stubs import expected, random_plan, request_of, stubbed, texts_of
from graph import board
from graph.agent import Agent
from graph.context import Context
from graph.state import State
from graph.types import Input, Plan, Task
from tools.artifacts import store
from tools.models import Model, Way
from tools.outputs import Output
from tools.settings import settings

RUNS = 500
CONTEXT = Context(model="embedded", planner="retrieval")


def held(folder: Path) -> dict[str, int]:
    """Return what this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "processes": sum(
            len(path.read_text().split()) for path in Path("/proc/self/task").glob("*/children")
        ),
        "futures": len(asyncio.all_tasks()) - 1,
        "boards": len(board._boards),
        "temporary": sum(1 for part in ("locks", "artifacts/partial") for _ in (folder / part).glob("*")),
    }


async def many(agent: Agent, runs: int, folder: Path) -> dict[str, Any]:
    """Run random plans one after the other; return what was held after a tenth of them and at the end."""
    rng = random.Random(4)
    for number in range(runs):
        planned = random_plan(rng, 0.001)
        values = await agent.ainvoke(request_of(planned), config_of(new_thread()), context=CONTEXT)
        if texts_of(State(**values)) != expected(planned):
            raise ValueError("a result is wrong")
        if number == runs // 10:
            before = held(folder)
    return {"runs": runs, "before": before, "after": held(folder)}


def media_plan(file: str) -> Plan:
    """Return ten tasks that turn one picture into the next."""
    tasks = []
    for number in range(10):
        given = Input(slot="image", source=str(number - 1)) if number else Input(slot="image", value=file)
        tasks.append(Task(id=str(number), name="image-to-image", inputs=(given,)))
    return Plan(tasks=tuple(tasks))


async def media(task: str, model: Model, inputs: Mapping[str, str], **_: Any) -> Output:
    """Stand for an expert that makes a picture of a megabyte."""
    data = b"\x89PNG\r\n\x1a\n" + os.urandom(1 << 20)
    made = await asyncio.to_thread(store().put_bytes, data, "picture.png")
    return Output(text="A picture.", files=(made,))


async def checkpoint_kilobytes(folder: Path) -> float:
    """Return the size of the SQLite file after one run of the media plan."""
    stub = Model(
        id="stub:edits",
        tasks=("image-to-image",),
        about="Edits.",
        source="chat",
        ways=(Way(engine="chat"),),
    )
    file = store().put_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 1000, "picture.png")
    async with opened() as agent:
        with (
            patch("tools.hf_tools.run", media),
            patch("tools.hf_tools.find", lambda *_: stub),
            patch("graph.select.shortlist", lambda *_: [stub]),
        ):
            values = await agent.ainvoke(
                request_of(media_plan(file.ref)), config_of(new_thread()), context=CONTEXT
            )
    if [result.status for result in State(**values).results.values()] != ["ok"] * 10:
        raise ValueError("a task has failed")
    return await asyncio.to_thread(kilobytes_in, folder)


def kilobytes_in(folder: Path) -> float:
    """Return the size of the SQLite file and its log."""
    return sum(path.stat().st_size for path in folder.glob("checkpoints.sqlite*")) / 1000


async def measure(runs: int, folder: Path) -> dict[str, Any]:
    """Return what `--json` prints."""
    with stubbed():
        kilobytes = await checkpoint_kilobytes(folder)
        async with opened() as agent:
            return {**await many(agent, runs, folder), "checkpoint_kilobytes": kilobytes}


def main() -> None:
    """Measure in a folder of this run's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="runs (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HUGGINGGPT_DATA_DIR=folder, LANGSMITH_TRACING="false")
        settings.cache_clear()
        store.cache_clear()
        found = asyncio.run(measure(options.runs, Path(folder)))
    json.dump(found, sys.stdout, indent=None if options.json else 2)
    print()


if __name__ == "__main__":
    main()
