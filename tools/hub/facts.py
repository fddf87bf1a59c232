"""What the Hub says of a model."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

EXPAND: list[Any] = [
    "downloads", "likes", "library_name", "pipeline_tag", "tags", "mask_token", "inferenceProviderMapping",
    "safetensors", "sha", "gated",
]  # fmt: skip
"""What is read of each model, all in one call."""

BITS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F4", "I4", "U4"), 4),
}
"""Bits of a number by its format in safetensors; all others have 32."""


class Served(BaseModel):
    """A provider that serves a model now."""

    model_config = ConfigDict(frozen=True)

    provider: str
    task: str
    """The provider's name of the task, e.g. `conversational` for a chat model."""


class HubModel(BaseModel):
    """A model on the Hub."""

    model_config = ConfigDict(frozen=True)

    id: str
    downloads: int = 0
    """In the last 30 days."""
    likes: int = 0
    library: str | None = None
    pipeline_tag: str | None = None
    tags: tuple[str, ...] = ()
    mask_token: str | None = None
    """What stands for the missing word in its input."""
    providers: tuple[Served, ...] = ()
    """Live providers in the Hub's order."""
    sha: str | None = None
    """The commit its files are taken from, so that they stay the ones that were looked at."""
    gated: bool = False
    """Whether its terms must be accepted first."""
    parameters: int | None = None
    """How many numbers its weights have; None when it has no safetensors that the Hub could read."""
    size: int | None = None
    """Bytes of its safetensors."""

    @property
    def license(self) -> str | None:
        """The license's identifier, e.g. `apache-2.0`."""
        return next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)


def parsed(info: "ModelInfo") -> HubModel:
    """Return what the library read of a model."""
    mapping: list[Any] = info.inference_provider_mapping or []
    weights: dict[str, int] = dict(info.safetensors.parameters) if info.safetensors else {}
    return HubModel(
        id=info.id,
        downloads=info.downloads or 0,
        likes=info.likes or 0,
        library=info.library_name,
        pipeline_tag=info.pipeline_tag,
        tags=tuple(info.tags or ()),
        mask_token=info.mask_token,
        providers=tuple(
            Served(provider=one.provider, task=one.task) for one in mapping if one.status == "live"
        ),
        sha=info.sha,
        gated=bool(info.gated),
        parameters=sum(weights.values()) or None,
        size=sum(count * BITS.get(kind, 32) // 8 for kind, count in weights.items()) or None,
    )
