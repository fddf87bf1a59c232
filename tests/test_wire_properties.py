"""Whatever a model writes, reading it gives a valid plan or one sentence: 10,000 cases."""

import json
import random
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.planners.wire import PlanError, read, write
from graph.types import Plan
from tools.outputs import Artifact, Media
from tools.tasks import TASKS, TaskRow

MEDIA: tuple[Media, ...] = ("image", "audio", "video", "table")
FILES = [
    Artifact(sha256=f"{number:064x}", media=media, mime="x/y", suffix=".x", name=f"file.{media}")
    for number, media in enumerate(MEDIA)
]
QUICK = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2.5, 1e400, 10**4000, "", "0", "-1", "\ud800", "\x00", "<resource>-0", "<GENERATED>-1",
    "<resource>-99", "see <resource>-0", "<resource>", "<r", "file.image", "/etc/passwd", "artifact://x", [], {}, [[]],
    {"a": 1}, ["<resource>-0", "x"], [{"task": "summarization"}], "x" * 5000,
)  # fmt: skip
KEYS = ("task", "id", "dep", "args", "tasks", "text", "image", "question", "", "\ud800")
NAMES = (*TASKS, "Image To Text", "sumarization", "asr", "nothing-like-it")

leaves = st.sampled_from((*ODD, *NAMES)) | st.integers() | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)


def one_or_the_other(wire: Any) -> Plan | None:
    """Read it; a plan must come back the same when it is written and read, an error must be one line."""
    problem = ""
    try:
        plan = read(wire, FILES)
    except PlanError as error:
        problem = str(error)
    if problem:
        assert len(problem) < 6000
        assert "\n" not in problem
        return None
    assert Plan.model_validate(plan.model_dump()) == plan
    return plan


def valid(dice: random.Random) -> list[dict[str, Any]]:
    """Return a valid plan in wire form: each slot has a fitting task before it, a file or a text."""
    rows: list[TaskRow] = []
    wire: list[dict[str, Any]] = []
    for number in range(dice.randint(1, 6)):
        row = dice.choice(list(TASKS.values()))
        args: dict[str, Any] = {}
        for slot in row.slots:
            fitting = [place for place, other in enumerate(rows) if other.can_fill(slot)]
            known = f"file.{slot.media}" if slot.media != "text" else f"words {number}"
            args[slot.name] = (
                f"<resource>-{dice.choice(fitting)}" if fitting and dice.random() < 0.6 else known
            )
        rows.append(row)
        wire.append({"task": row.name, "id": number, "dep": [-1], "args": args})
    return wire


def mutated(value: Any, dice: random.Random) -> Any:
    """Return a value with one place in it changed, doubled, renamed or lost."""
    if not isinstance(value, list | dict) or not value or dice.random() < 0.15:
        return dice.choice(ODD)
    if isinstance(value, list):
        place = dice.randrange(len(value))
        parts: tuple[list[Any], ...] = (
            [],
            [value[place]] * 2,
            [mutated(value[place], dice)],
            [value[place], dice.choice(ODD)],
        )
        return [*value[:place], *dice.choice(parts), *value[place + 1 :]]
    key = dice.choice(list(value))
    rest = {name: one for name, one in value.items() if name != key}
    new = dice.choice(({}, {key: mutated(value[key], dice)}, {dice.choice(KEYS): value[key]}))
    return {**rest, **new}


def spoiled(text: str, dice: random.Random) -> str:
    """Return text that was cut off, or lost, doubled or changed some characters."""
    kind, at = dice.randrange(4), dice.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text.replace('"', dice.choice(("'", "", "`", "“")))
    new = dice.choice(string.punctuation) * dice.randint(0, 3)
    return f"{text[:at]}{new}{text[at + dice.randint(0, 3) :]}"


@settings(QUICK, max_examples=2000)
@given(values)
def test_any_json_value(wire: Any) -> None:
    one_or_the_other(wire)


@settings(QUICK, max_examples=1000)
@given(
    st.lists(
        st.fixed_dictionaries({"task": st.sampled_from(NAMES), "id": leaves, "dep": values, "args": values}),
        max_size=4,
    )
)
def test_any_list_of_tasks(wire: Any) -> None:
    one_or_the_other({"tasks": wire})


@settings(QUICK, max_examples=1000)
@given(st.integers(0, 2**32))
def test_valid_plans_are_read_and_come_back_the_same(seed: int) -> None:
    wire = valid(random.Random(seed))
    plan = one_or_the_other(wire)
    assert plan is not None
    assert read(json.loads(json.dumps(write(plan))), FILES) == plan
    assert read(f"The plan:\n```json\n{json.dumps(wire, indent=1)}\n```", FILES) == plan


@settings(QUICK, max_examples=4000)
@given(st.integers(0, 2**32))
def test_mutations_of_a_valid_plan(seed: int) -> None:
    dice = random.Random(seed)
    wire: Any = {"tasks": valid(dice)}
    for _ in range(dice.randint(1, 4)):
        wire = mutated(wire, dice)
    one_or_the_other(wire)


@settings(QUICK, max_examples=2000)
@given(st.integers(0, 2**32))
def test_spoiled_texts_of_a_valid_plan(seed: int) -> None:
    dice = random.Random(seed)
    text = json.dumps(valid(dice), indent=dice.choice((None, 1)))
    for _ in range(dice.randint(1, 3)):
        text = spoiled(text, dice) or "["
    one_or_the_other(text)
