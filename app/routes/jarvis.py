"""The routes of the original JARVIS server, with the shapes its clients know (microsoft/JARVIS, awesome_chat.py)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.routes.bodies import bounded, unless_gone
from app.routes.jarvis_messages import Said, conversation
from app.routes.jarvis_results import addressed, answer, results_of
from app.runs import context_of, new_thread
from graph.agent import build, graph
from graph.planners import wire
from graph.state import Request as Given
from graph.state import State
from graph.types import Plan
from tools.errors import HuggingGPTError

Reply = dict[str, Any] | list[dict[str, Any]]
UNASKED = {"approve": "never"}
"""These clients cannot be asked anything."""


class Call(NamedTuple):
    """A request of a client, understood."""

    given: Given
    """The graph's input."""
    base: str
    """Address of this server, as the client has it."""
    configurable: dict[str, Any]
    """Says whose run it is, as LangGraph Server does."""


class Body(BaseModel):
    """What the three routes take. Keys that clients send along are neither used nor kept: this server has its own."""

    messages: list[Said] = Field(min_length=1)


async def hugginggpt(request: Request) -> Response:
    """Run a request and return `{"message": answer}`, with links to what was made.

    ---
    summary: Run a request as JARVIS does
    tags: [JARVIS]
    responses:
      "200": {description: 'The answer'}
      "400": {description: The body has another shape}
    """
    return await _replied(request, _answer)


async def tasks(request: Request) -> Response:
    """Return the plan of a request in the original's wire form, or `{"message": answer}` where nothing is to be run.

    ---
    summary: Plan a request as JARVIS does
    tags: [JARVIS]
    responses:
      "200": {description: 'The tasks in wire form'}
      "400": {description: The body has another shape}
    """
    return await _replied(request, _tasks)


async def results(request: Request) -> Response:
    """Run a request and return its results by task id, or `{"message": answer}` where nothing was to be run.

    ---
    summary: Run a request as JARVIS does, for its results
    tags: [JARVIS]
    responses:
      "200": {description: 'The results by task id'}
      "400": {description: The body has another shape}
    """
    return await _replied(request, _results)


async def _replied(request: Request, work: Callable[[Call], Coroutine[Any, Any, Reply]]) -> Response:
    """Return what the work comes to; as in the original an error is a message as well, with status 200."""
    data = await bounded(request).body()
    try:
        call = await asyncio.to_thread(_call, request, data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        return JSONResponse({"message": f"The request is not valid: {place}: {first['msg']}."}, 400)
    try:
        return JSONResponse(await unless_gone(request, work(call)))
    except HuggingGPTError as error:
        return JSONResponse({"message": str(error)})


def _call(request: Request, data: bytes) -> Call:
    base, user = str(request.base_url), request.scope.get("user")
    owner = user if user is not None and user.is_authenticated else None
    given = conversation(Body.model_validate_json(data).messages, base)
    return Call(given, base, {"langgraph_auth_user": owner})


async def _answer(call: Call) -> Reply:
    state = await _finished(call)
    return {"message": await asyncio.to_thread(answer, state, call.base)}


async def _results(call: Call) -> Reply:
    state = await _finished(call)
    if not state.results:
        return {"message": await asyncio.to_thread(answer, state, call.base)}
    return await results_of(state, call.base)


async def _tasks(call: Call) -> Reply:
    agent = build(InMemorySaver())
    config: RunnableConfig = {"configurable": {**call.configurable, "thread_id": new_thread()}}
    # A plan without tasks goes on to the answer.
    await agent.ainvoke(call.given, config, context=context_of(UNASKED), interrupt_before=["select"])
    state = State.model_validate((await agent.aget_state(config)).values)
    return await asyncio.to_thread(_written, state, call.base)


def _written(state: State, base: str) -> Reply:
    plan = state.plan or Plan()
    if not plan.tasks:
        return {"message": answer(state, base)}
    return [addressed(task, state, base) for task in wire.write(plan, generated="<GENERATED>")]


async def _finished(call: Call) -> State:
    # Without a thread nothing is kept of it.
    config: RunnableConfig = {"configurable": call.configurable}
    return State.model_validate(await graph.ainvoke(call.given, config, context=context_of(UNASKED)))
