"""What survives when the process of a run is ended: `python -m benchmarks.resume --kills 100`.

Random plans run with the real agent, stubbed edges (`benchmarks.stubs`) and the command line's SQLite file, each in a
process of its own. That process is killed at a random moment and the run gone on with in a new one, again and again
until a process reaches the end. Then every result is compared with what it must be, and the log that the experts
wrote tells which task ran again although it had finished.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.runs import config_of, opened, unfinished
from benchmarks.stubs import critical_path, expected, random_plan, request_of, stubbed, texts_of
from graph.context import Context
from graph.state import State
from graph.types import Plan
from tools.errors import SetupError
from tools.experts import workers
from tools.settings import settings

MEDIAN = 0.05
"""Seconds that the median task takes."""
THREAD = "run"
UNUSABLE = 3
"""Exit code of a process whose disk or checkpoints could not be used."""
MAX_ATTEMPTS: int = Context.model_fields["max_attempts"].default
SECONDS = 60
"""A process that takes longer hangs."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["benchmarks.stubs", "app.runs"])


@dataclass
class Tally:
    """What was counted over all plans."""

    kills: int = 0
    tasks: int = 0
    lost: int = 0
    """Tasks without a result at the end."""
    wrong: int = 0
    """Tasks with another result than they must have."""
    rerun_finished: int = 0
    """Expert calls for tasks whose expert had delivered before."""


@dataclass
class Trial:
    """One plan in a folder of its own, and the processes that run it."""

    planned: Plan
    folder: Path
    limit: int | None = None
    """Bytes that a file of the next process may have; stands for a disk that is full."""
    in_workers: bool = False
    """Whether the experts work in worker processes, as local models do."""

    def start(self) -> Any:
        """Start a process that begins the run or goes on with it."""
        arguments = (self.planned.model_dump_json(), str(self.folder), self.limit, self.in_workers)
        process = FORKS.Process(target=child, args=arguments)
        process.start()
        return process

    def finish(self) -> None:
        """Let one more process reach the end."""
        self.limit = None
        process = self.start()
        process.join(SECONDS)
        if process.exitcode != 0:
            process.kill()
            raise RuntimeError(f"A run could not be gone on with: exit code {process.exitcode}.")

    def count(self, tally: Tally) -> None:
        """Compare what the run came to with what it must."""
        found = json.loads((self.folder / "results.json").read_text())
        right = expected(self.planned)
        tally.tasks += len(right)
        tally.lost += sum(id_ not in found for id_ in right)
        tally.wrong += sum(id_ in found and found[id_] != text for id_, text in right.items())
        tally.rerun_finished += self.reruns()

    def reruns(self) -> int:
        """Return how many calls of experts began after an earlier one for the same task had delivered."""
        ended: Counter[str] = Counter()
        again = 0
        for line in (self.folder / "log").read_text().splitlines():
            what, id_ = line.split()
            again += what == "start" and ended[id_] > 0
            ended[id_] += what == "end"
        return again


