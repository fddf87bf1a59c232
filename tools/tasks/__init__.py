"""The task table: one row for each Hugging Face task type."""

import re

from tools.tasks import audio, control, tabular, text, video, vision
from tools.tasks.row import Slot, TaskRow

__all__ = ["TASKS", "Slot", "TaskRow", "find"]

TASKS: dict[str, TaskRow] = {
    row.name: row for group in (text, vision, audio, video, tabular, control) for row in group.ROWS
}
"""All rows by name, e.g. `TASKS["summarization"]`."""


def find(name: str) -> TaskRow | None:
    """Return the row a name means, or None.

    Args:
        name: A row's name or alias in any case, with spaces or underscores for hyphens, e.g. `Image To Text`.
    """
    key = re.sub(r"[\s_-]+", "-", name.strip().lower())
    return TASKS.get(key) or next((row for row in TASKS.values() if key in row.aliases), None)
