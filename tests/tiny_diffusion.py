"""Diffusion models with random weights, small enough to run in a test; saved as a Hub repository would be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

# Threads that wait for each other cost more than models of this size take.
torch.set_num_threads(1)

Build = Callable[[Path], Path]

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
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
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


def lora(folder: Path) -> Path:
    """Save an adapter of rank 2 for the queries and values of `stable_diffusion`."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig, get_peft_model_state_dict

    model = unet()
    model.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    weights = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=weights, safe_serialization=True)
    return folder


def prudish(folder: Path) -> Path:
    """Save a model whose safety checker holds every picture back."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    tower = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 37}
    config = CLIPConfig(vision_config={**tower, "patch_size": 32}, projection_dim=WIDTH)
    checker = StableDiffusionSafetyChecker(config)
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(-2)
    return stable_diffusion(folder, safety_checker=checker, feature_extractor=CLIPImageProcessor())


def instruct_pix2pix(folder: Path) -> Path:
    from diffusers import StableDiffusionInstructPix2PixPipeline

    pipe = StableDiffusionInstructPix2PixPipeline(
        **text_parts(folder),
        unet=unet(in_channels=8),
        vae=vae(),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return saved(pipe, folder)


def upscaler(folder: Path) -> Path:
    from diffusers import DDPMScheduler, StableDiffusionUpscalePipeline

    pipe = StableDiffusionUpscalePipeline(
        **text_parts(folder),
        unet=unet(in_channels=7, num_class_embeds=1000),
        vae=vae(
            block_out_channels=[32] * 3,
            down_block_types=["DownEncoderBlock2D"] * 3,
            up_block_types=["UpDecoderBlock2D"] * 3,
        ),
        scheduler=scheduler(),
        low_res_scheduler=DDPMScheduler(),
        max_noise_level=350,
    )
    return saved(pipe, folder)


def latent_diffusion_upscaler(folder: Path) -> Path:
    from diffusers import LDMSuperResolutionPipeline, UNet2DModel, VQModel

    torch.manual_seed(0)
    blocks = {"block_out_channels": (32, 32), "layers_per_block": 1}
    denoiser = UNet2DModel(
        **blocks,
        sample_size=32,
        in_channels=6,
        out_channels=3,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    coder = VQModel(
        block_out_channels=[32] * 3,
        down_block_types=["DownEncoderBlock2D"] * 3,
        up_block_types=["UpDecoderBlock2D"] * 3,
        latent_channels=3,
    )
    return saved(LDMSuperResolutionPipeline(vqvae=coder, unet=denoiser, scheduler=scheduler()), folder)


def text_to_video(folder: Path) -> Path:
    from diffusers import TextToVideoSDPipeline, UNet3DConditionModel

    torch.manual_seed(0)
    denoiser = UNet3DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    pipe = TextToVideoSDPipeline(**text_parts(folder), unet=denoiser, vae=vae(), scheduler=scheduler())
    return saved(pipe, folder)


def vision_parts() -> dict[str, Any]:
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=224,
        intermediate_size=37,
        patch_size=32,
    )
    return {"feature_extractor": CLIPImageProcessor(), "image_encoder": CLIPVisionModelWithProjection(config)}


def stable_video_diffusion(folder: Path) -> Path:
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )

    torch.manual_seed(0)
    denoiser = UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=WIDTH,
        num_attention_heads=2,
        projection_class_embeddings_input_dim=96,
        addition_time_embed_dim=32,
        num_frames=3,
    )
    coder = AutoencoderKLTemporalDecoder(
        block_out_channels=[32, 32], down_block_types=["DownEncoderBlock2D"] * 2, latent_channels=4
    )
    steps = EulerDiscreteScheduler(
        interpolation_type="linear",
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )
    return saved(
        StableVideoDiffusionPipeline(**vision_parts(), unet=denoiser, vae=coder, scheduler=steps), folder
    )


def ltx_video(folder: Path) -> Path:
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXPipeline,
        LTXVideoTransformer3DModel,
    )
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    torch.manual_seed(0)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "cat": 3, "dog": 4}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder = T5EncoderModel(
        T5Config(vocab_size=8, d_model=WIDTH, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
    )
    denoiser = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=WIDTH,
        num_layers=1,
        caption_channels=WIDTH,
    )
    halves = (True, True, False, False)
    coder = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=halves,
        decoder_spatio_temporal_scaling=halves,
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        patch_size=1,
    )
    pipe = LTXPipeline(
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
        ),
        text_encoder=encoder,
        transformer=denoiser,
        vae=coder,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )
    return saved(pipe, folder)
