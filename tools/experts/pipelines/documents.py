"""Questions about a page, without Tesseract (LayoutLM, arXiv 2204.08387; Donut, arXiv 2111.15664)."""

from functools import cache
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts import printed_text
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import answers
from tools.outputs import Draft

MOST_TOKENS = 512
"""Tokens that LayoutLM reads at a time, as it was trained; longer pages are read in pieces."""
OVERLAP = 128
"""Tokens that two pieces share."""
ANSWERS = 3
"""Most answers that are returned."""

Word = tuple[str, list[int]]
"""A word with its left, top, right and bottom in thousandths of the page."""


def answer(job: Job) -> Draft:
    """Answer `question` about the page `image`.

    Donut reads the page itself; for LayoutLM it is read by `printed_text` first.

    Raises:
        InputError: The file is no picture, or the question is empty.
        SetupError: The model needs a library that is not installed.
        ModelError: There is no printed text on the page, or no answer came.
    """
    if not (question := job.inputs["question"].strip()):
        raise InputError("The question is empty.")
    pipe, image = _ready(pipe_of(job)), picture(job.inputs["image"])
    if pipe.model.config.model_type == "vision-encoder-decoder":
        found = pipe(image, question)
    else:
        limits = {"max_seq_len": min(pipe.tokenizer.model_max_length, MOST_TOKENS), "doc_stride": OVERLAP}
        found = pipe(image, question, word_boxes=_words(job, image.size), top_k=ANSWERS, **limits)
    # Parts of the same words, which the model reads apart, are the same answer.
    best: dict[str, Any] = {}
    for one in found:
        best.setdefault(one["answer"] or "", one)
    best.pop("", None)
    if not best:
        raise ModelError("The model found no answer on the page.")
    return answers(list(best.values()), job)


def _words(job: Job, size: tuple[int, int]) -> list[Word]:
    """Return the printed words of the page in reading order."""
    parts: Any = printed_text.run(job).data
    if not parts:
        raise ModelError(printed_text.NOTHING)
    return [word for part in parts for word in split(part["text"], part["box"], size)]


def split(text: str, corners: list[list[int]], size: tuple[int, int]) -> list[Word]:
    """Divide the box of a line among its words by their number of letters.

    Args:
        text: The line.
        corners: Its four corners in pixels.
        size: Width and height of the page in pixels.
    """
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, step = min(xs), (max(xs) - min(xs)) / max(len(text), 1)
    words, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        sides = (left + start * step, min(ys), left + (start + len(word)) * step, max(ys))
        start += len(word)
        words.append((word, [_thousandth(side, size[i % 2]) for i, side in enumerate(sides)]))
    return words


def _thousandth(pixels: float, length: int) -> int:
    return min(1000, max(0, round(1000 * pixels / length)))


@cache
def _ready(pipe: Any) -> Any:
    """Prepare a pipeline once."""
    if hasattr(pipe.image_processor, "apply_ocr"):
        pipe.image_processor.apply_ocr = False
    if pipe.model.config.model_type == "layoutlmv3":
        pipe.model.register_forward_pre_hook(_look, with_kwargs=True)
        pipe.model.register_forward_hook(_text_only, with_kwargs=True)
    return pipe


def _look(model: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Give LayoutLMv3 the page under the name it knows.

    The pipeline (transformers 5.23) names it as version 2 does, and version 3 would ignore it.
    """
    if "image" in inputs:
        inputs["pixel_values"] = inputs.pop("image")
    return args, inputs


def _text_only(model: Any, args: Any, inputs: dict[str, Any], found: Any) -> Any:
    """Cut off what LayoutLMv3 says of the page's patches, which follow the words; no answer lies there."""
    words = inputs["input_ids"].shape[1]
    found["start_logits"] = found["start_logits"][:, :words]
    found["end_logits"] = found["end_logits"][:, :words]
    return found
