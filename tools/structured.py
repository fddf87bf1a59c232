"""Structured answers: JSON that follows a schema, from any chat model."""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, cast

import json_repair
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableSequence
from pydantic import JsonValue

from prompts import render
from tools.chat import RefusedError, name_of, translated

Way = Literal["json_schema", "function_calling", "prompt"]
WAYS: tuple[tuple[Way, str | None], ...] = (
    ("json_schema", "structured_output"),
    ("function_calling", "tool_calling"),
    ("prompt", None),
)
"""How JSON is asked for, best first, each with its flag in LangChain's model profiles."""
_known: dict[str, Way] = {}
"""The way that worked, by chat model, for as long as this process lives."""
THOUGHTS = re.compile(r"\A.*</think>|\A\s*<think>.*", re.DOTALL)
"""What a reasoning model thinks aloud; some chat templates write the opening tag themselves."""
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


async def ask_json(chat: BaseChatModel, messages: Sequence[BaseMessage], schema: dict[str, Any]) -> JsonValue:
    """Ask a chat model for JSON: by JSON schema, else by tool call, else in the prompt.

    Ways that the model's profile rules out are left out; of the others the first is taken that the server does not
    refuse and that brings JSON, and it is kept for the model's next calls. Servers differ in what they check, so the
    caller validates what comes back.

    Args:
        chat: Any LangChain chat model.
        messages: The conversation; the last message is the user's.
        schema: JSON schema of an object, with a `title`.

    Returns:
        The decoded JSON, mended where it was sloppy; an empty string when there was none.

    Raises:
        HuggingGPTError: The chat model could not be asked.
    """
    name = name_of(chat)
    ways = _ways(chat, name)
    for way in ways:
        try:
            value = _fitting(_decode(await _ask(chat, messages, schema, way)), schema)
        except RefusedError:
            if way == ways[-1]:
                raise
            continue
        if value != "":
            _known[name] = way
            return value
    return ""


def list_schema(title: str, about: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with one list of objects, as `ask_json` takes it.

    Args:
        title: Name of the schema, which servers ask for.
        about: What the list is.
        name: Key of the list.
        properties: JSON schemas of the listed objects' properties; all are required and no others allowed.
    """
    closed = {"type": "object", "additionalProperties": False}
    item = {**closed, "properties": properties, "required": list(properties)}
    listed = {name: {"type": "array", "items": item}}
    return {"title": title, "description": about, **closed, "properties": listed, "required": [name]}


def without_thoughts(text: str) -> str:
    """Return a reply without what a reasoning model thought aloud before it."""
    return THOUGHTS.sub("", text).strip()


def _ways(chat: BaseChatModel, name: str) -> list[Way]:
    profile = getattr(chat, "profile", None) or {}
    ways = [way for way, flag in WAYS if profile.get(flag) is not False]
    known = _known.get(name)
    return ways[ways.index(known) :] if known in ways else ways


async def _ask(
    chat: BaseChatModel, messages: Sequence[BaseMessage], schema: dict[str, Any], way: Way
) -> AIMessage:
    if way == "prompt":
        # Some chat templates take no system message after the first, and no two user messages in a row.
        asked = f"{messages[-1].text}\n\n{render('json', schema=json.dumps(schema))}"
        with translated(chat):
            return await chat.ainvoke([*messages[:-1], messages[-1].model_copy(update={"content": asked})])
    try:
        constrained = chat.with_structured_output(schema, method=way)
    except (NotImplementedError, ValueError, TypeError) as error:
        raise RefusedError(f"This integration offers no {way}.") from error
    if not isinstance(constrained, RunnableSequence):
        raise RefusedError(f"This integration offers no {way} that can be read here.")
    with translated(chat):
        # The parser that follows the model is left out: a reply is read, and mended, by `_decode`.
        message: AIMessage = await constrained.first.ainvoke(list(messages))
    return message


def _decode(reply: AIMessage) -> JsonValue:
    """Return the first tool call's arguments, or else the JSON in the text."""
    for call in reply.tool_calls:
        return call["args"]
    text = next((str(call["args"]) for call in reply.invalid_tool_calls), str(reply.text))
    text = without_thoughts(text)
    fenced = FENCED.search(text)
    return cast(JsonValue, json_repair.loads(fenced[1] if fenced else text))


def _fitting(value: JsonValue, schema: dict[str, Any]) -> JsonValue:
    """Return the object that was asked for, or a list of objects in its place; an empty string for anything else."""
    if isinstance(value, dict):
        return value
    objects: list[JsonValue] = (
        [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    )
    required = set(schema.get("required", ()))
    whole = (item for item in objects if isinstance(item, dict) and item.keys() >= required)
    return next(whole, objects or "")
