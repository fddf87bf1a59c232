"""The planner that asks a chat model, checks what it wrote, and has it mended."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from graph.planners.wire import PlanError, read
from graph.state import Plan, Task
from prompts import render
from tools.outputs import Artifact
from tools.structured import ask_json, list_schema
from tools.tasks import TaskRow

MAX_REPAIRS = 2


async def plan(
    chat: BaseChatModel,
    history: Sequence[BaseMessage],
    files: Sequence[Artifact],
    rows: Mapping[str, TaskRow],
    kept: Sequence[Task] = (),
) -> Plan:
    """Ask a chat model for a plan; an invalid one goes back with what is wrong with it, at most twice.

    Args:
        chat: Any LangChain chat model.
        history: The conversation as text, its last message being the request.
        files: The conversation's files; the only ones a plan may name.
        rows: The task types to choose from.
        kept: Finished tasks that stay in the plan and may be sources.

    Returns:
        A valid plan; empty when the request is conversation.

    Raises:
        PlanError: It was still invalid after the last repair.
        HuggingGPTError: The chat model could not be asked.
    """
    messages: list[BaseMessage] = [SystemMessage(_system(files, rows)), *history]
    repairs = 0
    while True:
        wire = await ask_json(chat, messages, schema(rows))
        try:
            return read(wire, files, kept)
        except PlanError as error:
            if repairs == MAX_REPAIRS:
                raise
            repairs += 1
            messages += [AIMessage(json.dumps(wire)), HumanMessage(render("repair", problem=error))]


def schema(rows: Mapping[str, TaskRow]) -> dict[str, Any]:
    """Return the JSON schema of a plan in wire form over the given task types."""
    task = {
        "task": {"type": "string", "enum": list(rows)},
        "id": {"type": "integer"},
        "args": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    return list_schema("plan", "The tasks that answer the request.", "tasks", task)


def _system(files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> str:
    listed = "\n".join(f"- {file.name} ({file.media})" for file in files) or "(none)"
    return render("plan", tasks="\n".join(map(_line, rows.values())), files=listed)


def _line(row: TaskRow) -> str:
    slots = ", ".join(f"{slot.name}{'' if slot.required else '?'}: {slot.media}" for slot in row.slots)
    return f"- {row.name}({slots}) -> {', '.join(row.makes)}: {row.about}"
