"""How long LangGraph Server takes to answer while runs load and use local models: `python -m benchmarks.server`.

It starts `langgraph dev` on a folder of its own, with detection of blocking calls on, asks `/ok` every 20 ms whether or
not the last answer is there, and meanwhile has runs of the embedded profile done: each alone, loading what it needs,
then all at the same time. Two things tell what a busy machine adds to the numbers: the same while the server idles, and
how late this program, which has next to nothing to do, got round to asking.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from graph.files import message
from tools.artifacts import ArtifactStore

ROOT = Path(__file__).parent.parent
EVERY = 0.02
"""Seconds from one question to the next."""
SLOW = 0.1
"""Seconds from which on an answer counts as slow."""
IDLE_SECONDS = 10.0
START_SECONDS = 120.0
REQUESTS = (
    ("Transcribe this recording.", "briefing.wav"),
    ("Find the named entities: Ada Lovelace met Charles Babbage in London.", None),
    ("What is the total due on this invoice?", "invoice.png"),
    ("Good morning!", None),
)
CONTEXT = {"model": "embedded", "planner": "retrieval", "mode": "local"}


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """Run the server until the block ends.

    Args:
        folder: Its working directory; models come from the user's cache.

    Yields:
        Its address.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--config", str(ROOT / "langgraph.json")]
    command += ["--no-browser", "--no-reload", "--n-jobs-per-worker", "10", "--port", str(port)]
    quiet = {
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "LANGGRAPH_NO_VERSION_CHECK": "true",
        "LANGSMITH_TRACING": "false",
    }
    own = {"PYTHONPATH": str(ROOT), "HUGGINGGPT_DATA_DIR": str(folder), "HUGGINGGPT_HUB_SEARCH": "false"}
    with (folder / "server.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**os.environ, **quiet, **own}, stdout=log, stderr=log
        )
    try:
        await _ready(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        await server.wait()


async def _ready(url: str, server: Process) -> None:
    end = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while server.returncode is None and time.monotonic() < end:
            try:
                if (await client.get(f"{url}/ok")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise SystemExit("The server did not start: see its server.log.")


@asynccontextmanager
async def polled(url: str, seconds: list[float], late: list[float]) -> AsyncIterator[None]:
    """Ask `/ok` at every tick while the block runs; note the seconds each answer took, and how late each tick was."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client, asyncio.TaskGroup() as asked:

        async def ask() -> None:
            began = time.perf_counter()
            (await client.get(f"{url}/ok")).raise_for_status()
            seconds.append(time.perf_counter() - began)

        async def tick() -> None:
            while True:
                asked.create_task(ask())
                due = time.perf_counter() + EVERY
                await asyncio.sleep(EVERY)
                late.append(time.perf_counter() - due)

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()


async def run(client: LangGraphClient, store: ArtifactStore, request: str, file: str | None) -> float:
    """Have a request done on a new thread and return its seconds."""
    files = [await asyncio.to_thread(store.put, ROOT / "examples" / file)] if file else []
    given: Any = message(request, files).model_dump(include={"type", "content"})
    began = time.perf_counter()
    values: Any = await client.runs.wait(None, "hugginggpt", input={"messages": [given]}, context=CONTEXT)
    if failed := [result["error"] for result in values["results"].values() if result["error"]]:
        raise SystemExit(f"{request} {failed}")
    return time.perf_counter() - began


def summary(took: float, seconds: list[float], late: list[float]) -> dict[str, float]:
    """Return how long answers took and how late this program was at most, in milliseconds; and how many were slow."""
    p50, p99, most = (round(float(one), 1) for one in np.percentile(seconds, [50, 99, 100]) * 1000)
    return {
        "seconds": round(took, 1),
        "polls": len(seconds),
        "p50": p50,
        "p99": p99,
        "max": most,
        "slow": sum(1 for one in seconds if one > SLOW),
        "late": round(max(late) * 1000, 1),
    }


async def measured() -> dict[str, Any]:
    """Measure the idle server, each request alone and all of them at the same time.

    Returns:
        A summary by what was going on, the load of the machine before and after, and the blocking calls found.
    """
    found: dict[str, Any] = {"load": [round(os.getloadavg()[0], 2)]}
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name), ArtifactStore(f"{name}/artifacts")
        async with serving(folder) as url:
            client = get_client(url=url)

            async def measure(what: str, *work: Any) -> None:
                seconds, late = list[float](), list[float]()
                async with polled(url, seconds, late):
                    began = time.perf_counter()
                    await asyncio.gather(*work)
                    took = time.perf_counter() - began
                found[what] = summary(took, seconds, late)

            await measure("idle", asyncio.sleep(IDLE_SECONDS))
            for request, file in REQUESTS:
                await measure(request, run(client, store, request, file))
            await measure("all at the same time", *(run(client, store, *request) for request in REQUESTS))
        found["blocking"] = (folder / "server.log").read_text(errors="replace").count("BlockingError")
    found["load"].append(round(os.getloadavg()[0], 2))
    return found


def main() -> None:
    """Print a table, or with `--json` one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    found = asyncio.run(measured())
    if asked.json:
        print(json.dumps(found))
        return
    columns = ("seconds", "polls", "p50", "p99", "max", "slow", "late")
    print(f"{'milliseconds to /ok while':42}", *(f"{column:>8}" for column in columns))
    for what, row in found.items():
        if isinstance(row, dict):
            print(f"{what[:40]:42}", *(f"{row[column]:8}" for column in columns))
    print(f"blocking calls: {found['blocking']}; load of the machine: {found['load']}")


if __name__ == "__main__":
    main()
