"""Tiny random models that tests build from configurations and save as safetensors, and how a job of theirs is run."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

WORDS = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[EMPTY]", "anna", "lives", "in", "berlin", "##er", "the", "cat",
    "sat", ".", ",", "this", "example", "is", "sport", "art", "name", "age", "how", "old", "bob", "1", "36", "41", "?",
    "a", "of", "sound", "rain",
)  # fmt: skip
SIZES = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
"""Of a model with the layout of BERT."""
BYTES = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": 1}
"""Special tokens of `bytes_tokenizer`."""


def save(folder: Path, *parts: Any) -> Path:
    """Save a model, a tokenizer, a processor into one folder."""
    for part in parts:
        part.save_pretrained(folder)
    return folder


def words_tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}, do_lower_case=True)


def bytes_tokenizer() -> Any:
    """Return a tokenizer that has a token for every byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ("<s>", "</s>", "<pad>", "<unk>")
    vocab = {
        token: number for number, token in enumerate((*special, *sorted(pre_tokenizers.ByteLevel.alphabet())))
    }
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.add_special_tokens(list(special))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    bos, eos, pad, unk = special
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, pad_token=pad, unk_token=unk
    )


def run(task: str, model: Path, out: Path, base: Path | None = None, **inputs: Any) -> Draft:
    """Run a job of the pipeline engine in this process, on the CPU."""
    out.mkdir(parents=True, exist_ok=True)
    job = Job(task=task, model=model, inputs=inputs, out=out, base=base, device="cpu")
    try:
        return run_job(ENGINES["pipeline"], job)
    finally:
        logging.disable(logging.NOTSET)


def rows(draft: Draft) -> list[dict[str, Any]]:
    """Return the data of an output that is a list of records."""
    data: Any = draft.data
    assert isinstance(data, list)
    assert all(isinstance(one, dict) for one in data)
    return data


def scripted(tokens: Sequence[int], size: int) -> Any:
    """Return a layer that chooses one token after the other, from the first again after the last."""
    import torch

    class Layer(torch.nn.Module):  # type: ignore[misc]
        calls = 0

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(*states.shape[:-1], size)
            logits[..., tokens[self.calls % len(tokens)]] = 50.0
            self.calls += 1
            return logits

    return Layer()