def child(plan_json: str, folder: str, limit: int | None, in_workers: bool) -> None:
    """Begin a run or go on with it, to its end; runs in a process of its own."""
    # As the command line does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ.update(HUGGINGGPT_DATA_DIR=folder, LANGSMITH_TRACING="false")
    settings.cache_clear()
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    log = os.open(Path(folder) / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(what: str) -> Callable[[str], object]:
        return lambda id_: os.write(log, f"{what} {id_}\n".encode())

    try:
        with stubbed(write("start"), write("end"), sleep_in_worker if in_workers else asyncio.sleep):
            found = asyncio.run(run(Plan.model_validate_json(plan_json)))
    except (SetupError, OSError):
        sys.exit(UNUSABLE)
    except KeyboardInterrupt:
        sys.exit(130)
    (Path(folder) / "results.json").write_text(json.dumps(found))


async def sleep_in_worker(seconds: float) -> None:
    """Sleep in one of two worker processes."""
    key = f"stub:{int(seconds * 10_000) % 2}"
    await workers.call(key, time.sleep, seconds, needs=workers.Needs(light=True))


async def run(planned: Plan) -> dict[str, str]:
    """Run the graph to its end from wherever the thread is; return the texts of the results."""
    context, config = Context(model="embedded", planner="retrieval"), config_of(THREAD)
    given = request_of(planned)
    async with opened() as agent:
        snapshot = await agent.aget_state(config)
        if not snapshot.values:
            await agent.ainvoke(given, config, context=context)
        elif unfinished(snapshot):
            await agent.ainvoke(None, config, context=context)
        return texts_of(State(**(await agent.aget_state(config)).values))


def killed(trial: Trial, rng: random.Random, number: signal.Signals, most: int) -> int:
    """Kill the run's processes at random moments, unless one reaches the end; return how many were killed."""
    for kills in range(most):
        process = trial.start()
        process.join(rng.uniform(0.0, 0.1 + critical_path(trial.planned)))
        if process.exitcode is not None:
            return kills
        os.kill(process.pid, number)
        process.join(SECONDS)
    return most


def kill_until(kills: int, number: signal.Signals, rng: random.Random) -> Tally:
    """Run plans and kill their processes until there were that many kills."""
    tally = Tally()
    while tally.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(random_plan(rng, MEDIAN), Path(folder))
            tally.kills += killed(trial, rng, number, min(4, kills - tally.kills))
            trial.finish()
            trial.count(tally)
    return tally


def full_disk(rng: random.Random, plans: int = 5) -> Tally:
    """Run plans whose checkpoints reach the end of the disk; go on when there is room again."""
    tally = Tally()
    for _ in range(plans):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(random_plan(rng, MEDIAN), Path(folder), limit=rng.randint(30_000, 90_000))
            process = trial.start()
            process.join(SECONDS)
            tally.kills += process.exitcode == UNUSABLE
            trial.finish()
            trial.count(tally)
    return tally


def locked(rng: random.Random, plans: int = 3) -> Tally:
    """Run plans while another process holds the SQLite file for a second."""
    tally = Tally()
    for _ in range(plans):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(random_plan(rng, MEDIAN), Path(folder))
            tally.kills += killed(trial, rng, signal.SIGKILL, 1)
            process = trial.start()
            with sqlite3.connect(trial.folder / "checkpoints.sqlite") as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(1)
                other.rollback()
            process.join(SECONDS)
            trial.finish()
            trial.count(tally)
    return tally


def killed_workers(rng: random.Random, plans: int = 5, each: int = MAX_ATTEMPTS - 1) -> Tally:
    """Run plans whose worker processes are killed, each plan's as often as a single task can bear."""
    tally = Tally()
    for _ in range(plans):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(random_plan(rng, 4 * MEDIAN), Path(folder), in_workers=True)
            process = trial.start()
            for _ in range(each):
                tally.kills += kill_a_worker(process, rng)
            process.join(SECONDS)
            trial.finish()
            trial.count(tally)
    return tally


def kill_a_worker(process: Any, rng: random.Random) -> bool:
    """Wait until a process has workers and a little longer, then kill one; return whether there was one to kill."""
    while process.is_alive():
        if found := workers_of(process.pid):
            process.join(rng.uniform(0.0, 0.5))
            os.kill(rng.choice(found), signal.SIGKILL)
            process.join(0.1)
            return True
        process.join(0.02)
    return False


def workers_of(pid: int) -> list[int]:
    """Return the ids of the worker processes of a process: the children of its fork server."""
    with suppress(psutil.NoSuchProcess):
        return [
            worker.pid
            for server in psutil.Process(pid).children()
            for worker in server.children()
            if worker.status() != psutil.STATUS_ZOMBIE
        ]
    return []


def measure(kills: int, seed: int) -> dict[str, Any]:
    """Kill, then try the other ways a run can be cut; return what `--json` prints."""
    rng = random.Random(seed)
    found = vars(kill_until(kills, signal.SIGKILL, rng))
    others = {
        "sigterm": kill_until(max(1, kills // 10), signal.SIGTERM, rng),
        "killed_worker": killed_workers(rng),
        "full_disk": full_disk(rng),
        "locked_file": locked(rng),
    }
    return {**found, "others": {name: vars(tally) for name, tally in others.items()}}


def main() -> None:
    """Print what was counted; exit 1 when a result was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="processes to kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = measure(options.kills, options.seed)
    if options.json:
        print(json.dumps(found))
    else:
        for name, tally in {"sigkill": found, **found["others"]}.items():
            print(
                f"{name:12}", *(f"{key} {value}" for key, value in tally.items() if key != "others"), sep="  "
            )
    every = [found, *found["others"].values()]
    sys.exit(any(tally["lost"] or tally["wrong"] for tally in every))


if __name__ == "__main__":
    main()
