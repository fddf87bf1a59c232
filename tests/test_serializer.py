"""What a checkpoint gives back: the types of the graph, and of any other type its plain values."""

from pydantic import BaseModel

from app.serializer import serializer
from graph.files import message
from graph.state import Request
from graph.types import TaskResult
from tools.outputs import Output


class Foreign(BaseModel):
    """A type that the state is not made of."""

    text: str


def test_types_of_the_graph_come_back_as_such_and_others_as_plain_values() -> None:
    result = TaskResult(output=Output(text="done", data={"score": 0.5}))
    given = {"request": Request(messages=[message("Do it.")]), "result": result, "foreign": Foreign(text="x")}
    kept = serializer()
    found = kept.loads_typed(kept.dumps_typed(given))
    assert isinstance(found["request"], Request)
    assert found["result"] == result
    assert found["foreign"] == {"text": "x"}
