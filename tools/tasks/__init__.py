"""The task table: one row for each Hugging Face task type, and those that `register` adds."""

import re

from tools import plugins
from tools.errors import SetupError
from tools.tasks import audio, control, tabular, text, video, vision
from tools.tasks.row import Slot, TaskRow

__all__ = ["BUILT_IN", "TASKS", "Slot", "TaskRow", "find", "register"]

TASKS: dict[str, TaskRow] = {
    row.name: row for group in (text, vision, audio, video, tabular, control) for row in group.ROWS
}
"""All rows by name, e.g. `TASKS["summarization"]`."""
BUILT_IN = tuple(TASKS)
"""Names of the rows that come with this repository."""


def find(name: str) -> TaskRow | None:
    """Return the row a name means, or None.

    Args:
        name: A row's name or alias in any case, with spaces or underscores for hyphens, e.g. `Image To Text`.
    """
    key = re.sub(r"[\s_-]+", "-", name.strip().lower())
    return TASKS.get(key) or next((row for row in TASKS.values() if key in row.aliases), None)


def register(row: TaskRow) -> None:
    """Add a task type of your own; the planners, tools and checks then know it like any other.

    Call it in a module that `HUGGINGGPT_PLUGINS` names: whatever process resumes or serves a run must know the row too.

    Args:
        row: The task type. Adding the same row again changes nothing.

    Raises:
        SetupError: Its name or an alias already means another task type.
    """
    for name in (row.name, *row.aliases):
        if (known := find(name)) and known != row:
            raise SetupError(f"the task type {row.name} cannot be added: {name!r} already means {known.name}")
    TASKS[row.name] = row


# When the table is whole: a plugin imports this module.
plugins.load()
