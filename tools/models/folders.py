"""What a model in a folder is, told from its files: its library and the tasks it can do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools.experts.engines import ENGINES

WEIGHTS = (".safetensors", ".skops", ".ckpt")
"""Suffixes of files with weights that can be loaded safely; engines check further."""
LIBRARIES = {
    "model_index.json": "diffusers",
    "modules.json": "sentence-transformers",
    "hyperparams.yaml": "speechbrain",
    "config.json": "transformers",
}
"""The file that tells a library, the more telling ones first."""
ARCHITECTURES = {
    "ForSequenceClassification": ("text-classification", "zero-shot-classification"),
    "ForTokenClassification": ("token-classification",),
    "ForQuestionAnswering": ("question-answering",),
    "ForMaskedLM": ("fill-mask",),
    "ForCausalLM": ("text-generation", "conversational"),
    "ForImageClassification": ("image-classification",),
    "ForObjectDetection": ("object-detection",),
    "ForZeroShotObjectDetection": ("zero-shot-object-detection",),
    "ForSemanticSegmentation": ("image-segmentation",),
    "ForUniversalSegmentation": ("image-segmentation",),
    "ForInstanceSegmentation": ("image-segmentation",),
    "ForDepthEstimation": ("depth-estimation", "normal-control"),
    "ForPoseEstimation": ("openpose-control",),
    "ForVideoClassification": ("video-classification",),
    "ForAudioClassification": ("audio-classification",),
    "ForCTC": ("automatic-speech-recognition",),
    "ForSpeechSeq2Seq": ("automatic-speech-recognition",),
    "ForTextToSpeech": ("text-to-speech",),
    "ForSpeechToSpeech": ("audio-to-audio",),
    "ForImageSuperResolution": ("image-to-image",),
    "ForTableQuestionAnswering": ("table-question-answering",),
    "WhisperForConditionalGeneration": ("automatic-speech-recognition",),
    "MusicgenForConditionalGeneration": ("text-to-audio",),
    "MarianMTModel": ("translation",),
    "M2M100ForConditionalGeneration": ("translation",),
    "MBartForConditionalGeneration": ("translation",),
    "T5ForConditionalGeneration": ("summarization", "translation"),
    "BartForConditionalGeneration": ("summarization",),
    "PegasusForConditionalGeneration": ("summarization",),
    "VisionEncoderDecoderModel": ("image-to-text",),
    "BlipForConditionalGeneration": ("image-to-text",),
    "VitsModel": ("text-to-speech",),
    "CLIPModel": ("zero-shot-image-classification",),
    "SiglipModel": ("zero-shot-image-classification",),
    "ClapModel": ("zero-shot-audio-classification",),
    "SamModel": ("mask-generation",),
}
"""What models can do, by the end of their architecture's name."""
PIPELINES = {
    "InstructPix2PixPipeline": ("image-to-image",),
    "UpscalePipeline": ("image-to-image",),
    "SuperResolutionPipeline": ("image-to-image",),
    "VideoDiffusionPipeline": ("image-to-video",),
    "ImageToVideoPipeline": ("image-to-video",),
    "I2VGenXLPipeline": ("image-to-video",),
    "TextToVideoSDPipeline": ("text-to-video",),
    "WanPipeline": ("text-to-video",),
    "Pipeline": ("text-to-image",),
}
"""The same for pipelines of diffusers, the more telling ones first."""


class Found(NamedTuple):
    """What a folder holds."""

    library: str
    tasks: tuple[str, ...]
    size: int
    """Bytes of its weights."""


def inspect(folder: Path) -> Found | None:
    """Return what the model in a folder is; None when there is none that an engine here could load.

    Blocking: reads one small file and the sizes of all.

    Args:
        folder: A folder as `save_pretrained` and the Hub lay it out.
    """
    weights = [file for file in folder.rglob("*") if file.suffix in WEIGHTS]
    if not weights:
        return None
    size = sum(file.stat().st_size for file in weights)
    if any(file.suffix == ".skops" for file in weights):
        return Found("sklearn", _all_tasks("skops"), size)
    library = next((name for file, name in LIBRARIES.items() if (folder / file).is_file()), None)
    return Found(library, READERS[library](folder), size) if library else None


def _transformers(folder: Path) -> tuple[str, ...]:
    names = [str(name) for name in _json(folder / "config.json").get("architectures") or []]
    found = (tasks for end, tasks in ARCHITECTURES.items() for name in names if name.endswith(end))
    return next(found, ())


def _diffusers(folder: Path) -> tuple[str, ...]:
    name = str(_json(folder / "model_index.json").get("_class_name"))
    return next((tasks for end, tasks in PIPELINES.items() if name.endswith(end)), ())


def _all_tasks(engine: str) -> tuple[str, ...]:
    return ENGINES[engine].tasks


READERS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "transformers": _transformers,
    "diffusers": _diffusers,
    "sentence-transformers": lambda folder: _all_tasks("sentence-transformers"),
    "speechbrain": lambda folder: _all_tasks("speechbrain"),
}
"""How the tasks of a library's models are told."""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
