"""Ask a production planner for the plan of every sample, and keep what it said in a file."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.callbacks import get_usage_metadata_callback

from benchmarks.taskbench_tools import as_sample, only_tools, stand_ins
from graph.files import message
from graph.planners import llm, retrieval
from graph.planners.retrieval import Embed
from graph.planners.wire import PlanError
from graph.types import Plan
from tools.chat import chat_model
from tools.errors import InputError, ModelError, TransientError
from tools.outputs import Artifact
from tools.tasks import TaskRow

ROOT = Path(__file__).parents[1]
SOURCES = (
    "graph/planners/**/*.py",
    "graph/state.py",
    "tools/tasks/*.py",
    "prompts/**/*",
    "benchmarks/taskbench_*.py",
)
"""What decides a prediction: when one of these changes, predictions that were kept are made again."""
Planner = Callable[[str, Sequence[Artifact], Mapping[str, TaskRow]], Awaitable[Plan]]


class Run(NamedTuple):
    """What predictions are kept for; only those of the same run are taken up again."""

    planner: str
    model: str
    version: str


def by_retrieval(embed: Embed) -> Planner:
    """Return the retrieval planner."""

    async def plan(request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> Plan:
        return await retrieval.plan(request, files, rows, embed)

    return plan


def by_chat_model(name: str, embed: Embed) -> Planner:
    """Return the planner that asks a chat model, with a prompt of what is relevant to the request."""

    async def plan(request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> Plan:
        return await llm.plan(await chat_model(name), [message(request)], files, rows, embed=embed)

    return plan


async def predict(sample: Mapping[str, Any], planner: Planner) -> dict[str, Any]:
    """Return the plan for a sample in the form of a sample, with its cost.

    Returns:
        `task_nodes`, `task_links`, `ms`, `prompt_tokens` and, where no plan was made, the `error`.

    Raises:
        SetupError: The chat model cannot be asked as it is configured.
        TransientError: It could not be reached; what was predicted before is kept.
    """
    request = sample["user_request"]
    files, made, error = stand_ins(request), None, None
    start = time.perf_counter()
    with only_tools() as rows, get_usage_metadata_callback() as usage:
        try:
            made = await planner(request, files, rows)
        except TransientError:
            raise
        except (InputError, ModelError, PlanError) as problem:
            error = str(problem)
    milliseconds = 1000 * (time.perf_counter() - start)
    tokens = sum(used["input_tokens"] for used in usage.usage_metadata.values())
    graph = as_sample(made, request, files) if made else {"task_nodes": [], "task_links": []}
    return {**graph, "ms": round(milliseconds, 1), "prompt_tokens": tokens, "error": error}


class Kept:
    """Predictions in a file, one JSON object a line."""

    def __init__(self, file: Path, run: Run) -> None:
        self.file = file
        self.run = run
        self.known = {line["key"]: line for line in _lines(file) if line.get("run") == list(run)}

    async def predict(self, sample: Mapping[str, Any], planner: Planner) -> dict[str, Any]:
        """Return the kept prediction for a sample, or make and keep one."""
        key = hashlib.sha256(sample["user_request"].encode()).hexdigest()[:16]
        if key not in self.known:
            made = await predict(sample, planner)
            self.known[key] = {"key": key, "run": list(self.run), "id": sample.get("id"), **made}
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(self.known[key], ensure_ascii=False) + "\n")
        return self.known[key]


@cache
def version() -> str:
    """Return a hash of all that decides what a planner says."""
    files = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file; one that a kill cut off is left out."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
