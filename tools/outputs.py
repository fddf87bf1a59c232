"""What flows between tasks: media, artifacts and outputs."""

from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from ormsgpack import OPT_SERIALIZE_PYDANTIC, OPT_SORT_KEYS, packb
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

Media = Literal["text", "image", "audio", "video", "table"]
"""The kinds of value a slot takes or a task makes."""

SCHEME = "artifact://"
"""What every artifact reference starts with."""


class Artifact(BaseModel):
    """A file in the artifact store, named by its content.

    The bytes never enter a graph's state; this record does.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hex digest of the bytes; the same bytes are always the same artifact."""
    media: Media
    mime: str
    """MIME type sniffed from the bytes, e.g. `audio/x-wav`."""
    suffix: str = Field(pattern=r"^(\.[a-z0-9]{1,8})?$")
    """File suffix that fits the MIME type, with its dot."""
    name: str
    """The name people know the file by, e.g. `briefing.wav`; without any folder."""

    @property
    def ref(self) -> str:
        """The reference that fills a media slot: `artifact://<sha256><suffix>`."""
        return f"{SCHEME}{self.sha256}{self.suffix}"


def whole(text: str) -> str:
    """Replace what is half of a character only: no file, message or checkpoint can hold that."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def plain(value: JsonValue) -> JsonValue:
    """Return what every checkpoint can hold of a value: whole texts, and no integer that takes more than 64 bits."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {whole(name): plain(one) for name, one in value.items()}
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


Text = Annotated[str, AfterValidator(whole)]


class Output(BaseModel):
    """What a task made."""

    model_config = ConfigDict(frozen=True)

    text: Text
    """A readable rendering; always there, so that any output can fill a text slot."""
    data: Annotated[JsonValue, AfterValidator(plain)] = None
    """The structured form, such as entities or scores."""
    files: tuple[Artifact, ...] = ()
    """The files it made, the main one first."""
    by: str = ""
    """The engine that ran it, a key of `ENGINES`."""

    @cached_property
    def digest(self) -> str:
        """Hex digest of all that is in it. Every task that takes it asks for that, so a large one is read once."""
        packed = packb(self, option=OPT_SERIALIZE_PYDANTIC | OPT_SORT_KEYS)
        return sha256(packed).hexdigest()

    def file(self, media: Media) -> Artifact | None:
        """Return the first file of the given medium, or None."""
        return next((file for file in self.files if file.media == media), None)


class Draft(BaseModel):
    """An output as an engine leaves it: files still lie in the job's folder, not in the store."""

    model_config = ConfigDict(frozen=True)

    text: str
    data: JsonValue = None
    files: tuple[Path, ...] = ()
