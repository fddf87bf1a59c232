"""The retrieval planner: no language model, sentence embeddings choose the tasks and the media decide the links.

Each clause of the request is compared with the example phrases of the task table; the closest row is its task.
"""

from collections.abc import Mapping, Sequence

from graph.planners.retrieval_clauses import read
from graph.planners.retrieval_examples import Embed, compare
from graph.planners.retrieval_linking import Linker, Step
from graph.planners.retrieval_matching import Matcher
from graph.state import Plan, Task
from tools.outputs import Artifact
from tools.tasks import TaskRow

__all__ = ["Embed", "Step", "draft", "plan"]


async def plan(request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow], embed: Embed) -> Plan:
    """Plan a request.

    Args:
        request: What is wanted, in plain words.
        files: The conversation's files, newest last.
        rows: The task types to plan with, by name.
        embed: The embedding model that compares the request with the rows' examples.

    Returns:
        The plan; without tasks when the request is only to be talked about.

    Raises:
        InputError: A task needs a file or a text that was not given.
    """
    steps = await draft(request, files, rows, embed)
    if all(step.row.name == "conversational" for step in steps):
        return Plan()
    return Plan(tasks=tuple(Task(id=step.id, name=step.row.name, inputs=step.inputs) for step in steps))


async def draft(
    request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow], embed: Embed
) -> list[Step]:
    """Do the same as `plan`, unchecked, so that rows other than those of the task table can be tried.

    Args:
        request: What is wanted, in plain words.
        files: The conversation's files, newest last.
        rows: The task types to plan with, by name.
        embed: The embedding model.

    Returns:
        The steps, sources first.

    Raises:
        InputError: A task needs a file or a text that was not given.
    """
    parts = read(request, files)
    wanted = [clause.plain for clause in parts.clauses if clause.plain]
    scores = dict(zip(wanted, await compare(wanted, rows, embed), strict=True))
    picks = Matcher(parts, files, rows).choose(scores)
    return Linker(parts, files, rows).link(picks)
