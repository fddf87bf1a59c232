"""Summaries with encoder-decoder models."""

from typing import Any

from tools.errors import InputError
from tools.experts.direct.seq2seq import Seq2Seq, fitting, seq2seq, told
from tools.experts.engine import Job
from tools.outputs import Draft


def summarize(job: Job) -> Draft:
    """Summarize `text`; a long one piece by piece, then the summaries, until one piece is left.

    Lengths, beams and T5's prefix come from the model's own configuration.

    Raises:
        InputError: The text is empty.
        ModelError: The model writes no summaries.
        SetupError: A library it needs is missing.
    """
    if not (text := job.inputs["text"].strip()):
        raise InputError("The text is empty.")
    expert = seq2seq(job)
    recipe = dict(expert.recipes.get("summarization", {}))
    prefix = str(recipe.pop("prefix", ""))
    room = expert.limit - (expert.size(prefix) if prefix else 0)
    parts = list(fitting(text, expert, room))
    while len(parts) > 1:
        shorter = "\n".join(_summary(expert, prefix + part, recipe) for part in parts)
        if len(shorter) >= len(text):
            # Each piece became longer: the summaries of the pieces are the best there is.
            return Draft(text=told(shorter))
        text, parts = shorter, list(fitting(shorter, expert, room))
    return Draft(text=told(_summary(expert, prefix + parts[0], recipe)))


def _summary(expert: Seq2Seq, text: str, recipe: dict[str, Any]) -> str:
    """Summarize one piece.

    The least length of many models is meant for articles; of a shorter text they would make things up to reach it.
    """
    least = recipe.get("min_length") or expert.model.generation_config.min_length or 0
    settings = {**recipe, "min_length": min(least, expert.size(text) // 2)}
    # Pegasus writes its line ends so.
    return expert.write([text], **settings)[0].replace("<n>", "\n")
