"""Two independent local experts at the same time, against one after the other: `python -m benchmarks.parallel`.

Whisper transcribes a recording while MiniLM compares sentences, both through the worker processes that runs use. MiniLM
is given as many texts as keep it busy about as long as Whisper.
"""

import argparse
import asyncio
import json
import os
import time
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


async def transcribe(folder: Path, out: Path) -> None:
    """Let Whisper write down the recording."""
    job = Job(task="automatic-speech-recognition", model=folder, inputs={"audio": str(AUDIO)}, out=out)
    await workers.call(ASSETS["whisper-base"].model, run_job, ENGINES["faster-whisper"], job)


async def compare(folder: Path, number: int) -> None:
    """Let MiniLM embed texts."""
    texts = [f"The council approved {n} pounds to repair the bridge across the river." for n in range(number)]
    await workers.call(ASSETS["minilm"].model, embed, folder, texts)


async def timed(*calls: Any) -> float:
    """Await calls at the same time and return the seconds they took."""
    start = time.perf_counter()
    await asyncio.gather(*calls)
    return time.perf_counter() - start


async def measure(repeats: int) -> dict[str, Any]:
    """Measure both ways in turns, so that what else the machine does meets both alike.

    Returns:
        Median seconds of each way, their median ratio, and the load of the machine before and after.
    """
    whisper, minilm = (await asyncio.to_thread(resolve, name) for name in ("whisper-base", "minilm"))
    if whisper is None or minilm is None:
        raise SystemExit("The embedded models are missing.")
    before, out = os.getloadavg()[0], Path()
    await timed(transcribe(whisper, out), compare(minilm, TEXTS))
    alone = await timed(transcribe(whisper, out))
    number = int(TEXTS * alone / await timed(compare(minilm, TEXTS)))
    rounds = []
    for _ in range(repeats):
        one_by_one = await timed(transcribe(whisper, out)) + await timed(compare(minilm, number))
        at_once = await timed(transcribe(whisper, out), compare(minilm, number))
        rounds.append((one_by_one, at_once))
    return {
        "one_by_one": round(median(first for first, _ in rounds), 3),
        "at_once": round(median(second for _, second in rounds), 3),
        "ratio": round(median(first / second for first, second in rounds), 2),
        "load": [round(before, 2), round(os.getloadavg()[0], 2)],
    }


def main() -> None:
    """Print the seconds of both ways and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    try:
        found = asyncio.run(measure(asked.repeats))
    finally:
        workers.shutdown()
    if asked.json:
        print(json.dumps(found))
        return
    print(f"one after the other {found['one_by_one']:.2f} s, at the same time {found['at_once']:.2f} s")
    print(f"{found['ratio']:.2f} times as fast (load of the machine: {found['load'][0]}, {found['load'][1]})")


if __name__ == "__main__":
    main()
