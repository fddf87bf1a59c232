import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import ValidationError

from graph.state import State
from graph.types import Input, Plan, Task, TaskError, TaskResult
from tools.outputs import Output


def task(id_: str, name: str, **inputs: str) -> Task:
    """Return a task; an input `"<1"` is the output of task 1."""
    items = [
        Input(slot=slot, source=value[1:]) if value.startswith("<") else Input(slot=slot, value=value)
        for slot, value in inputs.items()
    ]
    return Task(id=id_, name=name, inputs=tuple(items))


def test_dep_is_derived_from_the_sources() -> None:
    plan = Plan(
        tasks=(
            task("2", "question-answering", question="<1", context="<1"),
            task("1", "summarization", text="a long story"),
        )
    )
    assert plan.tasks[0].dep == ("1",)
    assert [item.id for item in plan.ordered()] == ["1", "2"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            [("1", "summarization", {"text": "a"}), ("1", "summarization", {"text": "b"})],
            "two tasks have the id '1'",
        ),
        ([("1", "summarization", {"text": "<2"})], "refers to task '2', which is not in the plan"),
        ([("1", "summarization", {"text": "<1"})], "in a circle"),
        ([("1", "summarization", {"text": "<2"}), ("2", "summarization", {"text": "<1"})], "in a circle"),
        (
            [("1", "summarization", {"text": "a"}), ("2", "image-segmentation", {"image": "<1"})],
            "takes image, but task 1 .summarization. makes text",
        ),
    ],
)
def test_a_plan_that_is_no_graph_is_refused(
    tasks: list[tuple[str, str, dict[str, str]]], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Plan(tasks=tuple(task(id_, name, **inputs) for id_, name, inputs in tasks))


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("teleportation", {"text": "a"}, "no task type 'teleportation'"),
        ("summarization", {"sound": "a"}, "no slot 'sound'"),
        ("summarization", {}, "needs its slot 'text'"),
    ],
)
def test_a_task_must_fit_its_row(name: str, inputs: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        task("1", name, **inputs)


def test_any_output_can_be_read_as_text() -> None:
    Plan(tasks=(task("1", "text-to-image", text="a cat"), task("2", "summarization", text="<1")))


def test_an_input_is_a_value_or_a_source() -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        Input(slot="text")
    with pytest.raises(ValidationError, match="exactly one"):
        Input(slot="text", value="a", source="1")


def test_a_result_is_an_output_or_an_error() -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        TaskResult()
    assert TaskResult(output=Output(text="a")).status == "ok"
    assert TaskResult(error=TaskError(reason="no")).status == "failed"
    assert TaskResult(error=TaskError(reason="no", source="1")).status == "skipped"


def test_state_reads_plain_json() -> None:
    plan = Plan(
        tasks=(
            task("1", "summarization", text="a"),
            task("2", "translation", text="<1", target_language="French"),
        )
    )
    plain = State(plan=plan, results={"1": TaskResult(output=Output(text="b"))}).model_dump(mode="json")
    state = State(**plain)
    assert state.plan == plan
    assert [item.id for item in state.unfinished] == ["2"]


def test_a_role_dictionary_is_a_message() -> None:
    state = State.model_validate({"messages": [{"role": "user", "content": "hello"}]})
    assert state.messages[0].type == "human"


def test_a_conversation_ends_with_the_user_and_without_one_there_is_none() -> None:
    asked, told = HumanMessage("Do it."), AIMessage("Done.")
    assert State(messages=[told, asked, told]).conversation == State(messages=[told, asked]).messages
    assert State(messages=[told]).conversation == []
