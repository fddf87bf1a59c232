"""The routes of the original JARVIS server, with the shapes its clients know (microsoft/JARVIS, awesome_chat.py)."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.routes.bodies import bounded, unless_gone
from app.routes.jarvis_messages import Said, conversation
from app.routes.jarvis_results import addressed, answer, results_of
from app.runs import context_of
from graph.agent import build, graph
from graph.planners import wire
from graph.state import Request as Given
from graph.state import State
from tools.assets import cancelled
from tools.errors import HuggingGPTError

Reply = dict[str, Any] | list[dict[str, Any]]


class Body(BaseModel):
    """What the three routes take. Keys that clients send along are neither used nor kept: this server has its own."""

    messages: list[Said] = Field(min_length=1)


async def hugginggpt(request: Request) -> Response:
    """Run a request and return `{"message": answer}`, with links to what was made."""
    return await _replied(request, _answer)


async def tasks(request: Request) -> Response:
    """Return the plan of a request in the original's wire form, or `{"message": answer}` where nothing is to be run."""
    return await _replied(request, _tasks)


async def results(request: Request) -> Response:
    """Run a request and return its results by task id, or `{"message": answer}` where nothing was to be run."""
    return await _replied(request, _results)


async def _replied(
    request: Request, work: Callable[[Given, Request], Coroutine[Any, Any, Reply]]
) -> Response:
    """Return what the work comes to; as in the original an error is a message as well, with status 200."""
    data = await bounded(request).body()
    try:
        body = await asyncio.to_thread(Body.model_validate_json, data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        return JSONResponse({"message": f"The request is not valid: {place}: {first['msg']}."}, 400)
    try:
        return JSONResponse(
            await unless_gone(request, work(conversation(body.messages, str(request.base_url)), request))
        )
    except HuggingGPTError as error:
        return JSONResponse({"message": str(error)})


async def _answer(given: Given, asked: Request) -> Reply:
    state = await _stoppable(_finished(given, asked))
    return {"message": await asyncio.to_thread(answer, state, str(asked.base_url))}


async def _results(given: Given, asked: Request) -> Reply:
    state, base = await _stoppable(_finished(given, asked)), str(asked.base_url)
    if not state.results:
        return {"message": await asyncio.to_thread(answer, state, base)}
    return await results_of(state, base)


async def _tasks(given: Given, asked: Request) -> Reply:
    state, base = await _stoppable(_planned(given, asked)), str(asked.base_url)
    if not (state.plan and state.plan.tasks):
        return {"message": await asyncio.to_thread(answer, state, base)}
    written = wire.write(state.plan, generated="<GENERATED>")
    return [await asyncio.to_thread(addressed, task, state, base) for task in written]


def _config(asked: Request, **more: Any) -> RunnableConfig:
    """Tell a run whose it is, as LangGraph Server does for its own."""
    return {"configurable": {"langgraph_auth_user": asked.user, **more}}


async def _finished(given: Given, asked: Request) -> State:
    return State.model_validate(await graph.ainvoke(given, _config(asked), context=context_of({})))


async def _planned(given: Given, asked: Request) -> State:
    """Run up to the plan, or to the end where it has no tasks."""
    agent, config = build(InMemorySaver()), _config(asked, thread_id="plan")
    await agent.ainvoke(given, config, context=context_of({}), interrupt_before=["select"])
    return State.model_validate((await agent.aget_state(config)).values)


async def _stoppable(run: Awaitable[State]) -> State:
    """Wait for a run; when this is cancelled, the downloads in its threads stop as well."""
    stop = threading.Event()
    cancelled.set(stop)
    try:
        return await run
    finally:
        stop.set()
