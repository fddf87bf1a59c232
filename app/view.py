"""A run on the terminal: the plan as a tree, the tasks as they go, the answer as it is written, the files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langgraph.types import Overwrite
from rich.console import Console

from app.parts import row_of, show_files, show_texts, tasks_table, tree
from app.progress import Progress
from app.streamed import Streamed
from app.usage import show_usage
from graph.files import files_of
from graph.respond import answer_of
from graph.state import State
from graph.types import Plan
from tools.outputs import Artifact


@dataclass
class View:
    """Shows a run; on anything but a terminal one line per change instead of a table that changes.

    Args:
        console: Where to show it.
        streams: Whether the answer is shown while it is written.
    """

    console: Console
    streams: bool = True
    begun: bool = False
    """Whether the run has begun, so that it can be taken up again."""
    names: dict[str, str] = field(default_factory=dict)
    """Names of files by their references."""
    _answer: Streamed = field(default_factory=Streamed)

    def __post_init__(self) -> None:
        self.progress = Progress(self.console)

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take(self, mode: str, payload: Any) -> None:
        """Show one item of the graph's stream."""
        handlers: dict[str, Callable[[Any], None]] = {
            "updates": self._updated,
            "custom": self._reported,
            "messages": self._written,
        }
        handlers[mode](payload)

    def know(self, files: Sequence[Artifact]) -> None:
        """Note the names of files, to show them instead of their references."""
        self.names.update({file.ref: file.name for file in files})

    def begin(self, state: State) -> None:
        """Show what is there already of a run that goes on."""
        self.know(files_of(state.messages))
        self._planned(state.plan or Plan())
        self.progress.assign(state.assignments)
        self.progress.end(state.finished)

    def show(self, state: State) -> None:
        """Show a thread's plan with models and statuses; `end` shows what came out."""
        self.know(files_of(state.messages))
        plan = state.plan or Plan()
        if plan.tasks:
            self.console.print(tree(plan, self.names))
            self.console.print(tasks_table({task.id: row_of(task, state) for task in plan.ordered()}))

    def end(self, thread: str, state: State) -> None:
        """Show the answer, where it was not shown yet, then what every task made, the files and the thread."""
        self.stop()
        self._say(self._answer.rest())
        if self._answer.shown:
            self.console.print()
        if self.streams and (rest := _rest(answer_of(state), self._answer.shown.strip())):
            self.console.print(f"\n{rest}", markup=False, highlight=False, soft_wrap=True)
        show_texts(self.console, state)
        show_files(self.console, state)
        show_usage(self.console, state.usage)
        self.console.print(f"\nThread {thread}", style="dim", highlight=False)

    def _updated(self, update: Mapping[str, Any]) -> None:
        shows: dict[str, Callable[[Any], None]] = {
            "plan": self._planned,
            "assignments": self.progress.assign,
            "results": self.progress.end,
        }
        for part in update.values():
            for key, show in shows.items():
                value = part.get(key) if isinstance(part, Mapping) else None
                # A plan overwrites all assignments and results with those that stay: none in a new turn.
                if value := value.value if isinstance(value, Overwrite) else value:
                    show(value)

    def _planned(self, plan: Plan) -> None:
        self.progress.plan(plan, self.names)

    def _reported(self, event: Any) -> None:
        if event["type"] == "plan":
            self.progress.draft(event)
        elif event["type"] == "note":
            self.console.print(f"Note: {event['text']}", markup=False, highlight=False)
        if "asset" in event:
            self.progress.fetch(event["asset"], event["done"], event["total"])
        if event["type"] == "task":
            shown = {name: event[name] for name in ("status", "model", "seconds", "reason") if name in event}
            self.progress.change(event["id"], **shown)

    def _written(self, item: tuple[BaseMessage, Mapping[str, Any]]) -> None:
        message, metadata = item
        if (
            metadata.get("langgraph_node") != "respond"
            or not isinstance(message, AIMessageChunk)
            or not self.streams
        ):
            return
        self.stop()
        self._say(self._answer.add(str(message.text)))

    def _say(self, text: str) -> None:
        self.console.print(text, end="", markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the table as it is."""
        self.progress.stop()


def _rest(answer: str, streamed: str) -> str:
    """Return what of the answer was not streamed: paragraphs put there by code, or all of it if it was cut."""
    rest = answer.removeprefix(streamed)
    return rest.strip() if not rest or rest.startswith("\n") else answer
