"""Plans whose tasks take known times, and the real agent with its edges stubbed, for measuring it.

What is replaced is what costs time elsewhere: the planner's model, the list of candidates, the experts and the chat
model that answers. Everything between them is the code that serves.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from graph.files import message
from graph.state import Request, State
from graph.types import Input, Plan, Task
from tools.models import Model, Way
from tools.outputs import Output

ROW = "translation"
"""A row with one slot for a value and two that may be left empty, so that a task can have up to two sources."""
SOURCE_SLOTS = ("target_language", "source_language")
EXPERT = Model(
    id="stub:sleep",
    tasks=(ROW,),
    about="Sleeps as long as the task says.",
    source="chat",
    ways=(Way(engine="chat"),),
)

_plans: dict[str, Plan] = {}
"""By the request that asks for them, as short as requests are; until they are made."""

Hook = Callable[[str], object]
"""Is told the id of a task when its expert starts."""
Work = Callable[[float], Awaitable[object]]
"""Takes as many seconds as it is told."""


def plan_of(sources: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> Plan:
    """Return a plan from each task's sources (two at most) and the seconds its expert takes."""
    return Plan(
        tasks=tuple(
            Task(
                id=id_,
                name=ROW,
                inputs=(
                    Input(slot="text", value=f"{id_} {seconds[id_]:.4f}"),
                    *(
                        Input(slot=slot, source=of)
                        for slot, of in zip(SOURCE_SLOTS, sources[id_], strict=False)
                    ),
                ),
            )
            for id_ in sources
        )
    )


def random_plan(rng: random.Random, median: float) -> Plan:
    """Return 6 to 12 tasks with up to two sources each and lognormal durations around a median in seconds."""
    ids = [str(number) for number in range(rng.randint(6, 12))]
    sources = {
        id_: rng.sample(ids[:number], min(number, rng.choice((0, 1, 1, 2)))) for number, id_ in enumerate(ids)
    }
    return plan_of(sources, {id_: median * rng.lognormvariate(0, 0.8) for id_ in ids})


def seconds_of(task: Task) -> float:
    """Return how long a task's expert takes."""
    return float(str(task.inputs[0].value).split()[1])


def critical_path(plan: Plan) -> float:
    """Return the seconds of the longest chain: no schedule can be faster."""
    ends: dict[str, float] = {}
    for task in plan.ordered():
        ends[task.id] = seconds_of(task) + max((ends[id_] for id_ in task.dep), default=0.0)
    return max(ends.values(), default=0.0)


def made_of(inputs: Mapping[str, str]) -> str:
    """Return what the expert makes of its inputs: the task's id and a digest of everything it was given."""
    given = repr(sorted(inputs.items())).encode()
    return f"{inputs['text'].split()[0]} {hashlib.sha256(given).hexdigest()[:12]}"


def expected(plan: Plan) -> dict[str, str]:
    """Return the right result of every task by its id."""
    made: dict[str, str] = {}
    for task in plan.ordered():
        made[task.id] = made_of(
            {item.slot: made[item.source] if item.source else str(item.value) for item in task.inputs}
        )
    return made


def texts_of(state: State) -> dict[str, str]:
    """Return the text of every output by its task's id."""
    return {id_: result.output.text for id_, result in state.results.items() if result.output}


def request_of(plan: Plan) -> Request:
    """Return the request for which the stubbed planner of this process makes this plan."""
    name = f"Do plan {hashlib.sha256(plan.model_dump_json().encode()).hexdigest()[:12]}."
    _plans[name] = plan
    return Request(messages=[message(name)])


class Chat(FakeListChatModel):
    """Answers at once on the event loop, as clients of real models do, and not in a thread."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)


@contextmanager
def stubbed(
    started: Hook = lambda id_: None, ended: Hook = lambda id_: None, work: Work = asyncio.sleep
) -> Iterator[None]:
    """Stub the edges of the agent in this process.

    Args:
        started: Is told when an expert starts.
        ended: Is told when an expert has delivered.
        work: What an expert does.
    """

    async def planner(request: str, *_: object) -> Plan:
        return _plans.pop(request)

    async def expert(task: str, model: Model, inputs: Mapping[str, str], **_: Any) -> Output:
        id_, seconds = inputs["text"].split()
        started(id_)
        await work(float(seconds))
        ended(id_)
        return Output(text=made_of(inputs))

    async def chat(*_: object, **__: object) -> Chat:
        return Chat(responses=["Done."])

    edges = {
        "graph.planners.retrieval.plan": planner,
        "graph.select.shortlist": lambda *_: [EXPERT],
        "tools.hf_tools.run": expert,
        "graph.respond.chat_model": chat,
        "graph.plan.llama.warm": lambda: None,
        "graph.plan.workers.warm": lambda: None,
    }
    with ExitStack() as stack:
        for name, stub in edges.items():
            stack.enter_context(patch(name, stub))
        yield
