"""Tiny models that answer questions about pages, with random weights; see `tiny_vision`."""

from pathlib import Path
from typing import Any

from tiny_vision import SQUARE, save, tokenizer

PAGE = ("INVOICE", "Widgets", "Total", "due", "142.80", "EUR", "What", "is", "?", "total")
MARKS = ("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>")
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *PAGE)
SIZE = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 520,
}


def layoutlm(folder: Path) -> Path:
    from transformers import LayoutLMConfig, LayoutLMForQuestionAnswering

    config = LayoutLMConfig(**SIZE, max_2d_position_embeddings=1024)
    return save(folder, LayoutLMForQuestionAnswering(config), tokenizer(512, VOCABULARY))


def layoutlmv3(folder: Path) -> Path:
    """Its image processor runs Tesseract unless it is told not to, as the published ones do."""
    from transformers import (
        LayoutLMv3Config,
        LayoutLMv3ForQuestionAnswering,
        LayoutLMv3ImageProcessorPil,
        LayoutLMv3Tokenizer,
    )

    config = LayoutLMv3Config(
        **{**SIZE, "vocab_size": 300},
        max_2d_position_embeddings=1024,
        coordinate_size=4,
        shape_size=4,
        input_size=64,
        patch_size=16,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.5,
    )
    model = LayoutLMv3ForQuestionAnswering(config)
    return save(
        folder, model, LayoutLMv3ImageProcessorPil(size=SQUARE, apply_ocr=True), _bytes(LayoutLMv3Tokenizer)
    )


def _bytes(kind: Any) -> Any:
    """Return a tokenizer of single bytes, as RoBERTa's would be without merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    return kind(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=512)


def donut(folder: Path, *, closes: bool = True) -> Path:
    """Answers `total total` to everything; an answer that it does not close is none."""
    import torch
    from transformers import (
        DonutImageProcessorPil,
        DonutSwinConfig,
        DonutSwinModel,
        MBartConfig,
        MBartForCausalLM,
        VisionEncoderDecoderModel,
    )

    words = (*VOCABULARY, *MARKS)
    encoder = DonutSwinConfig(
        image_size=64, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=4
    )
    decoder = MBartConfig(
        vocab_size=len(words),
        d_model=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        is_decoder=True,
        add_cross_attention=True,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=2,
    )
    model = VisionEncoderDecoderModel(encoder=DonutSwinModel(encoder), decoder=MBartForCausalLM(decoder))
    with torch.no_grad():
        norm = model.decoder.model.decoder.layer_norm
        norm.weight.zero_()
        norm.bias.fill_(1.0)
        model.decoder.lm_head.weight.zero_()
        model.decoder.lm_head.weight[words.index("total")] = 1.0
    settings = model.generation_config
    settings.max_new_tokens, settings.forced_eos_token_id = 3, words.index("</s_answer>") if closes else None
    settings.decoder_start_token_id, settings.pad_token_id, settings.eos_token_id = 2, 0, 3
    return save(
        folder,
        model,
        DonutImageProcessorPil(size=SQUARE),
        tokenizer(64, words, additional_special_tokens=list(MARKS)),
    )
