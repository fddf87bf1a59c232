"""`chat`: several turns on one thread."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import typer

from app import runs
from app.errors import INTERRUPTED, say
from app.output import terminal
from app.view import View
from graph.agent import Agent
from graph.context import Context
from graph.files import files_of
from graph.state import State
from tools.errors import HuggingGPTError
from tools.outputs import Artifact

HELP = "Type a request; /file PATH adds a file or address to the next one, /quit ends."


def start(files: Sequence[str], options: Mapping[str, Any], thread: str | None) -> None:
    """Talk until the input ends."""
    name, context = thread or runs.new_thread(), runs.context_of(options)
    with runs.loop() as runner:
        stack = AsyncExitStack()
        try:
            conversation = _Conversation(name, context, runner.run(stack.enter_async_context(runs.opened())))
            conversation.files += runner.run(runs.taken(files))
            say(f"Thread {name}. {HELP}")
            while (line := _read()) is not None:
                runner.run(conversation.hear(line))
        except KeyboardInterrupt:
            runs.hurry()
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

    async def hear(self, line: str) -> None:
        """Do what a line says; what is wrong with it is told, and the conversation goes on."""
        try:
            if line.startswith("/file "):
                self.files += await runs.taken([line.removeprefix("/file ").strip()])
            elif line.startswith("/"):
                say(HELP)
            elif line:
                await self._turn(line)
        except HuggingGPTError as error:
            say(f"Error: {error}")

    async def _turn(self, line: str) -> State:
        given, self.files = runs.request_of(line, self.files), []
        with View(terminal()) as shown:
            shown.know(files_of(given.messages))
            state = await runs.follow(self.agent, self.thread, given, self.context, shown)
            shown.end(self.thread, state)
        return state


def _read() -> str | None:
    """Return the next line, or None at the end of the conversation."""
    try:
        line = input("> ").strip()
    except EOFError:
        return None
    return None if line in ("/quit", "/exit") else line
