"""The question whether a plan may run, on the terminal: shown, and the run gone on with as it is answered."""

import asyncio
import shlex
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from langgraph.types import Command
from rich.console import Console

from app import runs
from app.answers import Check, ask
from app.output import table
from app.view import View
from graph.agent import Agent
from graph.approve import edited
from graph.context import Context
from graph.files import files_of
from graph.question import HEADER, Question, cells, totals, without_models
from graph.state import State

Paused = tuple[State, Question | None]
"""Where a run stands, and what it waits for."""


@dataclass(frozen=True)
class Going:
    """A run that is gone on with as long as its questions are answered on the terminal.

    Args:
        runner: Where its coroutines run.
        context: Its settings.
        shown: Shows it.
        follow: Goes on with an answer.
    """

    runner: asyncio.Runner
    context: Context
    shown: View
    follow: Callable[[Command[Any]], Coroutine[Any, Any, Paused]]

    def settled(self, paused: Paused, asks: bool = True) -> Paused:
        """Return how it ends, or the question that is left: at the end of the input, or where nobody can be asked."""
        state, question = shown(paused, self.shown)
        while question and asks and sys.stdin.isatty():
            if (decision := ask(question, self._checked(state))) is None:
                break
            self.shown.progress.go_on()
            answer: Command[Any] = Command(resume={"decisions": [decision]})
            state, question = shown(self.runner.run(self.follow(answer)), self.shown)
        return state, question

    def _checked(self, state: State) -> Check:
        return lambda args: self.runner.run(edited(state, args, self.context))


async def followed(agent: Agent, thread: str, given: runs.Given, context: Context, view: View) -> Paused:
    """Run the graph as `runs.follow`, and tell what it waits for at the end."""
    # A plan may name files of turns before this one.
    view.know(files_of(runs.state_of(await agent.aget_state(runs.config_of(thread))).messages))
    state = await runs.follow(agent, thread, given, context, view)
    return state, runs.asked(await runs.snapshot_of(agent, thread))


def shown(paused: Paused, view: View) -> Paused:
    """Show what a run waits for, if it does."""
    state, question = paused
    if question:
        view.progress.pause()
        _show(view.console, question)
        for line in without_models(state):
            view.console.print(line, markup=False, highlight=False, soft_wrap=True)
    return paused


def hint(thread: str) -> str:
    """Return how a question is answered later."""
    answers = "--approve, --reject REASON or --edit FILE"
    return f"The plan waits for approval; go on with: hugginggpt resume {shlex.quote(thread)} {answers}"


def _show(console: Console, question: Question) -> None:
    """Show what is asked, below the tree of the plan: models with what they take, and what was wrong before."""
    if problem := question.get("problem"):
        console.print(problem, markup=False, highlight=False)
    if not question["costs"]:
        return
    models = table("", *HEADER[2:])
    for column in models.columns:
        column.justify = "right" if column.header in ("download", "memory") else "left"
    before = ""
    for one in question["costs"]:
        task, _, *rest = cells(one)
        models.add_row("else" if task == before else task, *rest)
        before = task
    console.print(models)
    console.print(totals(question["costs"]), highlight=False)
