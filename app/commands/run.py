"""`run`, `plan`, `resume` and `show`."""

import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import typer

from app import runs, view
from app.errors import FAILED, code_of, say
from app.output import only_json, terminal
from app.parts import tree
from app.report import has_failed, report
from graph.agent import Agent
from graph.files import files_of
from graph.planners.wire import write
from graph.state import Plan, State
from tools.errors import HuggingGPTError

Options = Mapping[str, Any]
Work = Callable[[Agent, view.View], Awaitable[State]]


def start(request: str, files: Sequence[str], options: Options, thread: str | None, as_json: bool) -> None:
    """Run a request on a new thread, or on one that exists."""
    name, context = thread or runs.new_thread(), runs.context_of(options)
    runs.check(request)

    async def work(agent: Agent, shown: view.View) -> State:
        shown.know(kept := await runs.taken(files))
        given = runs.request_of(request, kept)
        shown.begun = True
        return await runs.follow(agent, name, given, context, shown)

    _go(name, work, as_json)


def resume(thread: str, options: Options, as_json: bool) -> None:
    """Go on with the unfinished run of a thread; one that has ended is shown as it is."""

    async def work(agent: Agent, shown: view.View) -> State:
        snapshot = await runs.snapshot_of(agent, thread)
        state = runs.state_of(snapshot)
        if not runs.unfinished(snapshot):
            say(f"Nothing is unfinished in thread {thread}.")
            shown.show(state)
            return state
        shown.begin(state)
        shown.begun = True
        return await runs.follow(agent, thread, None, runs.kept_context(snapshot, options), shown)

    _go(thread, work, as_json)


def show(thread: str, as_json: bool) -> None:
    """Show a thread as it is."""

    async def work(agent: Agent, shown: view.View) -> State:
        snapshot = await runs.snapshot_of(agent, thread)
        state = runs.state_of(snapshot)
        shown.show(state)
        if runs.unfinished(snapshot):
            say(f"This run is unfinished; go on with: hugginggpt resume {shlex.quote(thread)}")
        return state

    _go(thread, work, as_json, fails=False)


def plan_only(request: str, files: Sequence[str], options: Options, as_json: bool) -> None:
    """Make a plan and show it."""
    context = runs.context_of(options)
    runs.check(request)

    async def work() -> State:
        return await runs.planned(runs.request_of(request, await runs.taken(files)), context)

    with only_json(as_json) as put:
        state = runs.complete(work())
        for note in state.notes:
            say(f"Note: {note}")
        made = state.plan or Plan()
        put({"plan": write(made)})
        if not as_json:
            names = {file.ref: file.name for file in files_of(state.messages)}
            shown = tree(made, names)
            terminal().print(shown if made.tasks else "No tasks: this is answered as conversation.")


def _go(thread: str, work: Work, as_json: bool, fails: bool = True) -> None:
    """Do the work with the graph open, show or print it, and exit with the code that fits."""
    began = time.monotonic()
    with only_json(as_json) as put, view.View(terminal(as_json), streams=not as_json) as shown:
        state = _finished(thread, work, shown)
        put(report(thread, state, time.monotonic() - began))
        if not as_json:
            shown.end(thread, state)
    if fails and has_failed(state):
        raise typer.Exit(FAILED)


def _finished(thread: str, work: Work, shown: view.View) -> State:
    async def with_agent() -> State:
        async with runs.opened() as agent:
            return await work(agent, shown)

    def ended(why: str) -> None:
        shown.stop()
        say(why)
        if shown.begun:
            say(f"What was finished is kept; go on with: hugginggpt resume {shlex.quote(thread)}")

    try:
        return runs.complete(with_agent(), ended)
    except HuggingGPTError as error:
        ended(f"Error: {error}")
        raise typer.Exit(code_of(error)) from None
