"""Respond: an answer from what really came out.

All tasks of a superstep come together here, since an edge that chooses would run once for each of them. So it is this
stage's edge that knows what is left to do, and the answer is written only when that is nothing.
"""

import asyncio
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Send

from graph.context import Context, context_of
from graph.execute import sends
from graph.facts import Done, failures, fallbacks, files_and_links, table
from graph.files import LINKS, as_text, block, files_of
from graph.history import shrink
from graph.owners import check, claim
from graph.state import State
from graph.texts import cut, spaced
from prompts import render
from tools.chat import EMBEDDED, chat_model, translated
from tools.errors import HuggingGPTError
from tools.structured import without_thoughts
from tools.usage import recorded


class Limits(NamedTuple):
    """How much the chat model reads and writes here."""

    each: int
    """Characters of one result."""
    together: int
    """Characters of all results."""
    write: int
    """Tokens."""


LIMITS = {EMBEDDED: Limits(each=400, together=3_000, write=160)}
"""By chat model: a small one repeats what it is given, and reads 60 tokens a second on two cores."""
OTHER_LIMITS = Limits(each=12_000, together=60_000, write=1_000)


async def respond(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the answer: prose by the chat model; failures, the table and the files are put there by code.

    Returns:
        Nothing while `route` knows what else to do, else `{"messages": [answer]}`: a text block of prose, one with
        the table of what was done, one with links where `HUGGINGGPT_PUBLIC_URL` says where a browser finds them, then
        a block for each file and each text that a later turn may refer to; and the chat calls made.
    """
    if route(state) != END:
        return {}
    context, done = context_of(runtime), state.done
    made = [file for _, result in done if result.output for file in result.output.files]
    await check(file.ref for file in [*files_of(state.messages), *made])
    with recorded("respond") as usage:
        writing = _report(state, context, done) if done else _converse(state, context)
        prose, (files, links) = await asyncio.gather(writing, asyncio.to_thread(files_and_links, done))
    await claim(file.ref for file in files)
    parts = [without_thoughts(str(prose.text)), *state.notes, *fallbacks(done, state), *failures(done)]
    content: list[Any] = [{"type": "text", "text": "\n\n".join(filter(None, parts))}]
    if done:
        content.append({"type": "text", "text": "\n\n" + table(done)})
    if links:
        content.append({"type": "text", "text": "\n\n" + links, **LINKS})
    content += map(block, files)
    answer = AIMessage(content=content, id=prose.id, usage_metadata=prose.usage_metadata)
    return {"messages": [answer], "usage": usage}


def route(state: State) -> list[Send] | str:
    """Send what deferred or was edited, have planned anew what failed, or end with the answer. Total and pure."""
    if rest := sends(state):
        return rest
    failed = any(result.error for result in state.finished.values())
    return "replan" if failed and state.replans else END


def answer_of(state: State) -> str:
    """Return the prose of the answer; empty when there is none yet."""
    last = state.messages[-1] if state.messages else None
    if not isinstance(last, AIMessage):
        return ""
    first = last.content[0] if isinstance(last.content, list) and last.content else last.content
    return str(first["text"]) if isinstance(first, dict) else str(first)


async def _report(state: State, context: Context, done: Done) -> AIMessage:
    """Tell the results; without a chat model that answers, as they came."""
    outputs = [result.output.text for _, result in done if result.output]
    if not outputs or (context.model == EMBEDDED and len(outputs) == 1):
        # A single result is the answer; the embedded model would only shorten it, or make something up.
        return AIMessage("".join(outputs))
    limits = LIMITS.get(context.model, OTHER_LIMITS)
    told = render(
        "report",
        context.report_prompt,
        request=as_text(state.conversation[-1]).text,
        results=digest(done, limits),
    )
    system = SystemMessage(render("respond", context.respond_prompt))
    try:
        return await _ask(context, [system, HumanMessage(told)], limits)
    except HuggingGPTError as error:
        return AIMessage(
            f"No answer could be written ({error}) These are the results.\n{digest(done, OTHER_LIMITS)}"
        )


async def _converse(state: State, context: Context) -> AIMessage:
    limits = LIMITS.get(context.model, OTHER_LIMITS)
    history = await asyncio.to_thread(shrink, state.conversation)
    system = SystemMessage(render("converse", context.converse_prompt))
    return await _ask(context, [system, *history], limits)


async def _ask(context: Context, prompt: list[BaseMessage], limits: Limits) -> AIMessage:
    chat = await chat_model(context.model, max_tokens=limits.write, timeout=context.chat_timeout)
    with translated(chat):
        return AIMessage.model_validate((await chat.ainvoke(prompt)).model_dump())


def digest(done: Done, limits: Limits) -> str:
    """Return the outputs as one line each.

    A text that is too long is left out, since its beginning alone misleads; it is cut only when all are too long.
    """
    length = min(limits.each, limits.together // max(len(done), 1))
    told = [(task, spaced(result.output.text, length)) for task, result in done if result.output]
    short = [(task, text) for task, text in told if len(text) <= length]
    return "\n".join(f"- {task.name}: {cut(text, length)}" for task, text in short or told)
