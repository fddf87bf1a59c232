"""Two independent local experts at the same time, against one after the other: `python -m benchmarks.parallel`.

Whisper transcribes a recording while MiniLM embeds sentences, both through the worker processes that runs use. MiniLM
is given as many texts as keep it busy about as long as Whisper.

One after the other is measured twice: with one core, which is what two cores can double at best, and with all cores for
each call, which is what a call gets here when nothing else runs.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from statistics import median
from typing import Any

from tools.assets import ASSETS, resolve
from tools.embeddings import embed
from tools.experts import workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job

AUDIO = Path(__file__).parent.parent / "examples" / "briefing.wav"
TEXTS = 64
"""Texts of MiniLM's first call, by whose time its others are measured out."""
Call = Coroutine[Any, Any, object]


def transcribe() -> Call:
    """Let Whisper write down the recording."""
    job = Job(
        task="automatic-speech-recognition",
        model=resolve("whisper-base"),
        inputs={"audio": str(AUDIO)},
        out=Path(),
    )
    return workers.call(ASSETS["whisper-base"].model, run_job, ENGINES["faster-whisper"], job)


def compare(number: int) -> Call:
    """Let MiniLM embed texts."""
    texts = [f"The council approved {n} pounds to repair the bridge across the river." for n in range(number)]
    return workers.call(ASSETS["minilm"].model, embed, resolve("minilm"), texts)


async def timed(*calls: Call) -> float:
    """Await calls at the same time and return the seconds they took."""
    start = time.perf_counter()
    await asyncio.gather(*calls)
    return time.perf_counter() - start


async def one_by_one(number: int) -> float:
    """Return the seconds of both calls, one after the other."""
    return await timed(transcribe()) + await timed(compare(number))


async def measured(repeats: int) -> dict[str, Any]:
    """Measure all ways in one run, those on all cores in turns, so that what else the machine does meets both alike.

    Returns:
        Median seconds of each way, how many times faster the calls are at the same time, and the machine's load.
    """
    before = os.getloadavg()[0]
    await timed(transcribe(), compare(TEXTS))
    number = int(TEXTS * await timed(transcribe()) / await timed(compare(TEXTS)))
    one_core = await asyncio.to_thread(_on_one_core, number, repeats)
    rounds = [(await one_by_one(number), await timed(transcribe(), compare(number))) for _ in range(repeats)]
    at_once = median(second for _, second in rounds)
    return {
        "one_core": round(one_core, 3),
        "all_cores": round(median(first for first, _ in rounds), 3),
        "at_once": round(at_once, 3),
        "ratio": round(one_core / at_once, 2),
        "ratio_all_cores": round(median(first / second for first, second in rounds), 2),
        "load": [round(before, 2), round(os.getloadavg()[0], 2)],
    }


def _on_one_core(number: int, repeats: int) -> float:
    """Measure one after the other in a program that may use one core only."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.parallel",
        "--one-core",
        str(number),
        "--repeats",
        str(repeats),
    ]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603


async def _one_core(number: int, repeats: int) -> float:
    await timed(transcribe(), compare(TEXTS))
    return median([await one_by_one(number) for _ in range(repeats)])


def main() -> None:
    """Print the seconds of all ways and how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one-core", type=int, metavar="TEXTS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    try:
        if asked.one_core:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            workers._resources.cores = 1
            print(asyncio.run(_one_core(asked.one_core, asked.repeats)))
            return
        found = asyncio.run(measured(asked.repeats))
    finally:
        workers.shutdown()
    if asked.json:
        print(json.dumps(found))
        return
    print(
        f"one after the other: {found['one_core']:.2f} s on one core, {found['all_cores']:.2f} s on all cores"
    )
    print(f"at the same time:    {found['at_once']:.2f} s")
    print(f"{found['ratio']:.2f} and {found['ratio_all_cores']:.2f} times as fast; load {found['load']}")


if __name__ == "__main__":
    main()
