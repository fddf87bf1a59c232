"""Diffusion models with random weights, small enough to run in a test; saved as a Hub repository would be."""

import json
from pathlib import Path
from typing import Any

import torch

WIDTH = 32
"""Length of text vectors."""


def tokenizer(folder: Path) -> Any:
    """Return a CLIP tokenizer that knows the bytes of a text and no longer pieces."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token="<|endoftext|>"
    )


def text_config(**changes: Any) -> Any:
    from transformers import CLIPTextConfig

    values = {
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
        "hidden_size": WIDTH,
        "intermediate_size": 37,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "vocab_size": 514,
        "projection_dim": WIDTH,
    }
    return CLIPTextConfig(**values, **changes)


def vae(**changes: Any) -> Any:
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    values = {
        "block_out_channels": [32, 32],
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "latent_channels": 4,
    }
    return AutoencoderKL(**{**values, **changes})


def unet(**changes: Any) -> Any:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    values = {
        "block_out_channels": (32, 32),
        "layers_per_block": 1,
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": WIDTH,
    }
    return UNet2DConditionModel(**{**values, **changes})


def scheduler() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    )


def text_parts(folder: Path) -> dict[str, Any]:
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    return {"tokenizer": tokenizer(folder / "words"), "text_encoder": CLIPTextModel(text_config())}


def stable_diffusion(folder: Path, **parts: Any) -> Path:
    from diffusers import StableDiffusionPipeline

    given = {
        "unet": unet(),
        "vae": vae(),
        "scheduler": scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        **text_parts(folder),
    }
    return saved(StableDiffusionPipeline(**{**given, **parts}, requires_safety_checker=False), folder)


def stable_diffusion_xl(folder: Path) -> Path:
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModelWithProjection

    torch.manual_seed(0)
    words = text_parts(folder)
    pipe = StableDiffusionXLPipeline(
        **words,
        unet=unet(**XL, sample_size=16),
        vae=vae(),
        scheduler=scheduler(),
        tokenizer_2=words["tokenizer"],
        text_encoder_2=CLIPTextModelWithProjection(text_config(hidden_act="gelu")),
    )
    return saved(pipe, folder)


XL = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 1),
    "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
    "cross_attention_dim": 2 * WIDTH,
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
}
"""What sets the denoiser of SDXL apart."""


def controlnet(folder: Path, **changes: Any) -> Path:
    from diffusers import ControlNetModel

    torch.manual_seed(0)
    values = {
        "block_out_channels": (32, 32),
        "layers_per_block": 1,
        "in_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": WIDTH,
        "conditioning_embedding_out_channels": (16, 32),
    }
    model = ControlNetModel(**{**values, **changes})
    # A new ControlNet has no influence: its last layers are zero.
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "controlnet_" in name or "conv_out" in name:
                weight.normal_(0, 0.5)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def saved(pipe: Any, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder
