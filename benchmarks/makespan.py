"""How close to the critical path runs are, and what a task costs beside its expert's work.

`python -m benchmarks.makespan` runs the real agent with stubbed edges (`benchmarks.stubs`) on plans whose experts sleep
for known times. The makespan of a plan divided by its critical path is 1 for a perfect schedule.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from app.runs import config_of, new_thread, opened
from benchmarks.stubs import (
    critical_path,
    expected,
    plan_of,
    random_plan,
    request_of,
    seconds_of,
    stubbed,
    texts_of,
)
from graph import plan, respond, select
from graph.agent import NODES, Agent, build
from graph.context import Context
from graph.nodes import Node, Router
from graph.state import Request, Response, State
from graph.types import Plan
from tools.artifacts import store
from tools.settings import settings

PLANS = 30
MEDIAN = 0.2
"""Seconds that the median task of a random plan takes."""
SIZES = (10, 100, 300, 1000)
"""Tasks of the plans that show whether the cost of a task grows with its plan."""

Run = Callable[[Plan], Awaitable[float]]
"""Runs a plan and returns how many seconds that took."""


def shapes() -> dict[str, Plan]:
    """Return the plans that are known by name."""
    unbalanced: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "x": [], "y": ["x"]}
    return {
        "single": plan_of({"0": []}, {"0": 0.5}),
        "chain": plan_of(
            {str(n): [str(n - 1)] if n else [] for n in range(6)}, dict.fromkeys(map(str, range(6)), 0.1)
        ),
        "fan": plan_of(
            {str(n): ["0"] if n else [] for n in range(9)}, {str(n): 0.1 + 0.05 * n for n in range(9)}
        ),
        "diamond": plan_of(
            {"0": [], "1": ["0"], "2": ["0"], "3": ["1", "2"]}, {"0": 0.2, "1": 0.1, "2": 0.4, "3": 0.2}
        ),
        # Two chains that never need each other, whose slow tasks stand at different depths.
        "unbalanced": plan_of(unbalanced, {"a": 0.1, "b": 0.5, "c": 0.1, "d": 0.1, "x": 0.7, "y": 0.1}),
    }


def flat(number: int) -> Plan:
    """Return independent tasks that take no time."""
    ids = [str(n) for n in range(number)]
    return plan_of({id_: [] for id_ in ids}, dict.fromkeys(ids, 0.0))


def waves(checkpointer: BaseCheckpointSaver[str] | None) -> Agent:
    """Return the same agent, but one that sends a task only when the state holds all of its sources."""

    def ready(state: State, sent: list[Send] | str) -> list[Send] | str:
        ids = {task.id for task in state.unfinished if all(id_ in state.results for id_ in task.dep)}
        return sent if isinstance(sent, str) else [send for send in sent if send.arg["task"]["id"] in ids]

    def after_select(state: State) -> list[Send] | str:
        return ready(state, select.route(state))

    def after_respond(state: State) -> list[Send] | str:
        return ready(state, respond.route(state))

    builder = StateGraph(State, context_schema=Context, input_schema=Request, output_schema=Response)
    for name in ("plan", "select", "execute", "respond"):
        builder.add_node(name, Node(NODES[name]))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", Router(plan.route), ["select", "respond"])
    builder.add_conditional_edges("select", Router(after_select), ["execute", "respond"])
    builder.add_edge("execute", "respond")
    builder.add_conditional_edges("respond", Router(after_respond), ["execute", END])
    return builder.compile(checkpointer=checkpointer)


async def dataflow(planned: Plan) -> float:
    """Run a plan with nothing but asyncio: no state, no checkpoints, no models."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def work(id_: str, seconds: float, sources: tuple[str, ...]) -> None:
        await asyncio.gather(*(tasks[source] for source in sources))
        await asyncio.sleep(seconds)

    began = time.perf_counter()
    for task in planned.ordered():
        tasks[task.id] = asyncio.create_task(work(task.id, seconds_of(task), task.dep))
    await asyncio.gather(*tasks.values())
    return time.perf_counter() - began


def running(agent: Agent) -> Run:
    """Return what runs a plan with an agent, on a new thread, and checks every result."""
    context = Context(model="embedded", planner="retrieval")

    async def run(planned: Plan) -> float:
        config = config_of(new_thread()) if agent.checkpointer else None
        given = request_of(planned)
        began = time.perf_counter()
        values = await agent.ainvoke(given, config, context=context)
        seconds = time.perf_counter() - began
        if texts_of(State(**values)) != expected(planned):
            raise ValueError("a result is wrong")
        return seconds

    return run


