"""Tiny models of every family that translates, summarises or answers, built from configs and saved as safetensors."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

SIDE = 32
"""Pixels per side of the pictures that the tiny models see."""
LETTERS = [*ascii_letters, *digits, *".,:;?!<>'\"-_"]
SMALL = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 64}
HEADS = {
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
}


def unigrams(words: Sequence[str] = ()) -> list[tuple[str, float]]:
    """Return pieces for a Unigram tokenizer: whole words, and letters for all others."""
    return [
        *((f"▁{word}", -1.0) for word in words),
        ("▁", -5.0),
        *((letter, -10.0) for letter in LETTERS),
    ]


def sentencepiece(folder: Path) -> Path:
    """Train a tiny sentencepiece model."""
    from sentencepiece import SentencePieceTrainer

    text = folder / "corpus.txt"
    text.write_text("\n".join(["the cat sits on the mat", "le chat est sur le tapis", "hello world"] * 20))
    SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "pieces"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "pieces.model"


def numbered(model: Path, *specials: str) -> dict[str, int]:
    """Return a vocabulary of these special tokens, then the pieces of a sentencepiece model."""
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(model))
    names = [*specials, *(pieces.id_to_piece(number) for number in range(len(pieces)))]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _saved(model: Any, tokenizer: Any, folder: Path, **generation: Any) -> Path:
    if generation:
        model.generation_config.update(**generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def say(model: Any, number: int) -> Any:
    """Make a model write one token again and again, until its length ends it."""
    model.final_logits_bias[0, number] = 1000.0
    return model


def marian(folder: Path, source: str | None, target: str | None, tokens: Sequence[str] = ()) -> Path:
    """Save a Marian model that writes "hello" five times."""
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir()
    pieces = sentencepiece(folder)
    vocab = numbered(pieces, "</s>", "<unk>", *tokens, "▁hello")
    vocab["<pad>"] = len(vocab)
    (folder / "words.json").write_text(json.dumps(vocab))
    tokenizer = MarianTokenizer(
        str(pieces), str(pieces), str(folder / "words.json"), source_lang=source, target_lang=target
    )
    config = MarianConfig(
        vocab_size=len(vocab),
        **SMALL,
        **HEADS,
        pad_token_id=vocab["<pad>"],
        decoder_start_token_id=vocab["<pad>"],
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    model = say(MarianMTModel(config), vocab["▁hello"])
    return _saved(model, tokenizer, folder, max_length=7, num_beams=2)


def m2m(folder: Path) -> Path:
    """Save an M2M100 model that writes "e" only."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir()
    pieces = sentencepiece(folder)
    (folder / "words.json").write_text(json.dumps(numbered(pieces, "<s>", "<pad>", "</s>", "<unk>")))
    tokenizer = M2M100Tokenizer(str(folder / "words.json"), str(pieces))
    config = M2M100Config(vocab_size=200, **SMALL, **HEADS)
    return _saved(
        M2M100ForConditionalGeneration(config),
        tokenizer,
        folder,
        max_length=8,
        sequence_bias=_only(tokenizer, "e"),
    )


def nllb(folder: Path) -> Path:
    """Save an NLLB model that writes "e" only."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS]
    tokenizer = NllbTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=[])
    config = M2M100Config(vocab_size=len(tokenizer), **SMALL, **HEADS)
    return _saved(
        M2M100ForConditionalGeneration(config),
        tokenizer,
        folder,
        max_length=8,
        sequence_bias=_only(tokenizer, "e"),
    )


def mbart(folder: Path) -> Path:
    """Save an mBART-50 model that writes "bonjour" after its language."""
    from transformers import MBart50Tokenizer, MBartConfig, MBartForConditionalGeneration

    specials = [(name, 0.0) for name in ("<unk>", "<s>", "</s>")]
    tokenizer = MBart50Tokenizer(vocab=[*specials, *unigrams(["bonjour"])])
    config = MBartConfig(vocab_size=len(tokenizer), **SMALL, **HEADS)
    model = say(MBartForConditionalGeneration(config), tokenizer.convert_tokens_to_ids("▁bonjour"))
    return _saved(model, tokenizer, folder, max_length=5)


def t5(folder: Path, words: Sequence[str] = (), says: str = "", **options: Any) -> Path:
    """Save a T5 model; it writes the piece `says` and nothing else when there is one."""
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = T5Tokenizer(vocab=[*specials, *((word, -1.0) for word in words), *unigrams()], extra_ids=0)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        **options,
    )
    model = T5ForConditionalGeneration(config)
    if says:
        model.generation_config.update(max_new_tokens=3, sequence_bias=_only(tokenizer, says))
    return _saved(model, tokenizer, folder)


def _only(tokenizer: Any, piece: str) -> list[list[Any]]:
    return [[[tokenizer.convert_tokens_to_ids(piece)], 1000.0]]


def bart(folder: Path, **generation: Any) -> Path:
    """Save a BART model that writes "short" again and again, with these settings of `generate`."""
    from transformers import BartConfig, BartForConditionalGeneration

    words = wordlevel(
        ["<s>", "<pad>", "</s>", "<unk>"], ["short", *(f"w{i}" for i in range(50)), "."], "</s>"
    )
    config = BartConfig(vocab_size=len(words), **SMALL, **HEADS, eos_token_id=2, decoder_start_token_id=2)
    number = words.convert_tokens_to_ids("short")
    return _saved(say(BartForConditionalGeneration(config), number), words, folder, **generation)


def wordlevel(specials: Sequence[str], words: Sequence[str], end: str) -> Any:
    """Return a tokenizer with a token for each of these words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocab = {word: number for number, word in enumerate([*specials, *words])}
    unknown = next(word for word in specials if "unk" in word.lower())
    inner = Tokenizer(models.WordLevel(vocab, unk_token=unknown))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    begin = specials[0]
    inner.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin}:0 $A:0 {end}:0 $B:1 {end}:1",
        special_tokens=[(begin, vocab[begin]), (end, vocab[end])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token=unknown,
        pad_token=next(word for word in specials if "pad" in word.lower()),
        cls_token=begin,
        sep_token=end,
        bos_token=begin,
        eos_token=end,
    )


def extractive(folder: Path, words: Sequence[str], first: str, last: str) -> Path:
    """Save a BERT without layers that answers from the word `first` to the word `last`."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    tokenizer = wordlevel(["[CLS]", "[PAD]", "[SEP]", "[UNK]"], words, "[SEP]")
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=0,
        num_attention_heads=1,
        intermediate_size=16,
        max_position_embeddings=42,
    )
    torch.manual_seed(0)
    model = BertForQuestionAnswering(config)
    inner = model.bert.embeddings
    with torch.no_grad():
        inner.position_embeddings.weight.zero_()
        inner.token_type_embeddings.weight.zero_()
        inner.word_embeddings.weight.normal_()
        for row, word in enumerate((first, last)):
            number = tokenizer.convert_tokens_to_ids(word)
            model.qa_outputs.weight[row] = inner.LayerNorm(inner.word_embeddings.weight[number]) / 4
    return _saved(model, tokenizer, folder)
