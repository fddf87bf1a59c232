"""One tiny model for each way in which experts compute, to try them on a GPU and in half precision.

Importing this is cheap: models are built by functions of other modules, which are imported when they are needed.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.experts.diffusion import calls
from tools.experts.direct import seeing, seq2seq
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.pipelines import generation, masks
from tools.outputs import Draft

Build = Callable[[Path], Path]
"""Saves a model into a folder of this name, which is not there yet, and returns it."""
TEXT = "Anna lives in Berlin. The cat sat."


@dataclass(frozen=True)
class Case:
    """A task with a model and inputs; media are named by their files in the folder of `media`."""

    engine: str
    task: str
    build: Build
    inputs: Mapping[str, str] = field(default_factory=dict)
    base: Build | None = None
    near: float | None = 0.03
    """How far numbers, pixels and samples may differ; None when random ones decide, so that only the kind counts."""


def function(module: str, name: str, *args: Any, **options: Any) -> Build:
    """Return a build that is a function of a module and gets the folder first."""
    return lambda folder: Path(getattr(import_module(module), name)(folder, *args, **options) or folder)


def parts(module: str, name: str, *args: Any, tokenizer: str = "") -> Build:
    """Return a build that saves what a function of a module returns, with a tokenizer of `tiny_models`."""

    def build(folder: Path) -> Path:
        made = getattr(import_module(module), name)(*args)
        tiny = import_module("tiny_models")
        more = [getattr(tiny, tokenizer)()] if tokenizer else []
        return Path(tiny.save(folder, *(made if isinstance(made, tuple) else (made,)), *more))

    return build


def heard(name: str) -> Build:
    """Return a build of a model of sounds, whose tokenizer is made in the folder first."""

    def build(folder: Path) -> Path:
        folder.mkdir()
        model, *others = getattr(import_module("test_pipelines_audio"), name)(folder)
        if name == "whisper":
            model.generation_config.max_length = 8
        return Path(import_module("tiny_models").save(folder, model, *others))

    return build


def chat(folder: Path) -> Path:
    tokenizer = import_module("tiny_models").bytes_tokenizer()
    tokenizer.chat_template = import_module("test_pipelines_text").CHAT
    return Path(
        import_module("tiny_models").save(folder, import_module("test_pipelines_text").gpt2(), tokenizer)
    )


def tapas(folder: Path) -> Path:
    tests = import_module("test_pipelines_text")
    folder.mkdir()
    return Path(import_module("tiny_models").save(folder, *tests.tapas(), tests._tapas_tokenizer(folder)))


def lora(folder: Path) -> Path:
    """Save an adapter for the model of `bert`."""
    import peft

    settings = peft.LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False)
    peft.get_peft_model(import_module("test_pipelines_text").bert("ForMaskedLM"), settings).save_pretrained(
        folder
    )
    return folder


def films(folder: Path) -> Path:
    from transformers import VideoMAEImageProcessorPil

    size = {"height": 32, "width": 32}
    processor = VideoMAEImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    return Path(
        import_module("tiny_models").save(folder, import_module("test_pipelines_video").videomae(), processor)
    )


def speechbrain(folder: Path, text: str) -> Path:
    tests = import_module("test_separation")
    return Path(tests.saved(folder, getattr(tests, text)))


def vision(name: str) -> Build:
    return function("tiny_vision", name)


def areas(name: str) -> Build:
    return function("tiny_masks", name)


def painted(name: str, **options: Any) -> Build:
    return function("tiny_diffusion", name, **options)


def bert(head: str, *labels: str) -> Build:
    return parts(
        "test_pipelines_text", "bert", head, *([labels] if labels else []), tokenizer="words_tokenizer"
    )


def pipeline(
    task: str, build: Build, near: float | None = 0.03, base: Build | None = None, **inputs: str
) -> Case:
    return Case("pipeline", task, build, inputs, base, near)


def direct(
    task: str, build: Build, near: float | None = 0.03, base: Build | None = None, **inputs: str
) -> Case:
    return Case("transformers", task, build, inputs, base, near)


def diffused(
    task: str, build: Build, near: float | None = 0.03, base: Build | None = None, **inputs: str
) -> Case:
    return Case("diffusers", task, build, inputs, base, near)


TINY, PICTURES = "tiny_direct", "test_direct_pictures"
SEEN: dict[str, Any] = {"image": "photo.png"}
HEARD: dict[str, Any] = {"audio": "sound.flac"}
ASKED: dict[str, Any] = {"question": "How old is Bob?", "table": "table.csv"}
WORDS = ["where", "?", "in", "gay", "Paree", ",", "France", "."]
NLI = ("contradiction", "neutral", "entailment")

CASES: dict[str, Case] = {
    "text classification": pipeline(
        "text-classification", bert("ForSequenceClassification", "bad", "good"), text=TEXT
    ),
    "zero-shot text": pipeline(
        "zero-shot-classification", bert("ForSequenceClassification", *NLI), text=TEXT, labels="sport, art"
    ),
    "entities": pipeline(
        "token-classification", bert("ForTokenClassification", "O", "B-PER", "I-PER", "B-LOC"), None, text=TEXT
    ),
    "fill mask": pipeline("fill-mask", bert("ForMaskedLM"), None, text="the [MASK] sat ."),
    "adapter": pipeline("fill-mask", lora, None, base=bert("ForMaskedLM"), text="the [MASK] sat ."),
    "text vector": pipeline("feature-extraction", bert("Model"), text=TEXT),
    "writing": pipeline(
        "text-generation", parts("test_pipelines_text", "gpt2", tokenizer="bytes_tokenizer"), None, text=TEXT
    ),
    "chat": pipeline("conversational", chat, None, text=TEXT),
    "writing, T5": pipeline(
        "text-generation", parts("test_pipelines_text", "t5", tokenizer="bytes_tokenizer"), None, text=TEXT
    ),
    "table cells": pipeline("table-question-answering", tapas, None, **ASKED),
    "table in words": pipeline(
        "table-question-answering", parts("test_pipelines_text", "bart", tokenizer="bytes_tokenizer"), None, **ASKED
    ),
    "picture labels": pipeline("image-classification", vision("vit"), **SEEN),
    "CLIP": pipeline("zero-shot-image-classification", vision("clip"), labels="cat, dog", **SEEN),
    "SigLIP": pipeline("zero-shot-image-classification", vision("siglip"), labels="cat, dog", **SEEN),
    "YOLOS": pipeline("object-detection", vision("yolos"), **SEEN),
    "DETR": pipeline("object-detection", vision("detr"), **SEEN),
    "RT-DETR": pipeline("object-detection", vision("rt_detr"), None, **SEEN),
    "OWL-ViT": pipeline("zero-shot-object-detection", vision("owlvit"), None, labels="cat, dog", **SEEN),
    "Grounding DINO": pipeline("zero-shot-object-detection", vision("grounding_dino"), None, labels="cat", **SEEN),
    "SegFormer": pipeline("image-segmentation", areas("segformer"), **SEEN),
    "DETR panoptic": pipeline("image-segmentation", areas("detr_panoptic"), **SEEN),
    "MaskFormer": pipeline("image-segmentation", areas("maskformer"), None, **SEEN),
    "Mask2Former": pipeline("image-segmentation", areas("mask2former"), None, **SEEN),
    "OneFormer": pipeline("image-segmentation", areas("oneformer"), None, **SEEN),
    "SAM": pipeline("mask-generation", areas("sam"), None, **SEEN),
    "GLPN": pipeline("depth-estimation", areas("glpn"), **SEEN),
    "DPT": pipeline("depth-estimation", areas("dpt"), **SEEN),
    "Depth Anything": pipeline("depth-estimation", areas("depth_anything"), **SEEN),
    "LayoutLM": pipeline(
        "document-question-answering", function("tiny_documents", "layoutlm"), None, image="page.png",
        question="What is the total?",
    ),
    "LayoutLMv3": pipeline(
        "document-question-answering", function("tiny_documents", "layoutlmv3"), None, image="page.png",
        question="What is the total?",
    ),
    "Donut": pipeline(
        "document-question-answering", function("tiny_documents", "donut"), image="page.png",
        question="What is the total?",
    ),
    "picture vector": pipeline("image-feature-extraction", vision("clip"), 0.1, **SEEN),
    "Whisper": pipeline("automatic-speech-recognition", heard("whisper"), None, **HEARD),
    "CTC": pipeline("automatic-speech-recognition", heard("ctc"), None, **HEARD),
    "sound labels": pipeline("audio-classification", heard("sounds"), **HEARD),
    "CLAP": pipeline("zero-shot-audio-classification", heard("clap"), labels="rain, dog", **HEARD),
    "VITS": pipeline("text-to-speech", heard("vits"), None, text="Hello there."),
    "SpeechT5": pipeline("text-to-speech", heard("speecht5"), None, heard("vocoder"), text="hello"),
    "MusicGen": pipeline("text-to-audio", heard("musicgen"), None, text="a calm tune"),
    "film labels": pipeline("video-classification", films, video="film.mp4"),
    "spans": direct(
        "question-answering", function(TINY, "extractive", WORDS, "Paree", "France"), question="where ?",
        context="in gay Paree , France .",
    ),
    "answers, T5": direct("question-answering", function(TINY, "t5"), None, question="where?", context="in Paree"),
    "summary": direct("summarization", function(TINY, "bart", max_length=6), text="w1 w2 w3 w4 w5 w6 ."),
    "Marian": direct("translation", function(TINY, "marian", "en", "fr"), text="the cat", target_language="French"),
    "M2M100": direct(
        "translation", function(TINY, "m2m"), text="the cat", source_language="English", target_language="French"
    ),
    "mBART": direct("translation", function(TINY, "mbart"), text="the cat", target_language="French"),
    "caption": direct("image-to-text", function(PICTURES, "captioner"), **SEEN),
    "paired": direct("image-to-text", function(PICTURES, "squares"), **SEEN),
    "LLaVA": direct("image-to-text", function(PICTURES, "llava"), **SEEN),
    "ViLT": direct("visual-question-answering", function(PICTURES, "chooser"), question="what is it ?", **SEEN),
    "Swin2SR": direct("image-to-image", function(PICTURES, "swin2sr"), **SEEN),
    "voice": direct(
        "audio-to-audio", function("test_direct_voice", "speaker"), None, function("test_direct_voice", "hifigan"),
        audio="short.flac",
    ),
    "sentence vector": Case(
        "sentence-transformers", "feature-extraction", function("test_sentences", "saved"), {"text": "I like tea"}
    ),
    "similarity": Case(
        "sentence-transformers", "sentence-similarity", function("test_sentences", "saved"),
        {"text": "I like tea", "other_text": "rain"},
    ),
    "Stable Diffusion": diffused("text-to-image", painted("stable_diffusion"), 0.08, text="a cat"),
    "Stable Diffusion XL": diffused("text-to-image", painted("stable_diffusion_xl"), 0.08, text="a cat"),
    "LoRA": diffused("text-to-image", painted("lora"), 0.08, painted("stable_diffusion"), text="a cat"),
    "editing": diffused("image-to-image", painted("stable_diffusion"), 0.08, instruction="night", **SEEN),
    "InstructPix2Pix": diffused("image-to-image", painted("instruct_pix2pix"), 0.08, instruction="night", **SEEN),
    "upscaler": diffused("image-to-image", painted("upscaler"), 0.08, **SEEN),
    "latent upscaler": diffused("image-to-image", painted("latent_diffusion_upscaler"), 0.08, **SEEN),
    "ControlNet": diffused(
        "canny-text-to-image", painted("controlnet"), 0.08, painted("stable_diffusion"), text="a cat", **SEEN
    ),
    "film": diffused("text-to-video", painted("text_to_video"), 0.1, text="a cat"),
    "film of a picture": diffused("image-to-video", painted("stable_video_diffusion"), 0.1, **SEEN),
    "LTX": diffused("text-to-video", painted("ltx_video"), 0.1, text="cat"),
    "normals": Case("conditions", "normal-control", areas("dpt"), SEEN),
    "poses": Case(
        "conditions", "openpose-control", function("test_conditions", "vitpose", keypoints=17), SEEN,
        function("test_conditions", "detector", "person"), None,
    ),
    "SepFormer": Case("speechbrain", "audio-to-audio", function(__name__, "speechbrain", "SEPFORMER"), HEARD),
    "MetricGAN": Case("speechbrain", "audio-to-audio", function(__name__, "speechbrain", "METRICGAN"), HEARD),
}  # fmt: skip
"""Every engine that computes on a device, and within it every kind of model that is called in its own way."""


def media(folder: Path) -> Path:
    """Make the files that cases name."""
    import soundfile

    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(folder / "photo.png")
    import_module("test_pipelines_documents").page(folder / "page.png")
    time = np.arange(22_050) / 22_050
    soundfile.write(folder / "sound.flac", 0.4 * np.sin(2 * np.pi * (200 + 50 * time) * time), 22_050)
    soundfile.write(folder / "short.flac", np.sin(1000 * time[:2500]), 22_050)
    import_module("test_pipelines_video").film(folder / "film.mp4", 8)
    (folder / "table.csv").write_text("name,age\nAnna,36\nBob,41\n")
    return folder


def little_work(patch: pytest.MonkeyPatch) -> None:
    """Have experts write, paint and look less than they would."""
    for device in ("cpu", "cuda"):
        patch.setitem(calls.LIMITS, device, calls.Limits(steps=2, frames=9, pixels=64 * 64))
    for task in generation.MAX_NEW_TOKENS:
        patch.setitem(generation.MAX_NEW_TOKENS, task, 8)
    patch.setattr(masks, "GRID", 4)
    patch.setattr(seeing, "CAPTION", 8)
    patch.setattr(seq2seq, "WRITES", 8)


def built(case: Case, root: Path) -> tuple[Path, Path | None]:
    """Return the folders of a case's model and its base; skip the test where a library of theirs is missing."""
    import torch

    library = ENGINES[case.engine].requires
    pytest.importorskip({"speechbrain": "speechbrain.inference"}.get(library, library), exc_type=ImportError)

    names = [(case.build, f"{case.engine} {case.task} model"), (case.base, f"{case.engine} {case.task} base")]
    made: list[Path | None] = []
    for build, name in names:
        folder = root / name.replace(" ", "-")
        torch.manual_seed(0)
        made.append(build(folder) if build else None)
    assert made[0]
    return made[0], made[1]


