"""A channel of the state that takes plain JSON, such as an edit in Studio, and refuses what does not fit."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from langgraph.channels import BinaryOperatorAggregate
from langgraph.errors import InvalidUpdateError
from pydantic import TypeAdapter, ValidationError


def newer(old: object, new: object) -> object:
    """Reducer: the newer value wins."""
    return new


class Checked(BinaryOperatorAggregate[Any]):
    """Holds a value of one type, whether it is written as that type or as plain JSON.

    What does not fit is refused as it is written. Once it were part of a checkpoint, every reader of the thread would
    fail.

    Args:
        typ: The type of the value.
        operator: Reducer of the old value and what is written.

    Raises:
        InvalidUpdateError: with a sentence; LangGraph Server hands it on to whoever made the edit.
    """

    __slots__ = ()

    def __init__(self, typ: Any, operator: Callable[[Any, Any], Any] = newer) -> None:
        super().__init__(typ, operator)

    def update(self, values: Sequence[Any]) -> bool:
        """Take what one step wrote, in its order."""
        if not values:
            return False
        try:
            super().update(values)
            self.value = _adapter(self.typ).validate_python(self.value)
        except ValidationError as error:
            raise InvalidUpdateError(self._sentence(error)) from None
        except TypeError as error:
            # What the reducer was given is nothing it can reduce.
            raise InvalidUpdateError(f"`{self.key}` is not valid: {error}.") from None
        return True

    def _sentence(self, error: ValidationError) -> str:
        first = error.errors(include_input=False)[0]
        at = ".".join((self.key, *map(str, first["loc"])))
        return f"`{at}` is not valid: {first['msg'].removeprefix('Value error, ')}."


@cache
def _adapter(typ: Any) -> TypeAdapter[Any]:
    return TypeAdapter(typ)
