"""Tiny models of areas and depth with random weights; see `tiny_vision`."""

from pathlib import Path
from typing import Any

from tiny_vision import SIDE, SQUARE, answer, detr_config, labels, save, swin, tokenizer

HEAD = {
    "hidden_dim": 32,
    "mask_feature_size": 32,
    "feature_size": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "num_attention_heads": 2,
    "dim_feedforward": 16,
    "encoder_feedforward_dim": 16,
}


def segformer(folder: Path) -> Path:
    """Sees birds everywhere."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessorPil

    config = SegformerConfig(
        hidden_sizes=[4, 8, 8, 8],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
        **labels(),
    )
    model = SegformerForSemanticSegmentation(config)
    answer(model.decode_head.classifier, 0.0, 0.0, 4.0)
    return save(folder, model, SegformerImageProcessorPil(size=SQUARE))


def detr_panoptic(folder: Path) -> Path:
    """Sees one dog, which fills the picture."""
    from transformers import DetrForSegmentation, DetrImageProcessorPil

    model = DetrForSegmentation(detr_config())
    answer(model.detr.class_labels_classifier, 0.0, 9.0, 0.0, 0.0)
    answer(model.mask_head.output_conv, 5.0)
    return save(folder, model, DetrImageProcessorPil(size=SQUARE))


def maskformer(folder: Path) -> Path:
    """Sees dogs."""
    from transformers import (
        DetrConfig,
        MaskFormerConfig,
        MaskFormerForInstanceSegmentation,
        MaskFormerImageProcessorPil,
    )

    decoder = DetrConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=3,
    )
    config = MaskFormerConfig(
        backbone_config=swin(),
        decoder_config=decoder,
        fpn_feature_size=32,
        mask_feature_size=32,
        **labels(),
    )
    model = MaskFormerForInstanceSegmentation(config)
    answer(model.class_predictor, 0.0, 9.0, 0.0, 0.0)
    return save(folder, model, MaskFormerImageProcessorPil(size=SQUARE))


def mask2former(folder: Path) -> Path:
    """Sees dogs."""
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessorPil,
    )

    config = Mask2FormerConfig(backbone_config=swin(), num_queries=3, **HEAD, **labels())
    model = Mask2FormerForUniversalSegmentation(config)
    answer(model.class_predictor, 0.0, 9.0, 0.0, 0.0)
    return save(folder, model, Mask2FormerImageProcessorPil(size=SQUARE))


def oneformer(folder: Path) -> Path:
    """Sees dogs everywhere; names a list of classes that is on the Hub, as models there do."""
    from transformers import (
        OneFormerConfig,
        OneFormerForUniversalSegmentation,
        OneFormerImageProcessorPil,
    )

    config = OneFormerConfig(
        backbone_config=swin(),
        num_queries=4,
        hidden_dim=32,
        mask_dim=32,
        conv_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=2,
        query_dec_layers=1,
        num_attention_heads=2,
        dim_feedforward=16,
        task_seq_len=8,
        max_seq_len=8,
        text_encoder_width=16,
        text_encoder_context_length=8,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=50,
        **labels(),
    )
    model = OneFormerForUniversalSegmentation(config)
    answer(model.model.transformer_module.decoder.class_embed, 0.0, 9.0, 0.0, 0.0)
    processor = OneFormerImageProcessorPil(size=SQUARE)
    processor.class_info_file = "coco_panoptic.json"
    return save(folder, model, processor, tokenizer(8))


def sam(folder: Path) -> Path:
    """Trusts all of its masks fully."""
    from transformers import SamConfig, SamImageProcessorPil, SamModel

    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "mlp_dim": 16,
            "image_size": SIDE,
            "patch_size": 16,
            "window_size": 2,
            "global_attn_indexes": [0],
            "num_pos_feats": 8,
        },
        prompt_encoder_config={
            "hidden_size": 16,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    model = SamModel(config)
    answer(model.mask_decoder.iou_prediction_head.proj_out, 1.0)
    _firm_edges(model)
    return save(folder, model, SamImageProcessorPil(size={"longest_edge": SIDE}, pad_size=SQUARE))


def _firm_edges(model: Any) -> None:
    """Make masks that differ from point to point, so sure that no change of the threshold moves their edges."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.ndim > 1 and "iou" not in name:
                weights.normal_(std=0.3)
        for network in model.mask_decoder.output_hypernetworks_mlps:
            network.proj_out.weight.mul_(1e6)
            network.proj_out.bias.mul_(1e6)


def glpn(folder: Path) -> Path:
    """Tells metres."""
    from transformers import GLPNConfig, GLPNForDepthEstimation, GLPNImageProcessorPil

    config = GLPNConfig(
        hidden_sizes=[4, 8, 8, 8],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
    )
    return save(folder, GLPNForDepthEstimation(config), GLPNImageProcessorPil())


def dpt(folder: Path) -> Path:
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessorPil

    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    return save(folder, DPTForDepthEstimation(config), DPTImageProcessorPil(size=SQUARE))


def depth_anything(folder: Path, kind: str = "relative") -> Path:
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessorPil,
    )

    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=1,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    return save(
        folder,
        DepthAnythingForDepthEstimation(config),
        DPTImageProcessorPil(size={"height": 56, "width": 56}, ensure_multiple_of=14),
    )
