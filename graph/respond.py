"""Respond: an answer from what really came out."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langgraph.runtime import Runtime

from graph.context import Context, context_of
from graph.files import as_text, block
from graph.state import State, Task, TaskResult
from prompts import render
from tools.artifacts import store
from tools.chat import chat_model, translated
from tools.errors import HuggingGPTError
from tools.models import EMBEDDED
from tools.outputs import Artifact

HISTORY = 8
"""Messages that the chat model reads when it converses."""


class Limits(NamedTuple):
    """How much the chat model reads and writes here."""

    read: int
    """Characters of all results together; each gets an equal share."""
    write: int
    """Tokens."""


LIMITS = {EMBEDDED: Limits(read=3_000, write=200)}
"""By chat model: the embedded one reads some 80 tokens a second on two cores and writes 25."""
OTHER_LIMITS = Limits(read=24_000, write=1_000)
SHOWN = 200
"""Characters of a result in the table of what was done."""


async def respond(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the answer: prose by the chat model; the table and the files are put there by code.

    Returns:
        `{"messages": [answer]}`: a text block of prose, one with the table of what was done, then a block for
        each file and each text that a later turn may refer to.
    """
    context, done = context_of(runtime), _done(state)
    limits = LIMITS.get(context.model, OTHER_LIMITS)
    prompt = _from_results(state, digest(done, limits.read)) if done else _conversation(state)
    prose = await _ask(context, prompt, done)
    content: list[Any] = [{"type": "text", "text": str(prose.text).strip()}]
    if done:
        content.append({"type": "text", "text": "\n\n" + table(done)})
    content += [block(file) for file in await asyncio.to_thread(_files, done)]
    return {"messages": [AIMessage(content=content, id=prose.id, usage_metadata=prose.usage_metadata)]}


def answer_of(state: State) -> str:
    """Return the prose of the answer; empty when there is none yet."""
    last = state.messages[-1] if state.messages else None
    if not isinstance(last, AIMessage):
        return ""
    first = last.content[0] if isinstance(last.content, list) and last.content else last.content
    return str(first["text"]) if isinstance(first, dict) else str(first)


def table(done: Sequence[tuple[Task, TaskResult]]) -> str:
    """Return what was done as a Markdown table; its facts come from the results, never from a model."""
    rows = [
        f"| {task.id} | {task.name} | {result.model or '-'} | {result.seconds:.1f} s | {_outcome(result)} |"
        for task, result in done
    ]
    return "\n".join(["| | task | model | time | result |", "| --- | --- | --- | --- | --- |", *rows])


def _outcome(result: TaskResult) -> str:
    if result.error:
        text = f"{result.status}: {result.error.reason}"
    else:
        text = result.output.text if result.output else ""
    return _cut(" ".join(text.replace("|", "/").split()), SHOWN)


def _done(state: State) -> list[tuple[Task, TaskResult]]:
    ordered = state.plan.ordered() if state.plan else ()
    return [(task, state.results[task.id]) for task in ordered if task.id in state.results]


async def _ask(
    context: Context, prompt: list[BaseMessage], done: Sequence[tuple[Task, TaskResult]]
) -> AIMessage:
    """Ask the chat model; results are told without it when it cannot be reached."""
    try:
        chat = await chat_model(
            context.model,
            max_tokens=LIMITS.get(context.model, OTHER_LIMITS).write,
            timeout=context.chat_timeout,
        )
        with translated(chat):
            return AIMessage.model_validate((await chat.ainvoke(prompt)).model_dump())
    except HuggingGPTError as error:
        if not done:
            raise
        return AIMessage(
            f"These are the results as they came; no answer could be written from them. {error}\n{digest(done, OTHER_LIMITS.read)}"
        )


def _conversation(state: State) -> list[BaseMessage]:
    return [SystemMessage(render("converse")), *map(as_text, state.messages[-HISTORY:])]


def _from_results(state: State, results: str) -> list[BaseMessage]:
    notes = "".join(f"\nNote: {note}" for note in state.notes)
    return [SystemMessage(render("respond", results=results + notes)), as_text(state.messages[-1])]


def digest(done: Sequence[tuple[Task, TaskResult]], chars: int) -> str:
    """Return the results as text, every one cut to its share of that many characters."""
    share = chars // max(len(done), 1)
    return "\n".join(f"{task.id}. {task.name}: {_told(result, share)}" for task, result in done)


def _told(result: TaskResult, share: int) -> str:
    if result.error:
        return f"{result.status.upper()}. {result.error.reason}"
    return _cut(result.output.text if result.output else "", share)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} ..."


def _files(done: Sequence[tuple[Task, TaskResult]]) -> list[Artifact]:
    """Return the files of all results, and each text result as a file, so that later turns can refer to it by name."""
    found: list[Artifact] = []
    for task, result in done:
        if result.output and result.output.files:
            found += result.output.files
        elif result.output and result.output.text:
            found.append(store().put_bytes(result.output.text.encode(), f"{task.name}-{task.id}.txt"))
    return found
