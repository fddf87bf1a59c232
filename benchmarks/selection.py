"""Score how well models are chosen: the rule without a language model, and a chat model.

`python -m benchmarks.selection [--model M]` prints the share of requests for which the first choice is acceptable. Each
line of `data/selection.jsonl` has a request, its task, a shortlist as the Hub gives it, and the acceptable models.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from graph import select
from graph.context import Context
from graph.state import State
from graph.types import Input, Plan, Task
from tools.chat import EMBEDDED
from tools.experts.embedder import embed
from tools.models import Model
from tools.models.model import Way
from tools.models.rank import ranked
from tools.tasks import TASKS

DATA = Path(__file__).parent / "data" / "selection.jsonl"
LARGE = "openai:gpt-4.1"
"""Asked as well where `OPENAI_API_KEY` is set."""
Chooser = Callable[["Sample"], Awaitable[str | None]]
"""Returns the id of the chosen model, or None when it chose none."""


class Candidate(BaseModel):
    """What a shortlist says of a model."""

    id: str
    about: str
    downloads: int


class Sample(BaseModel):
    """A request and the models it may go to."""

    request: str
    task: str
    shortlist: list[Candidate]
    acceptable: list[str]

    @property
    def models(self) -> list[Model]:
        """The shortlist as models of the Hub that can run."""
        ways = (Way(engine="provider", local=False, providers=("hf-inference",)),)
        return [
            Model(**one.model_dump(), tasks=(self.task,), source="hub", ways=ways) for one in self.shortlist
        ]


def samples() -> list[Sample]:
    """Return the labelled requests."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return [Sample.model_validate_json(line) for line in lines if line.strip()]


async def by_downloads(sample: Sample) -> str | None:
    """Choose what is fetched most."""
    return max(sample.shortlist, key=lambda one: one.downloads).id


async def by_rule(sample: Sample) -> str | None:
    """Choose as a run with the embedded chat model does."""
    return (await ranked(sample.models, sample.request, embed))[0].id


def by_chat_model(name: str) -> Chooser:
    """Choose as a run with that chat model does, with the same prompt and schema."""

    async def choose(sample: Sample) -> str | None:
        inputs = [Input(slot=slot.name, value="-") for slot in TASKS[sample.task].slots if slot.required]
        plan = Plan(tasks=(Task(id="0", name=sample.task, inputs=tuple(inputs)),))
        state = State(messages=[HumanMessage(sample.request)], plan=plan)
        choices = await select._ranked(state, Context(model=name), {"0": sample.models})
        return choices.get("0", (None, ""))[0]

    return choose


async def score(chooser: Chooser, asked: Sequence[Sample]) -> dict[str, Any]:
    """Return how often the choice was acceptable, in percent, with seconds and tokens for one request.

    A choice that is not on the shortlist is no choice; a run then takes the first model of the list.
    """
    right = none = 0
    with get_usage_metadata_callback() as usage:
        start = time.perf_counter()
        for sample in asked:
            chosen = await chooser(sample)
            listed = chosen in {one.id for one in sample.shortlist}
            right, none = right + (chosen in sample.acceptable), none + (not listed)
        seconds = time.perf_counter() - start
    tokens = [
        sum(one[kind] for one in usage.usage_metadata.values()) for kind in ("input_tokens", "output_tokens")
    ]
    return {
        "samples": len(asked),
        "acceptable": round(100 * right / len(asked), 1),
        "no_choice": none,
        "seconds": round(seconds / len(asked), 3),
        "input_tokens": round(tokens[0] / len(asked)),
        "output_tokens": round(tokens[1] / len(asked)),
    }


async def measured(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Score the rules and the chat models of these names."""
    asked = samples()
    await by_rule(asked[0])
    choosers: Mapping[str, Chooser] = {
        "downloads": by_downloads,
        "rule": by_rule,
        **{name: by_chat_model(name) for name in names},
    }
    return {name: await score(chooser, asked) for name, chooser in choosers.items()}


def main() -> None:
    """Read the arguments, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    large = [LARGE] if os.environ.get("OPENAI_API_KEY") else []
    parser.add_argument(
        "--model", action="append", help=f"chat models to score instead of {[EMBEDDED, LARGE]}"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = asyncio.run(measured(options.model or [EMBEDDED, *large]))
    if options.json:
        print(json.dumps(result))
        return
    for name, row in result.items():
        print(
            f"{name:20} {row['acceptable']:5.1f} % of {row['samples']}   no choice {row['no_choice']:3}   "
            f"{row['seconds']:7.3f} s   {row['input_tokens']:5} + {row['output_tokens']} tokens"
        )


if __name__ == "__main__":
    main()
