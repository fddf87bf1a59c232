"""`run`, `plan`, `resume` and `show`."""

import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import typer
from langgraph.types import Command, StateSnapshot

from app import approval, runs, view
from app.answers import Answer, Decision, usable
from app.errors import FAILED, WAITS, code_of, say
from app.loop import complete, stoppable
from app.output import only_json, terminal
from app.parts import tree
from app.report import has_failed, report
from graph.agent import Agent
from graph.approve import edited
from graph.context import Context
from graph.files import files_of
from graph.planners.wire import write
from graph.state import State
from graph.types import Plan
from tools.errors import HuggingGPTError, InputError

Options = Mapping[str, Any]
Begin = Callable[[Agent, view.View], Awaitable[tuple[runs.Given, Context] | None]]
"""Returns what a run begins with and its settings; None to leave the thread as it is."""


def start(request: str, files: Sequence[str], options: Options, thread: str | None, as_json: bool) -> None:
    """Run a request on a new thread, or on one that exists."""
    name, context = thread or runs.new_thread(), runs.context_of(options)
    runs.check(request)

    async def begin(agent: Agent, shown: view.View) -> tuple[runs.Given, Context]:
        shown.know(kept := await runs.taken(files))
        return runs.request_of(request, kept), context

    _go(name, begin, as_json)


def resume(thread: str, answer: Answer, options: Options, as_json: bool) -> None:
    """Go on with the unfinished run of a thread; one that has ended is shown as it is."""

    async def begin(agent: Agent, shown: view.View) -> tuple[runs.Given, Context] | None:
        snapshot = await runs.snapshot_of(agent, thread)
        state, context = runs.state_of(snapshot), runs.kept_context(snapshot, options)
        decision = await _decision(answer, snapshot, context)
        if not runs.unfinished(snapshot):
            say(f"Nothing is unfinished in thread {thread}.")
            shown.show(state)
            return None
        shown.begin(state)
        return (Command(resume={"decisions": [decision]}) if decision else None), context

    _go(thread, begin, as_json)


async def _decision(answer: Answer, snapshot: StateSnapshot, context: Context) -> Decision | None:
    """Return the answer that was given in options, and refuse one that cannot be used."""
    if (decision := answer.decision()) is None:
        return None
    if not runs.asked(snapshot):
        raise InputError("This thread does not wait for approval.")
    if decision["type"] == "edit":
        with usable():
            await edited(runs.state_of(snapshot), decision["edited_action"]["args"], context)
    return decision


def show(thread: str, as_json: bool) -> None:
    """Show a thread as it is."""

    async def begin(agent: Agent, shown: view.View) -> None:
        snapshot = await runs.snapshot_of(agent, thread)
        shown.show(runs.state_of(snapshot))
        if runs.unfinished(snapshot) and not runs.asked(snapshot):
            say(f"This run is unfinished; go on with: hugginggpt resume {shlex.quote(thread)}")

    _go(thread, begin, as_json, shows=True)


def plan_only(request: str, files: Sequence[str], options: Options, as_json: bool) -> None:
    """Make a plan and show it."""
    context = runs.context_of(options)
    runs.check(request)

    async def work() -> State:
        return await runs.planned(runs.request_of(request, await runs.taken(files)), context)

    with only_json(as_json) as put:
        state = complete(work())
        for note in state.notes:
            say(f"Note: {note}")
        made = state.plan or Plan()
        put({"plan": write(made)})
        if not as_json:
            names = {file.ref: file.name for file in files_of(state.messages)}
            shown = tree(made, names)
            terminal().print(shown if made.tasks else "No tasks: this is answered as conversation.")


def _go(thread: str, begin: Begin, as_json: bool, shows: bool = False) -> None:
    """Do the work with the graph open, show or print it, and exit with the code that fits."""
    began = time.monotonic()
    with only_json(as_json) as put, view.View(terminal(as_json), streams=not as_json) as shown:
        state, question = _finished(thread, begin, shown, asks=not shows and not as_json)
        if question:
            say(approval.hint(thread))
        put(report(thread, state, time.monotonic() - began, question))
        if not as_json:
            shown.end(thread, state)
    if not shows and (question or has_failed(state)):
        raise typer.Exit(WAITS if question else FAILED)


def _finished(thread: str, begin: Begin, shown: view.View, asks: bool) -> approval.Paused:
    """Run to the end, or to a question that is left; with `asks` it is asked on the terminal."""

    def ended(why: str) -> None:
        shown.stop()
        say(why)
        if shown.begun:
            say(f"What was finished is kept; go on with: hugginggpt resume {shlex.quote(thread)}")

    try:
        with stoppable(ended) as runner:
            context, paused = runner.run(_begun(thread, begin, shown))
            if context is None:
                return approval.shown(paused, shown)
            going = approval.Going(runner, context, shown, lambda given: _on(thread, given, context, shown))
            return going.settled(paused, asks)
    except HuggingGPTError as error:
        # What cannot be done as it was asked for cannot be gone on with.
        shown.begun &= not isinstance(error, InputError)
        ended(f"Error: {error}")
        raise typer.Exit(code_of(error)) from None


async def _begun(thread: str, begin: Begin, shown: view.View) -> tuple[Context | None, approval.Paused]:
    async with runs.opened() as agent:
        if (begun := await begin(agent, shown)) is None:
            snapshot = await runs.snapshot_of(agent, thread)
            return None, (runs.state_of(snapshot), runs.asked(snapshot))
        given, context = begun
        shown.begun = True
        return context, await approval.followed(agent, thread, given, context, shown)


async def _on(thread: str, given: runs.Given, context: Context, shown: view.View) -> approval.Paused:
    async with runs.opened() as agent:
        return await approval.followed(agent, thread, given, context, shown)
