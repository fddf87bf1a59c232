"""`chat`: several turns on one thread."""

import asyncio
import shlex
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import typer

from app import approval, runs
from app.errors import INTERRUPTED, WAITS, say
from app.loop import hurry, loop
from app.output import terminal
from app.view import View
from graph.agent import Agent
from graph.context import Context
from graph.files import files_of
from tools.errors import HuggingGPTError
from tools.outputs import Artifact

HELP = "Type a request; /file PATH adds a file or address to the next one, /quit ends."


def start(files: Sequence[str], options: Mapping[str, Any], thread: str | None) -> None:
    """Talk until the input ends."""
    name, context = thread or runs.new_thread(), runs.context_of(options)
    with loop() as runner:
        stack = AsyncExitStack()
        try:
            conversation = _Conversation(name, context, runner.run(stack.enter_async_context(runs.opened())))
            conversation.files += runner.run(runs.taken(files))
            say(f"Thread {name}. {HELP}")
            while (line := _read()) is not None:
                conversation.hear(line, runner)
        except KeyboardInterrupt:
            hurry()
            kept = shlex.quote(name)
            say(f"\nStopped. Go on with: hugginggpt resume {kept}, or hugginggpt chat --thread {kept}")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            runner.run(stack.aclose())


class _Conversation:
    """What is known between two turns: the files that go with the next one."""

    def __init__(self, thread: str, context: Context, agent: Agent) -> None:
        self.thread, self.context, self.agent = thread, context, agent
        self.files: list[Artifact] = []

    def hear(self, line: str, runner: asyncio.Runner) -> None:
        """Do what a line says; what is wrong with it is told, and the conversation goes on.

        Raises:
            Exit: The plan waits for approval, and nobody can be asked.
        """
        try:
            if line.startswith("/file "):
                self.files += runner.run(runs.taken([line.removeprefix("/file ").strip()]))
            elif line.startswith("/"):
                say(HELP)
            elif line:
                self._turn(line, runner)
        except HuggingGPTError as error:
            say(f"Error: {error}")

    def _turn(self, line: str, runner: asyncio.Runner) -> None:
        given, self.files = runs.request_of(line, self.files), []
        with View(terminal()) as shown:
            shown.know(files_of(given.messages))

            def follow(given: runs.Given) -> Coroutine[Any, Any, approval.Paused]:
                return approval.followed(self.agent, self.thread, given, self.context, shown)

            going = approval.Going(runner, self.context, shown, follow)
            state, question = going.settled(runner.run(follow(given)))
            shown.end(self.thread, state)
        if question:
            say(approval.hint(self.thread))
            if not sys.stdin.isatty():
                raise typer.Exit(WAITS)


def _read() -> str | None:
    """Return the next line, or None at the end of the conversation."""
    try:
        line = input("> ").strip()
    except EOFError:
        return None
    return None if line in ("/quit", "/exit") else line
