"""What can be wrong with a plan, as sentences for the model that wrote it."""

from pydantic import JsonValue

SHOWN = 80


class PlanError(ValueError):
    """What was read is not a plan; the message tells the model that wrote it what to mend."""


class UnknownTaskError(PlanError):
    """The plan has a task of a type that does not exist; seeing all types may help."""


def shown(value: JsonValue) -> str:
    """Return a value as a message shows it: scalars short, lists and objects by what they are."""
    if isinstance(value, list | dict):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 8 * SHOWN:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
