"""The demo: two requests on the files beside it, with the embedded models. `python -m examples.demo`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dotenv import load_dotenv
from rich.console import Console
from rich.table import Table

from app import runs
from app.errors import FAILED, code_of, say
from app.loop import complete
from app.report import files, has_failed
from app.view import View
from graph.agent import Agent
from graph.context import Context
from graph.state import State
from graph.texts import one_line
from tools.errors import HuggingGPTError

FOLDER = Path(__file__).parent
TEXT_CHARS = 70


class Example(NamedTuple):
    """A request and the file it is about."""

    request: str
    file: Path


EXAMPLES = (
    Example(
        "Transcribe this recording, find the named entities, summarise it and read the summary aloud.",
        FOLDER / "briefing.wav",
    ),
    Example(
        "Read this page, tell me the total due, summarise it, translate the summary to French and read the "
        "translation aloud.",
        FOLDER / "invoice.png",
    ),
)


def run(console: Console, examples: Sequence[Example] = EXAMPLES) -> list[State]:
    """Run examples one after the other and show each as the command line does.

    Returns:
        The state at the end of each.

    Raises:
        HuggingGPTError: One could not be run.
    """

    async def all_of_them() -> list[State]:
        async with runs.opened() as agent:
            return [await _one(agent, example, console) for example in examples]

    return complete(all_of_them())


async def _one(agent: Agent, example: Example, console: Console) -> State:
    console.print(f"\n> {example.request}\n  {example.file.name}\n", style="bold", highlight=False)
    thread = runs.new_thread()
    with View(console) as view:
        view.know(given := await runs.taken([str(example.file)]))
        context = Context(model="embedded", planner="retrieval", mode="local")
        state = await runs.follow(agent, thread, runs.request_of(example.request, given), context, view)
        view.end(thread, state)
    return state


def summary(states: Sequence[State]) -> Table:
    """Return what was done as a table: task, model, seconds, result."""
    table = Table("task", "model", "seconds", "result", title="What was done", title_justify="left", box=None)
    for state in states:
        for task, result in state.done:
            text = result.output.text if result.output else str(result.error and result.error.reason)
            table.add_row(task.name, result.model, f"{result.seconds:.1f}", one_line(text, TEXT_CHARS))
    return table


def main() -> int:
    """Run the demo and return its exit code."""
    load_dotenv(".env")
    console = Console()
    try:
        states = run(console)
    except HuggingGPTError as error:
        say(f"Error: {error}")
        return code_of(error)
    console.print()
    console.print(summary(states))
    for example, state in zip(EXAMPLES, states, strict=True):
        for name, path in files(state):
            console.print(f"\n{example.file.name} -> {name}:\n{path}", highlight=False, soft_wrap=True)
    return FAILED if any(map(has_failed, states)) else 0


if __name__ == "__main__":
    sys.exit(main())
