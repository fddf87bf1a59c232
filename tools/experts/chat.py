"""Language tasks done by a chat model."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from prompts import render
from tools import llama_server
from tools.chat import EMBEDDED, chat_model, translated
from tools.errors import InputError, ModelError, TimeLimitError
from tools.experts.labels import labels_of
from tools.experts.pieces import cut, pieces
from tools.experts.turns import Turns
from tools.outputs import Draft
from tools.structured import ask_json, without_thoughts

EMBEDDED_BYTES = 12_000
"""Longest text the embedded model is given at once: about 3,000 tokens, a minute on two cores."""
OTHER_BYTES = 200_000
"""The same for other chat models: about 50,000 tokens."""
TRANSLATION_BYTES = 3_000
"""Longest piece that is translated at once, so that its translation fits into one reply."""
SENTIMENTS = "positive, negative, neutral"
SHORTENED = "(The text was too long for this model: only its beginning was read.)"


@dataclass(frozen=True)
class _Call:
    """One task for a chat model."""

    chat: BaseChatModel
    task: str
    inputs: Mapping[str, str]
    limit: int
    """Most bytes of text the model is given at once."""

    async def ask(self, **values: str) -> str:
        """Ask with the task's prompt and return the reply, which is never empty."""
        with translated(self.chat):
            reply = await self.chat.ainvoke([HumanMessage(render(f"tasks/{self.task}", **values))])
        if text := without_thoughts(str(reply.text)).strip("-").strip():
            return text
        raise ModelError("The chat model gave an empty answer.")


Do = Callable[[_Call], Awaitable[Draft]]


async def run_chat(
    task: str, model: str, inputs: Mapping[str, str], *, timeout: float | None = None
) -> Draft:
    """Do a language task with a chat model.

    Args:
        task: A key of `TASKS` in this module.
        model: Name of a chat model; see `tools.chat.chat_model`.
        inputs: Slot name to text.
        timeout: Seconds for the whole task; starting the embedded model and waiting for it do not count.

    Returns:
        The model's text. Classification has `{"label": ...}` as data; a language model gives no probability.

    Raises:
        InputError: A text is empty or too long.
        SetupError: The chat model cannot be used here.
        ModelError: It gave no usable answer.
    """
    if task not in TASKS:
        raise ModelError(f"A chat model cannot do {task}.")
    main, max_tokens, do = TASKS[task]
    if not inputs[main].strip():
        raise InputError(f"The {main} is empty.")
    chat = await chat_model(model, max_tokens=max_tokens, timeout=timeout)
    call = _Call(chat, task, inputs, EMBEDDED_BYTES if model == EMBEDDED else OTHER_BYTES)
    try:
        async with _turn(model), asyncio.timeout(timeout):
            return await do(call)
    except TimeoutError:
        raise TimeLimitError(
            f"{model} did not finish within {timeout:g} seconds; raise the time limit."
        ) from None


_embedded = Turns(llama_server.PARALLEL)
"""A queue in front of the server's own, where time would run."""


def _turn(model: str) -> AbstractAsyncContextManager[None]:
    return _embedded if model == EMBEDDED else nullcontext()


async def _write(call: _Call) -> Draft:
    text = cut(call.inputs["text"], call.limit)
    return _noted(await call.ask(text=text), text, call.inputs["text"])


async def _answer(call: _Call) -> Draft:
    context = cut(call.inputs["context"], call.limit)
    return _noted(
        await call.ask(context=context, question=call.inputs["question"]), context, call.inputs["context"]
    )


def _noted(reply: str, read: str, given: str) -> Draft:
    return Draft(text=reply if len(read) == len(given) else f"{reply}\n{SHORTENED}")


async def _summarize(call: _Call) -> Draft:
    """Summarize; a long text piece by piece, then the summaries, until one piece is left."""
    text = call.inputs["text"]
    while len(parts := await asyncio.to_thread(list, pieces(text, call.limit))) > 1:
        text = "\n".join([await call.ask(text=part) for part in parts])
    return Draft(text=await call.ask(text=parts[0]))


async def _translate(call: _Call) -> Draft:
    source, target = call.inputs.get("source_language", ""), call.inputs.get("target_language", "English")
    said = {"source": f" from {source}" if source else "", "target": target}
    parts = pieces(call.inputs["text"], TRANSLATION_BYTES)
    return Draft(text="\n".join([await call.ask(text=part, **said) for part in parts]))


async def _classify(call: _Call) -> Draft:
    labels = labels_of(call.inputs.get("labels") or SENTIMENTS)
    schema = {
        "title": "classification",
        "type": "object",
        "properties": {"label": {"type": "string", "enum": labels}},
        "required": ["label"],
        "additionalProperties": False,
    }
    text = cut(call.inputs["text"], call.limit)
    prompt = render("tasks/text-classification", text=text, labels=", ".join(labels))
    reply = await ask_json(call.chat, [HumanMessage(prompt)], schema)
    label = reply.get("label") if isinstance(reply, dict) else None
    if label not in labels:
        raise ModelError(f"The chat model chose none of the labels {', '.join(labels)}.")
    return Draft(text=str(label), data={"label": label})


TASKS: dict[str, tuple[str, int, Do]] = {
    "text-generation": ("text", 512, _write),
    "conversational": ("text", 300, _write),
    "summarization": ("text", 200, _summarize),
    "translation": ("text", 1200, _translate),
    "question-answering": ("context", 120, _answer),
    "document-question-answering": ("context", 120, _answer),
    "text-classification": ("text", 60, _classify),
    "zero-shot-classification": ("text", 60, _classify),
}
"""What a chat model can do: the main slot, the most tokens of a reply, and how."""
