"""Runs of the graph: opened with the checkpoints of this user, started, followed and taken up again."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, StateSnapshot

from app.saver import checkpointer, place_of
from graph.agent import Agent, build
from graph.context import Context
from graph.events import DownloadEvent
from graph.files import message
from graph.question import Question
from graph.state import Request, State
from tools.artifacts import store
from tools.assets import on_progress
from tools.chat import check_name
from tools.errors import InputError
from tools.ingest import ingest
from tools.outputs import Artifact
from tools.settings import settings

Given = Request | Command[Any] | None
"""What a run begins or goes on with."""


class Listener(Protocol):
    """Is told what happens in a run."""

    def take(self, mode: str, payload: Any) -> None:
        """Take one item of the stream: `updates`, `custom` or `messages`."""


def new_thread() -> str:
    """Return a name for a new conversation."""
    return secrets.token_hex(4)


def context_of(options: Mapping[str, Any]) -> Context:
    """Return the settings of a run from options of the command line; None leaves one as it is set elsewhere.

    Raises:
        InputError: An option, or a variable of the environment, has no valid value.
    """
    context = Context(**{name: value for name, value in options.items() if value is not None})
    check_name(context.model)
    return context


@asynccontextmanager
async def opened() -> AsyncIterator[Agent]:
    """Open the graph with the user's checkpoints.

    Raises:
        SetupError: The checkpoints cannot be read or written.
    """
    async with checkpointer() as saver:
        yield build(saver)


def check(request: str) -> None:
    """Refuse a request that says nothing, or that is no text.

    Raises:
        InputError: It is empty, or holds bytes that are no UTF-8.
    """
    if any("\ud800" <= char <= "\udfff" for char in request):
        raise InputError("The request is not valid UTF-8 text: type it in a UTF-8 terminal.")
    if not request.strip():
        raise InputError("The request is empty: say what you want to have done.")


def request_of(text: str, files: Sequence[Artifact]) -> Request:
    """Return the graph's input for a request and the files it is about."""
    return Request(messages=[message(text, files)])


async def taken(sources: Sequence[str]) -> list[Artifact]:
    """Return files and addresses the user named as artifacts, in their order."""
    kept = await asyncio.to_thread(store)
    return list(await asyncio.gather(*(ingest(source, kept) for source in sources)))


async def follow(agent: Agent, thread: str, given: Given, context: Context, listener: Listener) -> State:
    """Run the graph on a thread to its end, or until it asks the user, and report what happens.

    Args:
        agent: The graph, with a checkpointer.
        thread: Name of the conversation.
        given: The graph's input, an answer, or None to go on with what is unfinished.
        context: Settings of the run; kept with the thread for a later `resume`.
        listener: Is told everything as it happens.

    Returns:
        The state at the end.
    """
    config = config_of(thread)
    config["metadata"] = context.record()
    on_progress.set(_reporter(listener))
    async for mode, payload in agent.astream(
        given, config, context=context, stream_mode=["updates", "custom", "messages"]
    ):
        listener.take(mode, payload)
    return state_of(await agent.aget_state(config))


async def planned(given: Request, context: Context) -> State:
    """Run the graph up to its plan, and keep nothing."""
    agent, config = build(InMemorySaver()), config_of(new_thread())
    await agent.ainvoke(given, config, context=context, interrupt_after=["plan"])
    return state_of(await agent.aget_state(config))


def _reporter(listener: Listener) -> Callable[[str, int, int], None]:
    """Return what reports downloads outside of tasks, from any thread, to a listener on this event loop."""
    events = asyncio.get_running_loop()

    def report(asset: str, done: int, total: int) -> None:
        event = DownloadEvent(type="download", asset=asset, done=done, total=total)
        events.call_soon_threadsafe(listener.take, "custom", event)

    return report


def config_of(thread: str) -> RunnableConfig:
    """Return the configuration that addresses a thread."""
    return {"configurable": {"thread_id": thread}}


async def snapshot_of(agent: Agent, thread: str) -> StateSnapshot:
    """Return what is kept of a thread.

    Raises:
        InputError: There is no such thread.
    """
    snapshot = await agent.aget_state(config_of(thread))
    if not snapshot.values:
        raise InputError(f"There is no thread {thread} in {place_of(settings())}.")
    return snapshot


def unfinished(snapshot: StateSnapshot) -> bool:
    """Tell whether a thread's last run can be gone on with.

    `snapshot.next` would not do: it leaves out tasks whose results are stored, and a run that was cut just then has
    nothing else, although its next step is still to come.
    """
    return bool(snapshot.tasks)


def asked(snapshot: StateSnapshot) -> Question | None:
    """Return what a thread waits for, when that is the user's approval."""
    questions = (one.value for one in snapshot.interrupts)
    return next((cast(Question, one) for one in questions if isinstance(one, dict) and "costs" in one), None)


def state_of(snapshot: StateSnapshot) -> State:
    """Return a thread's state; its plain values become typed again."""
    return State.model_validate(snapshot.values)


def kept_context(snapshot: StateSnapshot, options: Mapping[str, Any]) -> Context:
    """Return the settings that a thread last ran with, except for those given now."""
    kept = {name: value for name, value in (snapshot.metadata or {}).items() if name in Context.model_fields}
    return context_of({**kept, **{name: value for name, value in options.items() if value is not None}})
