"""Writing text with a language model, decoder-only or sequence-to-sequence."""

import re
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.engine import Job, Run
from tools.experts.pipelines.loading import pipe_of
from tools.outputs import Draft

MAX_NEW_TOKENS = {"text-generation": 512, "conversational": 300}
"""Most tokens written; the same as for chat models."""
SENTENCES = re.compile(r"""(?s).*(?:[.!?…]["')\]]*(?=\s|$)|[\u3002\uff01\uff1f])""")
"""A text up to the end of its last whole sentence, in Latin or in East Asian script."""


def _write(job: Job) -> Draft:
    """Write what follows `text`: a reply when the model has a chat template, a continuation when it has none.

    Sampling, temperature and stop tokens are those of the model's own generation settings. A text that reaches the
    most tokens allowed ends with its last whole sentence.

    Returns:
        The new text alone, without thoughts that a model wrote down before its reply.

    Raises:
        InputError: The text is empty.
        ModelError: The text is too long for this model, or nothing was written.
    """
    if not (text := job.inputs["text"].strip()):
        raise InputError("The text is empty.")
    pipe = pipe_of(job, "text-generation")
    prompt, tokens = _prompt(pipe.tokenizer, text)
    most = min(MAX_NEW_TOKENS[job.task], _room(pipe, tokens))
    found = pipe(prompt, max_new_tokens=most, return_tensors=True)[0]["generated_token_ids"]
    new = found[0 if pipe.model.config.is_encoder_decoder else tokens :]
    written = pipe.tokenizer.decode(new, skip_special_tokens=True).rpartition("</think>")[2].strip()
    if not written:
        raise ModelError("The model wrote nothing.")
    return Draft(text=written if len(new) < most else whole(written))


def _prompt(tokenizer: Any, text: str) -> tuple[Any, int]:
    """Return what the model is given, and how many tokens that is."""
    if not tokenizer.chat_template:
        return text, len(tokenizer(text)["input_ids"])
    chat = [{"role": "user", "content": text}]
    tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)
    return chat, len(tokens["input_ids"])


def _room(pipe: Any, tokens: int) -> int:
    """Return how many tokens fit after the prompt, which a sequence-to-sequence model keeps apart."""
    limit = pipe.tokenizer.model_max_length
    room = int(limit if pipe.model.config.is_encoder_decoder else limit - tokens)
    if tokens > limit or room < 1:
        raise ModelError(f"The text is {tokens} tokens long, and this model takes {limit} at most.")
    return room


def whole(text: str) -> str:
    """Cut a text after its last whole sentence, unless more than half of it would go."""
    found = SENTENCES.match(text)
    return found[0] if found and len(found[0]) > len(text) / 2 else text


TASKS: dict[str, Run] = {"text-generation": _write, "conversational": _write}
"""What is done here, by task row."""
