"""Answering questions from a text."""

from collections.abc import Iterator
from inspect import signature
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.direct import loading
from tools.experts.direct.seq2seq import fitting, limit, seq2seq, told
from tools.experts.direct.spans import Window, best_spans
from tools.experts.engine import Job
from tools.experts.provider_replies import answers
from tools.outputs import Draft

AUTO = "AutoModelForQuestionAnswering"
PROMPT = "question: {question} context: {context}"
"""How T5 was asked about SQuAD (Raffel et al., arXiv 1910.10683, appendix D)."""
NO_ANSWER = "The text does not answer this question."
OVERLAP = 0.25
"""Share of a window that the next one sees again, so that no answer is cut in two."""


def answer(job: Job) -> Draft:
    """Answer `question` from `context`, of any length.

    A model with a span head marks the answer in the text; an encoder-decoder such as T5 writes it.

    Returns:
        The answer; data lists the best ones with `score`, a probability. The text may hold no answer: the first
        `answer` is then empty, and the text says so.

    Raises:
        InputError: The question or the context is empty.
        ModelError: The model does not answer questions.
    """
    question, context = (job.inputs[slot].strip() for slot in ("question", "context"))
    if not question or not context:
        raise InputError("There must be a question and a context to answer it from.")
    config = loading.read("AutoConfig", loading.folder_of(job))
    if any("ForQuestionAnswering" in name for name in config.architectures or ()):
        return _extracted(job, question, context)
    if config.is_encoder_decoder:
        return _written(job, question, context)
    raise ModelError("This model was not trained to answer questions from a text.")


def _extracted(job: Job, question: str, context: str) -> Draft:
    found = best_spans(list(_windows(job, question, context)))
    items = [{"answer": context[span.start : span.end].strip(), "score": span.score} for span in found]
    draft = answers(items, job)
    return draft if draft.text else draft.model_copy(update={"text": NO_ANSWER})


def _windows(job: Job, question: str, context: str) -> Iterator[Window]:
    """Have the model look at the context through windows of as many tokens as it reads at once."""
    import torch

    model, tokenizer = loading.model(AUTO, job), loading.read("AutoTokenizer", loading.folder_of(job))
    if not tokenizer.is_fast:
        raise ModelError("This model's tokenizer cannot tell where in the text its tokens lie.")
    size = limit(tokenizer, model.config)
    if len(tokenizer(question).input_ids) > size // 2:
        raise InputError("The question is too long for this model.")
    cut = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=size,
        stride=int((size - len(tokenizer(question, "").input_ids)) * OVERLAP),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    taken = signature(model.forward).parameters
    for number, ids in enumerate(cut["input_ids"]):
        names = [name for name in cut if name in taken]
        inputs = {name: torch.tensor([cut[name][number]], device=model.device) for name in names}
        with torch.inference_mode():
            logits = model(**inputs)
        sides = zip(cut["offset_mapping"][number], cut.sequence_ids(number), strict=True)
        yield Window(
            [place if side == 1 else None for place, side in sides],
            logits.start_logits[0].float().cpu().numpy(),
            logits.end_logits[0].float().cpu().numpy(),
            ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else None,
        )


def _written(job: Job, question: str, context: str) -> Draft:
    """Ask about each piece of the context that the model can read; the answer it is surest of comes first."""
    expert = seq2seq(job)
    room = expert.limit - expert.size(PROMPT.format(question=question, context=""))
    asked = [PROMPT.format(question=question, context=piece) for piece in fitting(context, expert, room)]
    items = sorted((_answered(expert, text) for text in asked), key=lambda item: -item["score"])
    return answers([{**item, "answer": told(item["answer"])} for item in items[:3]], job)


def _answered(expert: Any, asked: str) -> dict[str, Any]:
    """Return the answer with its probability, the product of those of its tokens."""
    made = expert.generate([asked], output_scores=True)
    steps = expert.model.compute_transition_scores(
        made.sequences, made.scores, getattr(made, "beam_indices", None), normalize_logits=True
    )
    certain = steps[0][steps[0].isfinite()].sum().exp()
    return {"answer": expert.decoded(made.sequences)[0], "score": float(certain)}
