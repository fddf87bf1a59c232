"""The type of a task row: everything the system knows about one Hugging Face task type."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.outputs import Media

RESERVED = ("model", "timeout", "mode", "device")
"""Arguments of every tool beside its slots."""


class Slot(BaseModel):
    """A named input of a task."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    media: Media = "text"
    required: bool = True
    about: str = ""
    """What to put there, for prompts and schemas."""


class TaskRow(BaseModel):
    """One Hugging Face task type. Prompts, validation, planners, tools and the call all read this row."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    """The Hub's pipeline tag, e.g. `image-to-text`."""
    about: str
    """One sentence: what goes in, what comes out."""
    examples: tuple[str, ...] = Field(min_length=3)
    """Phrases people use when they want it; the retrieval planner compares requests with these."""
    slots: tuple[Slot, ...] = Field(min_length=1)
    """Inputs; the first is the main one."""
    makes: tuple[Media, ...] = Field(min_length=1)
    """Media of the output, the main one first. Text is always available as a rendering of the output."""
    aliases: tuple[str, ...] = ()
    """Other names in use for the same task."""

    @model_validator(mode="after")
    def _slots_can_be_filled(self) -> Self:
        names = [slot.name for slot in self.slots]
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{self.name} has two slots {doubled[0]!r}")
        if taken := [name for name in names if name in RESERVED]:
            raise ValueError(
                f"{self.name} cannot have a slot {taken[0]!r}: every tool has an argument of that name"
            )
        if not self.slots[0].required:
            raise ValueError(f"{self.name} has an optional first slot, which is the main one")
        return self

    def slot(self, name: str) -> Slot | None:
        """Return the slot of that name, or None."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def can_fill(self, slot: Slot) -> bool:
        """Tell whether an output of this task fits the slot: any output has a text rendering."""
        return slot.media == "text" or slot.media in self.makes
