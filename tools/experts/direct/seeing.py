"""Captions of pictures, text read from them, and questions about them."""

import re
from collections.abc import Callable
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.direct import loading
from tools.experts.direct.seq2seq import length, limit, told
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.provider_replies import answers
from tools.outputs import Draft

WRITER = "AutoModelForImageTextToText"
ANSWERER = "AutoModelForVisualQuestionAnswering"
CAPTION = 60
"""Tokens of a caption when the model's files name no limit."""
PAGE = 768
"""The same for models that write down a page."""
REPLY = 256
"""The same for chat models."""
ANSWERS = 5
"""Most answers of a model that chooses among fixed ones."""
DESCRIBE = "Describe this picture in one or two sentences."
PAIRED = "vision-encoder-decoder"
"""A picture model and a text model joined (ViT-GPT2, TrOCR, Donut); they have a processor each."""
_FIELD = re.compile(r"<s_([^<>]+)>([^<>]*)</s_\1>")


def describe(job: Job) -> Draft:
    """Say what is in `image`, or what is written in it: that is up to the model.

    Returns:
        The text; data lists the fields of a form (`label`, `text`) when the model tells them apart.

    Raises:
        InputError: The file is no picture.
        ModelError: The model does not write about pictures.
    """
    image = picture(job.inputs["image"])
    if loading.read("AutoConfig", loading.folder_of(job)).model_type == PAIRED:
        return _read(job, image)
    processor = loading.read("AutoProcessor", loading.folder_of(job))
    if getattr(processor, "chat_template", None):
        return Draft(text=_chatted(job, image, DESCRIBE))
    inputs = processor(images=image, return_tensors="pt")
    return Draft(text=told(_decoded(processor, _generated(job, WRITER, inputs, CAPTION)[0])))


def answer_about(job: Job) -> Draft:
    """Answer `question` about `image`.

    Returns:
        The answer; data lists answers with `score`: the probability of a model that chooses among fixed answers
        (ViLT), None of one that writes (BLIP, chat models).

    Raises:
        InputError: The question is empty or too long, or the file is no picture.
        ModelError: The model does not answer questions about pictures.
    """
    if not (question := job.inputs["question"].strip()):
        raise InputError("The question is empty.")
    image = picture(job.inputs["image"])
    kind = loading.read("AutoConfig", loading.folder_of(job)).model_type
    return answers(ANSWERERS.get(kind, _replied)(job, image, question), job)


def _chosen(job: Job, image: Any, question: str) -> list[dict[str, Any]]:
    """ViLT (Kim et al., arXiv 2102.03334): each of its answers has a probability of its own."""
    import torch

    model = loading.model(ANSWERER, job)
    inputs = _asked(job, image, question).to(model.device, model.dtype)
    with torch.inference_mode():
        chances = model(**inputs).logits[0].float().sigmoid()
    best = chances.topk(min(ANSWERS, len(chances)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [{"answer": model.config.id2label[number], "score": chance} for number, chance in pairs]


def _written(job: Job, image: Any, question: str) -> list[dict[str, Any]]:
    """BLIP (Li et al., arXiv 2201.12086)."""
    made = _generated(job, ANSWERER, _asked(job, image, question), CAPTION)
    return [{"answer": told(_decoded(loading.read("AutoProcessor", loading.folder_of(job)), made[0]))}]


def _replied(job: Job, image: Any, question: str) -> list[dict[str, Any]]:
    """A chat model that sees."""
    if not getattr(loading.read("AutoProcessor", loading.folder_of(job)), "chat_template", None):
        raise ModelError("This model does not answer questions about pictures.")
    return [{"answer": _chatted(job, image, question)}]


ANSWERERS: dict[str, Callable[[Job, Any, str], list[dict[str, Any]]]] = {"vilt": _chosen, "blip": _written}
"""How questions are answered, by transformers' `model_type`; other models have to be chat models."""


def _asked(job: Job, image: Any, question: str) -> Any:
    folder = loading.folder_of(job)
    processor, config = loading.read("AutoProcessor", folder), loading.read("AutoConfig", folder)
    most = limit(processor.tokenizer, config.get_text_config())
    if len(processor.tokenizer(question).input_ids) > most:
        raise InputError(f"The question is too long for this model, which reads {most} tokens.")
    return processor(images=image, text=question, return_tensors="pt")


def _chatted(job: Job, image: Any, question: str) -> str:
    processor = loading.read("AutoProcessor", loading.folder_of(job))
    content = [{"type": "image", "image": image}, {"type": "text", "text": question}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    made = _generated(job, WRITER, inputs, REPLY)
    return told(_decoded(processor, made[0][inputs["input_ids"].shape[1] :]))


def _read(job: Job, image: Any) -> Draft:
    """Run a paired model. Donut (Kim et al., arXiv 2111.15664) writes fields in tags: `<s_total>12</s_total>`."""
    folder = loading.folder_of(job)
    tokenizer, eye = loading.read("AutoTokenizer", folder), loading.read("AutoImageProcessor", folder)
    tagged = any(token.startswith("<s_") for token in tokenizer.get_added_vocab())
    inputs = eye(images=image, return_tensors="pt")
    made = _generated(job, WRITER, inputs, PAGE if tagged else CAPTION)
    if not tagged:
        return Draft(text=told(_decoded(tokenizer, made[0])))
    framing = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    raw = tokenizer.decode([number for number in made[0].tolist() if number not in framing])
    fields = [{"label": name, "text": text.strip()} for name, text in _FIELD.findall(raw)]
    return Draft(text=told(re.sub(r"\s*<[^<>]*>\s*", " ", raw)), data=fields)


def _generated(job: Job, auto: str, inputs: Any, most: int) -> Any:
    """Return token numbers, of shape [1, tokens]."""
    import torch

    model = loading.model(auto, job)
    with torch.inference_mode():
        return model.generate(**inputs.to(model.device, model.dtype), **length(model, {}, most))


def _decoded(processor: Any, numbers: Any) -> str:
    return str(processor.decode(numbers, skip_special_tokens=True))
