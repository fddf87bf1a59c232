"""Standard output: the terminal with its tables, or exactly one JSON object."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def open_streams() -> None:
    """Make the standard streams usable, whatever this program was started with."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # A file opened later would take the number of the closed one, and be written to by every print.
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def terminal(as_json: bool = False) -> "Console":
    """Return where to show a run: standard error when standard output is for JSON."""
    from rich.console import Console

    return Console(stderr=as_json)


def table(*columns: str) -> "Table":
    """Return an empty table with these columns."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


@contextmanager
def only_json(wanted: bool) -> Iterator[Callable[[Any], None]]:
    """Keep everything off standard output but what the yielded function prints.

    Args:
        wanted: Whether to do so; otherwise the function prints nothing.
    """
    if not wanted:
        yield lambda value: None
        return
    with _diverted() as out:
        yield lambda value: print(json.dumps(value, ensure_ascii=False), file=out, flush=True)


@contextmanager
def _diverted() -> Iterator[Any]:
    """Point file descriptor 1 at standard error, which native libraries and child processes use too."""
    sys.stdout.flush()
    try:
        number = sys.stdout.fileno()
    except io.UnsupportedOperation:
        yield sys.stdout
        return
    kept = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, number)
        os.close(kept)
