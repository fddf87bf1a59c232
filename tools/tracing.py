"""What is told to LangSmith of the run that is going on, where anything is traced."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langsmith import RunTree


def current() -> "RunTree | None":
    """Return the run of LangSmith that this code is part of, or None when nothing is traced."""
    from langsmith import get_current_run_tree

    return get_current_run_tree()


def note(run: "RunTree | None" = None, **facts: Any) -> None:
    """Add facts to a run's metadata: names and numbers only, nothing of inputs and outputs.

    Args:
        run: The run; None for the current one, if there is any.
        facts: What is known of it; None is left out.
    """
    if run := run or current():
        known = {name: value for name, value in facts.items() if value is not None}
        # LangChain lets runs share one dictionary.
        run.extra = {**(run.extra or {}), "metadata": {**run.metadata, **known}}
