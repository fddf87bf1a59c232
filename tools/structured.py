"""Structured answers: JSON that follows a schema, from any chat model."""

import json
from collections.abc import Sequence
from typing import Any, cast

import json_repair
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage
from pydantic import JsonValue

from tools.chat import translated


async def ask_json(chat: BaseChatModel, messages: Sequence[BaseMessage], schema: dict[str, Any]) -> JsonValue:
    """Ask a chat model for JSON.

    The schema goes to the server when the integration offers that, and otherwise into the prompt. Integrations
    differ in what they check, so the caller validates what comes back.

    Args:
        chat: Any LangChain chat model.
        messages: The conversation.
        schema: JSON schema with a `title`.

    Returns:
        The decoded JSON, mended where it was cut off or sloppy; an empty string when there was none.

    Raises:
        HuggingGPTError: The chat model could not be asked.
    """
    with translated(chat):
        try:
            constrained = chat.with_structured_output(schema, method="json_schema", include_raw=True)
        except (NotImplementedError, ValueError, TypeError):
            return _decode(await chat.ainvoke([*messages, _instruction(schema)]))
        reply = cast(dict[str, Any], await constrained.ainvoke(list(messages)))
    return reply["parsed"] if reply["parsed"] is not None else _decode(reply["raw"])


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


def _instruction(schema: dict[str, Any]) -> SystemMessage:
    return SystemMessage(
        f"Reply with one JSON value that follows this schema and nothing else: {json.dumps(schema)}"
    )


def _decode(reply: BaseMessage) -> JsonValue:
    return cast(JsonValue, json_repair.loads(str(reply.text)))