@asynccontextmanager
async def systems() -> AsyncIterator[dict[str, Run]]:
    """Yield what is compared; the SQLite file is opened as the command line does."""
    async with opened() as agent:
        saver: Any = agent.checkpointer
        yield {
            "graph-none": running(build()),
            "graph-memory": running(build(InMemorySaver())),
            "graph-sqlite": running(agent),
            "waves-sqlite": running(waves(saver)),
            "asyncio": dataflow,
        }


async def ratio(run: Run, planned: Plan, repeats: int = 1) -> float:
    """Return the least makespan of some runs in critical paths: what else the machine does only adds."""
    return min([await run(planned) for _ in range(repeats)]) / critical_path(planned)


async def per_task_ms(run: Run, number: int, repeats: int = 3) -> float:
    """Return the least milliseconds per task of plans of independent tasks without work."""
    planned = flat(number)
    return 1000 * min([await run(planned) for _ in range(repeats)]) / number


async def measure(plans: int, repeats: int) -> dict[str, Any]:
    """Run everything, random plans several times, and return what `--json` prints."""
    rng = random.Random(4)
    randoms = [random_plan(rng, MEDIAN) for _ in range(plans)]
    async with systems() as compared:
        for run in compared.values():
            await run(flat(2))
        # Without it the garbage collector's walks through all imported libraries are charged to the tasks.
        gc.collect()
        gc.freeze()
        overhead = {name: await per_task_ms(run, 200) for name, run in compared.items()}
        graphs = {name: compared[name] for name in ("graph-none", "graph-sqlite")}
        growth = {
            name: {str(size): await per_task_ms(run, size, 2) for size in SIZES}
            for name, run in graphs.items()
        }
        empty = {name: 1000 * min([await run(Plan()) for _ in range(20)]) for name, run in graphs.items()}
        by_shape = {
            shape: {name: await ratio(run, planned) for name, run in compared.items()}
            for shape, planned in shapes().items()
        }
        ratios = {
            name: sorted([await ratio(run, planned, repeats) for planned in randoms])
            for name, run in compared.items()
        }
    return {
        "random": {name: summary(found) for name, found in ratios.items()},
        "shapes": by_shape,
        "overhead_ms": overhead,
        "growth_ms": growth,
        "empty_run_ms": empty,
    }


def summary(ratios: list[float]) -> dict[str, float]:
    """Return median, 90th percentile and worst of sorted ratios."""
    return {
        "median": statistics.median(ratios),
        "p90": ratios[min(len(ratios) - 1, int(0.9 * len(ratios)))],
        "worst": ratios[-1],
    }


def show(found: Mapping[str, Any]) -> None:
    """Print what was measured as tables."""
    names = list(found["overhead_ms"])
    print(f"{'makespan / critical path':28}" + "".join(f"{name:>14}" for name in names))
    for kind in ("median", "p90", "worst"):
        print(
            f"{'random plans, ' + kind:28}"
            + "".join(f"{found['random'][name][kind]:14.3f}" for name in names)
        )
    for shape, by_system in found["shapes"].items():
        print(f"{shape:28}" + "".join(f"{by_system[name]:14.3f}" for name in names))
    print(f"{'ms per task, 200 tasks':28}" + "".join(f"{found['overhead_ms'][name]:14.2f}" for name in names))
    for name, by_size in found["growth_ms"].items():
        print(
            f"{name}: ms per task by plan size: "
            + ", ".join(f"{size}: {ms:.2f}" for size, ms in by_size.items())
        )
    print("empty run, ms: " + ", ".join(f"{name} {ms:.1f}" for name, ms in found["empty_run_ms"].items()))


def main() -> None:
    """Measure in folders of this run's own, with tracing off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plans", type=int, default=PLANS, help="random plans (default: %(default)s)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=1,
        help="runs of each, of which the fastest counts (default: %(default)s)",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HUGGINGGPT_DATA_DIR=str(Path(folder)), LANGSMITH_TRACING="false")
        settings.cache_clear()
        store.cache_clear()
        with stubbed():
            found = asyncio.run(measure(options.plans, options.repeats))
    if options.json:
        json.dump(found, sys.stdout)
        print()
    else:
        show(found)


if __name__ == "__main__":
    main()
