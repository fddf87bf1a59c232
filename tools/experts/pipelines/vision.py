"""Pipelines for tasks about pictures."""

from tools.experts.engine import Run

TASKS: dict[str, Run] = {}
"""What is done here, by task row."""
