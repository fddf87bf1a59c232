"""Ids of a plan in wire form: missing, doubled and odd ones become good ones, and references follow them."""

import re
from collections import defaultdict
from collections.abc import Sequence

from pydantic import JsonValue

from graph.planners.wire_problems import PlanError, shown

GOOD = re.compile(r"[A-Za-z0-9_-]{1,32}")
NONE = "-1"
"""What the original code writes for no task."""
HUGE = 4000
"""Bits of a number that nobody meant as text; Python refuses to write much longer ones."""


class Ids:
    """The ids of the tasks of a plan.

    Args:
        written: One id for each task as it was written, empty where there was none.
        kept: Ids of finished tasks, which stay as they are.
    """

    def __init__(self, written: Sequence[str], kept: Sequence[str] = ()) -> None:
        self._places: dict[str, list[str]] = defaultdict(list, {id_: [id_] for id_ in kept})
        taken = {*kept, *(id_ for id_ in written if GOOD.fullmatch(id_))}
        own: list[str] = []
        for number, id_ in enumerate(written):
            usable = GOOD.fullmatch(id_) and id_ != NONE and not self._places.get(id_)
            own.append(id_ if usable else _free(number, taken))
            taken.add(own[-1])
            if id_:
                self._places[id_].append(own[-1])
        self.own = tuple(own)
        """The good id of each task: the one it had, else its place in the list or the next free number."""
        self._known = {*own, *kept}

    def find(self, written: str) -> str | None:
        """Return the good id of the task that a reference means, or None.

        Raises:
            PlanError: Several tasks were given that id.
        """
        places = self._places.get(written, [])
        if len(places) > 1:
            raise PlanError(f"{len(places)} tasks have the id {shown(written)} that another one refers to")
        return places[0] if places else written if written in self._known else None


def scalar(value: JsonValue) -> str | None:
    """Return a string, number or truth value as text; None for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and value.bit_length() > HUGE:
        return None
    return str(value) if isinstance(value, str | int | float) else None


def _free(number: int, taken: set[str]) -> str:
    while str(number) in taken:
        number += 1
    return str(number)
