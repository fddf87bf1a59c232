"""A plan on the terminal while a chat model writes it."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from graph.events import PlanEvent


def draft(tasks: Sequence[PlanEvent]) -> Tree:
    """Return the tasks written so far as a tree: every task under the last of its sources that is there.

    Args:
        tasks: Events in their order; what is in them was not checked yet.
    """
    root = Tree("Plan, being written", guide_style="dim")
    branches: dict[str, Tree] = {}
    for task in tasks:
        there = [branches[source] for source in task["sources"] if source in branches]
        label = Text(f"{task['id']} {task['name']}", style="dim", overflow="ellipsis")
        branches[task["id"]] = (there[-1] if there else root).add(label)
    return root
