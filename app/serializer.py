"""How state is read back from checkpoints: no types are built but those that the state is made of.

LangGraph's own serializer builds whatever type a checkpoint names unless `LANGGRAPH_STRICT_MSGPACK` is set, and
whoever can write to a database that is shared can name any.
"""

from collections.abc import Iterator
from inspect import isclass
from typing import Any, get_args

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from graph.state import Request, State


def serializer() -> JsonPlusSerializer:
    """Return the serializer of all checkpoints; of a type that it does not know it gives the plain values."""
    fields = State.model_fields.values()
    types = (type_ for field in fields for type_ in _models(field.annotation))
    # The first checkpoint of a run holds what it was given.
    return JsonPlusSerializer(allowed_msgpack_modules=[Request, *types])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
