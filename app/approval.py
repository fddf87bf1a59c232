"""The question whether a plan may run, on the terminal: shown, answered there or by options, or left."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.types import Command
from rich.console import Console
from rich.table import Table

from app import runs
from app.errors import say
from app.view import View
from graph.agent import Agent
from graph.approve import edited
from graph.context import Context
from graph.planners.wire import PlanError
from graph.question import ACTION, Question, cells, totals
from graph.state import State
from tools.errors import InputError, SetupError

Decision = dict[str, Any]
"""An answer to the graph's question."""
Check = Callable[[Mapping[str, Any]], object]
"""Raises PlanError for an edit that cannot be used."""
APPROVE: Decision = {"type": "approve"}


Paused = tuple[State, Question | None]
"""Where a run stands, and what it waits for."""


@dataclass(frozen=True)
class Answer:
    """The answer in the options of `resume`; at most one of them is given."""

    accept: bool = False
    reject: str | None = None
    edit: Path | None = None

    def decision(self) -> Decision | None:
        """Return what was answered, or None when no option was given.

        Raises:
            InputError: There are several answers, or the file holds no JSON.
        """
        if sum((self.accept, self.reject is not None, self.edit is not None)) > 1:
            raise InputError("Give only one of --accept, --reject and --edit.")
        if self.edit:
            return _from_file(self.edit)
        return APPROVE if self.accept else None if self.reject is None else rejection(self.reject)


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
            if (decision := _ask(question, self._checked(state))) is None:
                break
            self.shown.go_on()
            answer: Command[Any] = Command(resume={"decisions": [decision]})
            state, question = shown(self.runner.run(self.follow(answer)), self.shown)
        return state, question

    def _checked(self, state: State) -> Check:
        return lambda args: self.runner.run(edited(state, args, self.context))


async def followed(agent: Agent, thread: str, given: runs.Given, context: Context, view: View) -> Paused:
    """Run the graph as `runs.follow`, and tell what it waits for at the end."""
    state = await runs.follow(agent, thread, given, context, view)
    return state, runs.asked(await runs.snapshot_of(agent, thread))


def shown(paused: Paused, view: View) -> Paused:
    """Show what a run waits for, if it does."""
    if question := paused[1]:
        view.stop()
        _show(view.console, question)
    return paused


def hint(thread: str) -> str:
    """Return how a question is answered later."""
    return (
        "It waits for approval; go on with --accept, --reject REASON or --edit FILE after: "
        f"hugginggpt resume {shlex.quote(thread)}"
    )


def rejection(reason: str) -> Decision:
    """Return the answer that rejects a plan."""
    return {"type": "reject", "message": reason}


def edition(args: Mapping[str, Any]) -> Decision:
    """Return the answer that lets a changed plan run."""
    return {"type": "edit", "edited_action": {"name": ACTION, "args": dict(args)}}


def _show(console: Console, question: Question) -> None:
    """Show what is asked, below the tree of the plan: models with what they take, and what was wrong before."""
    if problem := question.get("problem"):
        console.print(problem, markup=False, highlight=False)
    if not question["costs"]:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "task", "model", "where", "download", "memory", "price"):
        table.add_column(name, overflow="fold", justify="right" if name in ("download", "memory") else "left")
    before = ""
    for one in question["costs"]:
        task, name, *rest = cells(one)
        table.add_row(*(("", "  else") if task == before else (task, name)), *rest)
        before = task
    console.print(table)
    console.print(totals(question["costs"]), highlight=False)


def _ask(question: Question, check: Check) -> Decision | None:
    """Ask on the terminal until there is an answer; None when the input ends.

    Args:
        question: What is asked.
        check: Validates an edit.
    """
    text = json.dumps(question["action_requests"][0]["args"], indent=2, ensure_ascii=False)
    while True:
        try:
            line = input("[a]ccept, [e]dit or [r]eject? ").strip().lower()
            if line in ("a", "accept"):
                return APPROVE
            if line in ("r", "reject"):
                return rejection(input("Why? "))
        except EOFError:
            return None
        if line in ("e", "edit"):
            try:
                text = _in_editor(text)
                args = _args(text)
                with usable():
                    check(args)
                return edition(args)
            except (InputError, SetupError) as error:
                say(f"Error: {error} Edit again to mend it.")


@contextmanager
def usable() -> Iterator[None]:
    """Tell in a sentence why an edit cannot be used.

    Raises:
        InputError: It cannot.
    """
    try:
        yield
    except PlanError as error:
        raise InputError(f"This plan cannot be used: {error}.") from None


def _args(text: str) -> dict[str, Any]:
    """Return the edit that a text holds: plan and models, or the tasks alone."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"This is not JSON: {error}.") from None
    return found if isinstance(found, dict) else {"tasks": found}


def _from_file(file: Path) -> Decision:
    try:
        return edition(_args(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.") from None


def _in_editor(text: str) -> str:
    """Return a text as the user's editor leaves it.

    Raises:
        SetupError: The editor cannot be run.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="hugginggpt-") as folder:
        file = Path(folder) / "plan.json"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the user's own editor
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise SetupError(
                f"The editor {editor!r} failed ({error}); set EDITOR to one that runs."
            ) from None
