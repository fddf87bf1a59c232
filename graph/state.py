"""The graph's state: what goes in, what comes out, and what it knows meanwhile."""

from collections.abc import Mapping
from functools import cached_property
from operator import add
from typing import Annotated, TypeVar, cast

from langchain_core.messages import AnyMessage, convert_to_messages
from langgraph.graph.message import add_messages
from pydantic import BaseModel, BeforeValidator, Field, JsonValue, NonNegativeInt

from graph.channel import Checked
from graph.context import Approval
from graph.types import Assignment, Frozen, Plan, Task, TaskResult
from tools.usage import ChatCall

T = TypeVar("T")


class Edit(Frozen):
    """The user's last answer about the plan, which could not be used."""

    problem: str
    """What is wrong with it, in a sentence."""
    args: dict[str, JsonValue] = Field(default_factory=dict)
    """The plan and models as the user changed them; empty when the answer was no edit."""


def merge(old: Mapping[str, T], new: Mapping[str, T | None]) -> dict[str, T]:
    """Reducer: assignments and results merge by task id, the newer one wins; None takes one away."""
    merged = {**old, **new}
    # As many tasks end as there are in a step, each with a call of this: it must not look at all of them.
    for id_ in [id_ for id_, one in new.items() if one is None]:
        del merged[id_]
    return cast(dict[str, T], merged)


class Request(BaseModel):
    """What goes into the graph: the conversation, its last message being the request."""

    messages: Annotated[list[AnyMessage], BeforeValidator(convert_to_messages), add_messages] = Field(
        default_factory=list, description="The conversation."
    )

    @property
    def conversation(self) -> list[AnyMessage]:
        """The messages up to the user's last one, the request: a fork of a run that has ended holds its answer too."""
        users = (number for number, one in enumerate(self.messages, 1) if one.type == "human")
        return self.messages[: max(users, default=0)]


class Response(Request):
    """What comes out of the graph: the conversation with its answer, and how that came about."""

    plan: Annotated[Plan | None, Checked] = Field(
        default=None,
        description="The plan of this turn; one without tasks when the request is conversation.",
    )
    assignments: Annotated[dict[str, Assignment], Checked(dict[str, Assignment], merge)] = Field(
        default_factory=dict, description="Models by task id."
    )
    results: Annotated[dict[str, TaskResult], Checked(dict[str, TaskResult], merge)] = Field(
        default_factory=dict,
        description="Results by task id; they come in one by one while tasks run.",
    )
    notes: Annotated[list[str], Checked] = Field(
        default_factory=list,
        description="What the user should know of how the plan came about, such as a fallback that was taken.",
    )
    usage: Annotated[list[ChatCall], Checked(list[ChatCall], add)] = Field(
        default_factory=list,
        description="The chat calls of this turn, with their tokens and seconds.",
    )


class State(Response):
    """What the graph knows."""

    replans: Annotated[int, Checked(NonNegativeInt)] = 0
    """How often the rest may still be planned anew in this turn, when tasks have failed."""
    approve: Annotated[Approval, Checked] = "never"
    """What the user is asked about in this turn before tasks run."""
    edit: Annotated[Edit | None, Checked] = None
    """Why the user is asked once more; None when the last answer could be used."""

    @cached_property
    def finished(self) -> dict[str, TaskResult]:
        """The results that stand, by task id, sources first: of planned tasks, and made of what is there now."""
        done: dict[str, TaskResult] = {}
        for task in (self.plan or Plan()).ordered():
            result = self.results.get(task.id)
            if result and (not result.digest or _made_of(result, task, done)):
                done[task.id] = result
        return done

    @property
    def done(self) -> tuple[tuple[Task, TaskResult], ...]:
        """The planned tasks that have results, each with its own, sources first."""
        tasks = (self.plan or Plan()).ordered()
        return tuple((task, self.results[task.id]) for task in tasks if task.id in self.results)

    @property
    def unfinished(self) -> tuple[Task, ...]:
        """The planned tasks without a result that stands, sources first."""
        done = self.finished
        return tuple(task for task in (self.plan or Plan()).ordered() if task.id not in done)


def _made_of(result: TaskResult, task: Task, sources: Mapping[str, TaskResult]) -> bool:
    return all(id_ in sources for id_ in task.dep) and result.digest == task.digest(sources)