def do(case: Case, folders: tuple[Path, Path | None], files: Path, out: Path, device: str) -> Draft:
    """Run a case the way a worker does, in this process."""
    out.mkdir()
    inputs = {
        name: str(files / value) if (files / value).is_file() else value
        for name, value in case.inputs.items()
    }
    job = Job(task=case.task, model=folders[0], base=folders[1], inputs=inputs, out=out, device=device)
    try:
        return run_job(ENGINES[case.engine], job)
    finally:
        logging.disable(logging.NOTSET)


def same_noise() -> bool:
    """Tell whether a seed gives the same noise in both formats; that depends on torch and on the processor."""
    import torch

    first, second = (
        torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1), dtype=dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    return bool((first - second).abs().mean() < 0.01)


def assert_alike(one: Draft, other: Draft, near: float | None) -> None:
    """Check that two outputs are of the same kind and, where chance does not decide, nearly the same."""
    assert bool(one.text) == bool(other.text)
    assert type(one.data) is type(other.data)
    if near is None:
        assert {path.suffix for path in one.files} == {path.suffix for path in other.files}
        return
    _assert_near(_ordered(one.data), _ordered(other.data), near)
    assert [path.name for path in one.files] == [path.name for path in other.files]
    for path, twin in zip(one.files, other.files, strict=True):
        first, second = _numbers(path), _numbers(twin)
        assert first.shape == second.shape
        assert np.abs(first - second).mean() <= near, path.name


def _ordered(data: Any) -> Any:
    """Return records in an order that small differences of their scores do not change."""
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return sorted(data, key=lambda one: json.dumps({k: v for k, v in one.items() if isinstance(v, str)}))
    return data


def _assert_near(one: Any, other: Any, near: float) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            _assert_near(one[name], other[name], near * 100 if name == "box" else near)
    elif isinstance(one, list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            _assert_near(first, second, near)
    elif isinstance(one, float):
        assert abs(one - other) <= near * max(1.0, abs(one)), (one, other)
    else:
        assert one == other


def _numbers(path: Path) -> Any:
    """Return pixels or samples as numbers of about 1."""
    if path.suffix == ".wav":
        import soundfile

        return soundfile.read(path)[0]
    if path.suffix == ".mp4":
        frames, *_ = import_module("test_diffusion_video").opened(path)
        return np.stack([np.asarray(frame) for frame in frames]) / 255
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")) / 255
