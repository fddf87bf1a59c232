"""The type of a task row: everything the system knows about one Hugging Face task type."""

from pydantic import BaseModel, ConfigDict, Field

from tools.outputs import Media


class Slot(BaseModel):
    """A named input of a task."""

    model_config = ConfigDict(frozen=True)

    name: str
    media: Media = "text"
    required: bool = True
    about: str = ""
    """What to put there, for prompts and schemas."""


class TaskRow(BaseModel):
    """One Hugging Face task type. Prompts, validation, planners, tools and the call all read this row."""

    model_config = ConfigDict(frozen=True)

    name: str
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

    def slot(self, name: str) -> Slot | None:
        """Return the slot of that name, or None."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def can_fill(self, slot: Slot) -> bool:
        """Tell whether an output of this task fits the slot: any output has a text rendering."""
        return slot.media == "text" or slot.media in self.makes
