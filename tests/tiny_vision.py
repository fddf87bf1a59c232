"""Tiny models of pictures with random weights, saved as safetensors with what prepares their pictures.

Where a weight is set, the model has one known answer.
"""

import json
import re
from pathlib import Path
from shutil import rmtree
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

LABELS = ("cat", "dog", "bird")
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    ".",
    "cat",
    "dog",
    "this",
    "is",
    "a",
    "photo",
    "of",
    "the",
    "task",
)
SIDE = 64
"""Pixels per side of the pictures that the models see."""
PROJECTION = 16
"""Size of the vectors that CLIP compares."""
SQUARE = {"height": SIDE, "width": SIDE}


def labels() -> dict[str, Any]:
    """Return a configuration's classes."""
    return {
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: number for number, label in enumerate(LABELS)},
    }


def tokenizer(length: int = 16, words: tuple[str, ...] = WORDS, **options: Any) -> Any:
    """Return a tokenizer of whole words."""
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=length, eos_token="[SEP]", **special, **options
    )


def answer(layer: Any, *values: float) -> None:
    """Make a linear layer say the same whatever it gets."""
    import torch

    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(values).expand_as(layer.bias))


def save(folder: Path, *parts: Any) -> Path:
    for part in parts:
        part.save_pretrained(folder)
    return folder


def vit(folder: Path) -> Path:
    """A classifier that always sees a dog."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=16,
        **labels(),
    )
    model = ViTForImageClassification(config)
    answer(model.classifier, 0.0, 3.0, 1.0)
    return save(folder, model, ViTImageProcessorPil(size=SQUARE))


def two_towers() -> dict[str, Any]:
    """Return the configurations of the towers of CLIP, SigLIP and OWL-ViT."""
    size = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "projection_dim": PROJECTION,
    }
    text = {
        "vocab_size": len(WORDS),
        "max_position_embeddings": 64,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
    }
    return {"text_config": {**size, **text}, "vision_config": {**size, "image_size": SIDE, "patch_size": 16}}


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    model = CLIPModel(CLIPConfig(**two_towers(), projection_dim=PROJECTION))
    return save(folder, model, CLIPImageProcessorPil(size=SQUARE, crop_size=SQUARE), tokenizer())


def siglip(folder: Path) -> Path:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    return save(
        folder, SiglipModel(SiglipConfig(**two_towers())), SiglipImageProcessorPil(size=SQUARE), tokenizer(64)
    )


def owlvit(folder: Path) -> Path:
    from transformers import OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessorPil

    model = OwlViTForObjectDetection(OwlViTConfig(**two_towers(), projection_dim=PROJECTION))
    return save(folder, model, OwlViTImageProcessorPil(size=SQUARE, do_center_crop=False), tokenizer())


def yolos(folder: Path) -> Path:
    """Always sees dogs in the middle of the picture, half as wide and high as it is."""
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessorPil

    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[SIDE, SIDE],
        patch_size=16,
        num_detection_tokens=2,
        **labels(),
    )
    model = YolosForObjectDetection(config)
    dogs_in_the_middle(model)
    return save(folder, model, YolosImageProcessorPil(size=SQUARE))


def dogs_in_the_middle(model: Any) -> None:
    found = model.class_labels_classifier
    answer(getattr(found, "layers", [found])[-1], 0.0, 5.0, 0.0, 0.0)
    answer(model.bbox_predictor.layers[-1], 0.0)


def resnet() -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(
        embedding_size=4,
        hidden_sizes=[4, 8, 8, 8],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def detr_config(backbone: Any = None) -> Any:
    from transformers import DetrConfig

    return DetrConfig(
        backbone_config=backbone or resnet(),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=3,
        **labels(),
    )


def detr(folder: Path, backbone: Any = None) -> Path:
    from transformers import DetrForObjectDetection, DetrImageProcessorPil

    model = DetrForObjectDetection(detr_config(backbone))
    dogs_in_the_middle(model)
    return save(folder, model, DetrImageProcessorPil(size=SQUARE))


def _timm_name(key: str) -> str:
    """Return the name that timm gives to a weight of a ResNet."""
    key = key.replace("embedder.embedder.convolution", "conv1").replace(
        "embedder.embedder.normalization", "bn1"
    )
    key = key.replace("shortcut.convolution", "downsample.0").replace(
        "shortcut.normalization", "downsample.1"
    )
    key = re.sub(r"encoder\.stages\.(\d)\.layers", lambda found: f"layer{int(found[1]) + 1}", key)
    key = re.sub(r"layer\.(\d)\.convolution", lambda found: f"conv{int(found[1]) + 1}", key)
    return re.sub(r"layer\.(\d)\.normalization", lambda found: f"bn{int(found[1]) + 1}", key)


def as_timm(folder: Path, *, name: str) -> Path:
    """Save a DETR as it is published: its ResNet's weights, which must be of full size, named as timm does."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    renamed = {_timm_name(key): value for key, value in weights.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config |= {"backbone_config": None, "use_timm_backbone": True, "backbone": name}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def rt_detr(folder: Path) -> Path:
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrImageProcessorPil

    config = RTDetrConfig(
        backbone_config={
            "model_type": "rt_detr_resnet",
            "embedding_size": 4,
            "hidden_sizes": [4, 8, 8, 8],
            "depths": [1, 1, 1, 1],
            "layer_type": "basic",
            "out_features": ["stage2", "stage3", "stage4"],
        },
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 8, 8],
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        decoder_layers=1,
        num_queries=3,
        anchor_image_size=None,
        **labels(),
    )
    model = RTDetrForObjectDetection(config)
    answer(model.model.decoder.class_embed[-1], -5.0, 3.0, -5.0)
    return save(folder, model, RTDetrImageProcessorPil(size=SQUARE))


def grounding_dino(folder: Path) -> Path:
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessorPil,
    )

    bert = BertConfig(
        vocab_size=1013,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    config = GroundingDinoConfig(
        backbone_config=swin(),
        text_config=bert,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=4,
        num_feature_levels=4,
        max_text_len=32,
    )
    return save(
        folder,
        GroundingDinoForObjectDetection(config),
        GroundingDinoImageProcessorPil(size=SQUARE),
        tokenizer(words=(*WORDS, *(f"word{number}" for number in range(1000)))),
    )


def swin() -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=SIDE,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def do(task: str, model: Path, image: Path, **inputs: str) -> Draft:
    """Run a task the way a worker does; the files are in a folder beside the model's."""
    out = model.parent / "out"
    rmtree(out, ignore_errors=True)
    out.mkdir()
    job = Job(task=task, model=model, inputs={"image": str(image), **inputs}, out=out, device="cpu")
    return run_job(ENGINES["pipeline"], job)
