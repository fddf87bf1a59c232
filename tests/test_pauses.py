"""The event loop goes on, however much tasks make and however long a request is."""

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import TypeVar
from unittest.mock import patch

import pytest
from numpy import ones

from app.loop import loop
from benchmarks.stubs import plan_of, request_of, stubbed
from graph.agent import build
from graph.context import Context
from graph.planners import retrieval
from graph.planners.retrieval_examples import Vectors
from graph.state import State
from graph.texts import one_line
from tools.outputs import Artifact, Output
from tools.sniff import KINDS
from tools.tasks import TASKS

T = TypeVar("T")
TASK_COUNT = 50
TEXT = Output(text="so many words " * 400_000)
DATA = Output(text="rows", data=[{"label": f"row {n}", "score": n / 7} for n in range(20_000)])


async def longest(work: Awaitable[T]) -> tuple[float, T]:
    """Await something and return the longest time for which the event loop did nothing else meanwhile."""
    beats = [time.perf_counter()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(0)
            beats.append(time.perf_counter())

    beating = asyncio.create_task(beat())
    try:
        made = await work
    finally:
        beating.cancel()
    beats.append(time.perf_counter())
    return max(after - before for before, after in pairwise(beats)), made


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("output", "sources", "once"),
    [
        pytest.param(TEXT, [], lambda: " ".join(TEXT.text.split()), id="texts in the answer"),
        pytest.param(DATA, ["0"], lambda: json.dumps(DATA.model_dump(mode="json")), id="data of a source"),
    ],
)
async def test_large_outputs_are_not_read_once_for_every_task(
    output: Output, sources: list[str], once: Callable[[], object]
) -> None:
    async def expert(*_: object, **__: object) -> Output:
        return output

    ids = [str(number) for number in range(TASK_COUNT)]
    plan = plan_of({id_: sources if id_ != "0" else [] for id_ in ids}, dict.fromkeys(ids, 0.0))
    with stubbed(), patch("tools.hf_tools.run", expert):
        pause, values = await longest(
            build().ainvoke(request_of(plan), context=Context(model="embedded", planner="retrieval"))
        )
    assert all(result.output for result in State(**values).results.values())
    assert pause < TASK_COUNT / 2 * seconds(once)


async def test_a_long_request_is_planned_beside_what_else_runs() -> None:
    async def embed(texts: Sequence[str]) -> Vectors:
        return ones((len(texts), 8), dtype="float32")

    said = "On Tuesday the committee met, and it put the vote off until May. " * 50
    file = Artifact(sha256="a" * 64, name="minutes.txt", **KINDS[".txt"]._asdict())
    began = time.perf_counter()
    pause, steps = await longest(retrieval.draft(said, [file], TASKS, embed))
    assert steps
    assert pause < (time.perf_counter() - began) / 2


def test_what_is_imported_is_left_out_of_garbage_collection() -> None:
    gc.unfreeze()
    with loop():
        assert not any(one is State for one in gc.get_objects())
    gc.unfreeze()


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a  b ", " " * 99 + "a\n b", "ab " * 99, "a" + " " * 99, "a" * 99]
)
@pytest.mark.parametrize("length", [0, 1, 3, 4, 10])
def test_only_spaces_and_the_end_of_a_text_are_lost_on_one_line(text: str, length: int) -> None:
    words = " ".join(text.split())
    assert one_line(text, length) == (words if len(words) <= length else words[:length].rstrip() + " ...")
