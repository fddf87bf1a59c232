"""`models add`, `models remove` and `models list`: the registry of the user's own models."""

from app.output import table, terminal
from tools.models import registry
from tools.settings import settings


def add(what: str, tasks: list[str], **details: str | None) -> None:
    """Register a model and say what for."""
    entry = registry.add(what, tasks, {name: value for name, value in details.items() if value is not None})
    tasks_said = ", ".join(registry.tasks_of(entry)) or "no task that is known: name some with --task"
    _say(f"Added {entry.id} for {tasks_said}.")


def remove(name: str) -> None:
    """Take a model out of the registry."""
    registry.remove(name)
    _say(f"Removed {name}.")


def show() -> None:
    """List the registered models."""
    entries = registry.entries()
    if not entries:
        _say(
            f"There are no models of your own in {settings().models_file}; `hugginggpt models add` adds one."
        )
        return
    listed = table("model", "tasks", "place", "about")
    for entry in entries:
        place = str(entry.folder or entry.url or "the Hub")
        listed.add_row(entry.id, ", ".join(registry.tasks_of(entry)), place, entry.about)
    terminal().print(listed)


def _say(text: str) -> None:
    terminal().print(text, markup=False, highlight=False, soft_wrap=True)
