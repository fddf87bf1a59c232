"""Nodes and conditional edges that both `ainvoke` and `invoke` of a graph can run, each written once."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime, get_runtime
from langgraph.types import Send

from graph.context import Context
from graph.owners import check_model
from graph.state import State

T = TypeVar("T")
Function = Callable[[Any, Runtime[Context]], Awaitable[dict[str, Any]]]
"""Takes the state, or what a Send carries, and the runtime; returns what changes in the state."""

_mutex = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


class Node(Runnable[Any, Any]):
    """A coroutine function as a node.

    When a graph is invoked without an event loop, LangGraph runs its nodes in threads. All of them then wait here
    for one loop in the background, so that tasks find each other on the board and clients keep their connections.

    Args:
        function: What it does.
    """

    def __init__(self, function: Function) -> None:
        self.name = function.__name__
        self._function = function

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Run the node on the background loop and wait for it."""
        return wait_for(self.ainvoke(input))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Run the node."""
        runtime = get_runtime(Context)
        # Without settings of its own a run asks the model that the server names.
        if isinstance(runtime.context, Context):
            check_model(runtime.context.model)
        return await self._function(input, runtime)


class Router(Runnable[State, Any]):
    """A pure function of the state as a conditional edge.

    LangGraph runs a plain function in a thread, which takes longer than the function.

    Args:
        function: Returns the node to go on with, or what is sent to it.
    """

    def __init__(self, function: Callable[[State], list[Send] | str]) -> None:
        self.name = function.__name__
        self._function = function

    def invoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Return where to go on."""
        return self._function(input)

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Return where to go on."""
        return self._function(input)


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop, in this thread's context; stop it when the waiting is stopped."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    finally:
        future.cancel()


def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop of a daemon thread, which is started when first needed."""
    with _mutex:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="hugginggpt", daemon=True).start()
        return _loops[0]
