"""Pipelines for tasks about audio."""

from tools.experts.engine import Run

TASKS: dict[str, Run] = {}
"""What is done here, by task row."""
