"""Arguments of a task in wire form: texts, files of the conversation, and references in all their spellings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pydantic import JsonValue

from graph.planners.wire_ids import Ids, scalar
from graph.planners.wire_problems import PlanError, shown
from graph.types import Input
from tools.outputs import SCHEME, Artifact, Media
from tools.tasks import Slot, TaskRow

TOKEN = re.compile(r"<(?:resource|generated)(?:>[-_ ]?|[-_ ])([\w-]*)>?", re.IGNORECASE)
"""A reference, as in `<resource>-0`, `<GENERATED>-0` and `<resource-0>`; the id is missing in a bare `<resource>`."""
PART = re.compile(r"[.\[/:]\S*")
"""What some models write behind a reference: `<resource>-0.text`, `<resource>-0.png`, `<resource>-0["text"]`."""
WRAPPING = " \t\r\n\"'`{}()"
SPELLINGS = ("<resource>-", "<generated>-")
MEDIA: dict[str, Media] = {"document": "image", "url": "image"}
"""Media by other names that the original gives its arguments."""


@dataclass(frozen=True)
class Written:
    """A task as it was written."""

    row: TaskRow
    id: str
    """Empty when there was none."""
    args: Mapping[str, JsonValue]
    dep: JsonValue


def inputs(
    task: Written, id_: str, ids: Ids, rows: Mapping[str, TaskRow], files: Sequence[Artifact]
) -> tuple[Input, ...]:
    """Return what fills the slots of a task.

    Args:
        task: The task as it was written.
        id_: Its good id.
        ids: The ids of the plan.
        rows: The rows of all tasks by their good ids.
        files: The conversation's files.

    Raises:
        PlanError: A value is neither a text, a file of the slot's medium, nor one reference.
    """
    dep = [found for one in _flat(task.dep) if (found := ids.find(one.strip())) not in (None, id_)]
    given = _Reader(task.row, id_, [one for one in dep if one], ids, files)
    filled = [given.input(name, values) for name, values in _slots(task).items()]
    return (*filled, *_from_dep(task.row, filled, given.dep, rows))


@dataclass(frozen=True)
class _Reader:
    """Reads the values of one task."""

    row: TaskRow
    id: str
    dep: list[str]
    ids: Ids
    files: Sequence[Artifact]

    def input(self, name: str, values: list[str]) -> Input:
        slot = self.row.slot(name)
        media = slot.media if slot else "text"
        if len(values) > 1 and (media != "text" or any(TOKEN.search(value) for value in values)):
            raise PlanError(f"{self._at(name)} takes one value, not {len(values)}; write a task for each")
        value = ", ".join(values)
        if source := self._source(name, value, media):
            return Input(slot=name, source=source)
        return Input(slot=name, value=self._value(name, value, slot))

    def _source(self, name: str, value: str, media: Media) -> str | None:
        """Return the id that a value refers to, or None when it is no reference."""
        bare = value.strip(WRAPPING)
        if len(bare) > 2 and any(one.startswith(bare.lower()) for one in SPELLINGS):
            return self._only_dep(name)  # bare, or cut off
        if match := TOKEN.match(bare):
            rest = bare[match.end() :]
            if not rest or (match[1] and PART.fullmatch(rest)):
                return (self.ids.find(match[1]) or match[1]) if match[1] else self._only_dep(name)
            # An id with odd characters ends where the value ends.
            if whole := self.ids.find(bare[match.start(1) :].removesuffix(">")):
                return whole
        if media != "text" and not self._named(value, media) and (source := self.ids.find(bare)):
            return source
        inside = {self.ids.find(one) for one in TOKEN.findall(value)} - {None, self.id}
        if not inside:
            return None
        if media != "text" and len(inside) == 1:
            return inside.pop()
        raise PlanError(
            f"{self._at(name)} has a reference within other text; a value is a text or one reference such as "
            f"<resource>-0, and nothing else beside it"
        )

    def _only_dep(self, name: str) -> str:
        if len(self.dep) != 1:
            raise PlanError(f"{self._at(name)} has a reference without the id of a task")
        return self.dep[0]

    def _value(self, name: str, value: str, slot: Slot | None) -> str:
        named = self._named(value, slot.media if slot else "text")
        if slot is None or (slot.media == "text" and not named and not value.startswith(SCHEME)):
            return value
        if fitting := [file for file in named if slot.media in ("text", file.media)]:
            return fitting[-1].ref
        offered = [file.name for file in self.files if slot.media in ("text", file.media)]
        raise PlanError(
            f"{self.row.name}: slot {name!r} takes {slot.media}; {shown(value)} is not one of the {slot.media} files "
            f"{offered} and not a reference such as <resource>-0"
        )

    def _named(self, value: str, media: Media) -> list[Artifact]:
        """Return the files of that name or reference; a media slot may have it in any case and behind any folder."""
        exact = [file for file in self.files if value in (file.name, file.ref)]
        if exact or media == "text":
            return exact
        name = PurePath(value.strip(WRAPPING)).name.lower()
        return [file for file in self.files if name == file.name.lower()]

    def _at(self, name: str) -> str:
        return f"task {self.id}: slot {name!r}"


def _slots(task: Written) -> dict[str, list[str]]:
    """Return the arguments by slot; a name that is no slot goes to the first empty slot that takes its medium.

    The original names every argument after its medium: the question of a picture is its `text`.
    """
    row = task.row
    given = {name: values for name, value in task.args.items() if (values := _checked(task, name, value))}
    slots = {name: values for name, values in given.items() if row.slot(name)}
    for name in [name for name in given if not row.slot(name)]:
        media = MEDIA.get(name, name)
        empty = [slot.name for slot in row.slots if slot.name not in slots and slot.media == media]
        slots[empty[0] if empty else name] = given[name]
    return slots


def _checked(task: Written, name: str, value: JsonValue) -> list[str]:
    values = list(_flat(value))
    if not values and value not in (None, "", []):
        raise PlanError(f"{task.row.name}: slot {shown(name)} takes a text, not {shown(value)}")
    return values


def _flat(value: JsonValue) -> Iterator[str]:
    """Yield the texts of a value and of the lists in it, however deep; empty ones and objects are left out."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif text := scalar(one):
            yield text


def _from_dep(
    row: TaskRow, filled: Sequence[Input], dep: Sequence[str], rows: Mapping[str, TaskRow]
) -> list[Input]:
    """Return inputs for empty required slots from what `dep` names and no argument does, where that is unambiguous."""
    unused = [one for one in dict.fromkeys(dep) if one not in {item.source for item in filled}]
    empty = [slot for slot in row.slots if slot.required and slot.name not in {item.slot for item in filled}]
    if len(unused) > len(empty):
        return []
    made: list[Input] = []
    for slot in empty:
        fitting = [one for one in unused if rows[one].can_fill(slot)]
        if fitting:
            unused.remove(fitting[0])
            made.append(Input(slot=slot.name, source=fitting[0]))
    return made
