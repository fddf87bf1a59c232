"""Models that read one text and write another: T5, BART, Pegasus, Marian, mBART, NLLB, M2M100 and their kin."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.errors import ModelError
from tools.experts.direct import loading
from tools.experts.engine import Job
from tools.experts.pieces import pieces

AUTO = "AutoModelForSeq2SeqLM"
READS = 512
"""Tokens that a model is given at once when its files name no limit."""
WRITES = 256
"""Tokens that a model may write when its files name no limit."""
UNLIMITED = 1_000_000
"""A tokenizer that claims to take more tokens than this says nothing about its model."""
LEAST = 16
"""Fewest tokens that are worth giving to a model."""
BATCH = 8
"""Texts that are written about at once."""


@dataclass(frozen=True)
class Seq2Seq:
    """A loaded model with its tokenizer."""

    model: Any
    tokenizer: Any

    @property
    def limit(self) -> int:
        """Most tokens it can read at once."""
        return limit(self.tokenizer, self.model.config)

    @property
    def recipes(self) -> dict[str, dict[str, Any]]:
        """What the model's authors recommend for its tasks: settings of `generate`, and a `prefix` of the input."""
        return getattr(self.model.config, "task_specific_params", None) or {}

    def size(self, text: str) -> int:
        """Return how many tokens a text has, those that frame it among them."""
        return len(self.tokenizer(text).input_ids)

    def write(self, texts: Sequence[str], **settings: Any) -> list[str]:
        """Have the model write one text for each of these.

        Args:
            texts: What it reads, each at most `limit` tokens.
            **settings: Arguments of `generate` beyond the model's own generation config.
        """
        parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        return [text for part in parts for text in self.decoded(self.generate(part, **settings).sequences)]

    def generate(self, texts: Sequence[str], **settings: Any) -> Any:
        """Return what `generate` gives for one batch, with `sequences` of token numbers [texts, tokens]."""
        import torch

        inputs = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.limit,
            return_token_type_ids=False,
            return_tensors="pt",
        ).to(self.model.device)
        with torch.inference_mode():
            return self.model.generate(
                **inputs,
                **{**length(self.model, settings, min(WRITES, self.limit)), **settings},
                return_dict_in_generate=True,
            )

    def decoded(self, sequences: Any) -> list[str]:
        """Turn token numbers into texts."""
        # M2M100's tokens of languages are not among its special tokens.
        languages = set((getattr(self.tokenizer, "lang_code_to_id", None) or {}).values())
        rows = [[number for number in row if number not in languages] for row in sequences.tolist()]
        return [text.strip() for text in self.tokenizer.batch_decode(rows, skip_special_tokens=True)]


def seq2seq(job: Job) -> Seq2Seq:
    """Load a job's model; as `loading.model`.

    Raises:
        ModelError: It is of another kind.
        SetupError: A library it needs is missing.
    """
    return Seq2Seq(loading.model(AUTO, job), loading.read("AutoTokenizer", loading.folder_of(job)))


def limit(tokenizer: Any, config: Any) -> int:
    """Return how many tokens a model can read at once."""
    names = ("max_encoder_position_embeddings", "max_position_embeddings", "n_positions")
    # RoBERTa and its kin begin to count positions at 2.
    known = [places - 2 for name in names if (places := getattr(config, name, None))]
    if tokenizer.model_max_length < UNLIMITED:
        known.append(tokenizer.model_max_length)
    return min(known, default=READS)


def length(model: Any, settings: dict[str, Any], most: int) -> dict[str, int]:
    """Return a limit of what `generate` writes, unless the model or the call has one: its default is 20 tokens."""
    names = ("max_length", "max_new_tokens")
    own = [getattr(model.generation_config, name) for name in names] + [settings.get(name) for name in names]
    return {} if any(own) else {"max_new_tokens": most}


def fitting(text: str, expert: Seq2Seq, room: int) -> Iterator[str]:
    """Cut a text at sentence ends so that each piece has at most `room` tokens.

    Raises:
        ModelError: There is hardly any room.
    """
    if room < LEAST:
        raise ModelError("This model reads too few tokens at once for this.")
    if (found := expert.size(text)) <= room:
        yield text
        return
    # As many bytes as have that many tokens on average; where they have more, the piece is cut again.
    for piece in pieces(text, max(LEAST // 2, len(text.encode()) * room // found)):
        yield from fitting(piece, expert, room)


def told(text: str) -> str:
    """Return what a model wrote.

    Raises:
        ModelError: It is empty.
    """
    if not (said := text.strip()):
        raise ModelError("The model wrote nothing.")
    return said
