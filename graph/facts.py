"""What an answer tells by facts: who did what, what failed and what was made. Code writes it, never a model."""

from collections.abc import Sequence

from graph.files import files_of
from graph.state import State
from graph.texts import one_line
from graph.types import Task, TaskResult
from tools.artifacts import store
from tools.links import markdown
from tools.outputs import Artifact

SHOWN = 200
"""Characters of a result in the table of what was done."""
Done = Sequence[tuple[Task, TaskResult]]
"""The tasks that have results, in the order of the plan."""


def table(done: Done) -> str:
    """Return what was done as a Markdown table; its facts come from the results, never from a model."""
    rows = [
        f"| {task.id} | {task.name} | {_who(result)} | {result.seconds:.1f} s | {_outcome(result)} |"
        for task, result in done
    ]
    return "\n".join(["| | task | model | time | result |", "| --- | --- | --- | --- | --- |", *rows])


def fallbacks(done: Done, state: State) -> list[str]:
    """Tell which model did a task that another one was chosen for, and why."""
    first = {id_: chosen.models[0] for id_, chosen in state.assignments.items() if chosen.models}
    return [
        f"{task.name} (task {task.id}) was done by {result.model} instead. {result.failures[0]}"
        for task, result in done
        if result.output and result.failures and result.model != first.get(task.id)
    ]


def failures(done: Done) -> list[str]:
    """Tell which tasks were not done, and why."""
    by_reason: dict[str, list[str]] = {}
    for task, result in done:
        if result.error:
            by_reason.setdefault(result.error.reason, []).append(f"{task.name} (task {task.id})")
    return [f"Not done: {', '.join(tasks)}. {reason}" for reason, tasks in by_reason.items()]


def files_and_links(done: Done) -> tuple[list[Artifact], str]:
    """Return all files of the results, and Markdown that links those worth it."""
    files = _files(done)
    return files, markdown(_worth_a_link(files, done))


def linked(state: State) -> list[Artifact]:
    """Return the artifacts of the answer that are worth a link."""
    return _worth_a_link(files_of(state.messages[-1:]), state.done)


def _who(result: TaskResult) -> str:
    """Return the model, and where it ran when that was not on this machine."""
    remote = result.output is not None and result.output.by == "provider"
    return f"{result.model} (inference provider)" if remote else result.model or "-"


def _outcome(result: TaskResult) -> str:
    output = result.output.text if result.output else ""
    text = f"{result.status}: {result.error.reason}" if result.error else output
    return one_line(text, SHOWN).replace("|", "/")


def _files(done: Done) -> list[Artifact]:
    """Return the files of all results, and each text result as a file, so that later turns can refer to it by name."""
    found: list[Artifact] = []
    for task, result in done:
        if result.output and result.output.files:
            found += result.output.files
        elif result.output and result.output.text:
            found.append(store().put_text(result.output.text, _text_name(task)))
    return found


def _text_name(task: Task) -> str:
    return f"{task.name}-{task.id}.txt"


def _worth_a_link(files: Sequence[Artifact], done: Done) -> list[Artifact]:
    """Return the files without the texts that the table has in full."""
    short = {_text_name(task) for task, result in done if result.output and len(result.output.text) <= SHOWN}
    return [file for file in files if file.media != "text" or file.name not in short]
