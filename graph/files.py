"""Files in messages: references to artifacts as LangChain content blocks, never the bytes."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from tools.artifacts import REF, plain_name
from tools.outputs import Artifact
from tools.sniff import KINDS

BLOCK_TYPES = {"image": "image", "audio": "audio", "video": "video", "text": "file", "table": "file"}
"""Medium to the type of LangChain's content block for it."""


LINKS: dict[str, Any] = {"extras": {"links": True}}
"""Marks the text block of an answer that is for browsers; no chat model reads it."""


def block(artifact: Artifact) -> dict[str, Any]:
    """Return the content block that refers to an artifact."""
    return {
        "type": BLOCK_TYPES[artifact.media],
        "url": artifact.ref,
        "mime_type": artifact.mime,
        "extras": {"artifact": artifact.model_dump(mode="json")},
    }


def message(request: str, files: Sequence[Artifact] = ()) -> HumanMessage:
    """Return the message that asks the graph for something.

    Args:
        request: What is wanted, in plain words.
        files: What it is about, already in the artifact store.
    """
    return HumanMessage(content=[{"type": "text", "text": request}, *map(block, files)])


def files_of(messages: Iterable[BaseMessage]) -> list[Artifact]:
    """Return the artifacts that messages refer to, each once, in the order of their first mention."""
    found: dict[str, Artifact] = {}
    for item in messages:
        for part in item.content if isinstance(item.content, list) else []:
            artifact = referred(part)
            if artifact is not None:
                found.setdefault(artifact.ref, artifact)
    return list(found.values())


def referred(part: object) -> Artifact | None:
    """Return the artifact that a part of a message refers to; None for any other part.

    The reference alone tells what it is. Only the name is taken from the rest, since clients write that as they like.
    """
    ref = str(part.get("url", "")) if isinstance(part, dict) else ""
    match = REF.fullmatch(ref)
    kind = KINDS.get(match["suffix"]) if match else None
    if match is None or kind is None:
        return None
    return Artifact(sha256=match["sha256"], name=_name(part) or f"file{kind.suffix}", **kind._asdict())


def _name(part: object) -> str:
    for key in ("extras", "artifact", "name"):
        part = part.get(key) if isinstance(part, dict) else None
    return plain_name(part) if isinstance(part, str) and part else ""


def as_text(item: BaseMessage) -> AnyMessage:
    """Return a message in which every file is its name, as a chat model without eyes and ears can read it."""
    names = [f"[file: {file.name}]" for file in files_of([item])]
    parts = item.content if isinstance(item.content, list) else []
    told = [part for part in parts if not (isinstance(part, dict) and LINKS.items() <= part.items())]
    text = str((item.model_copy(update={"content": told}) if parts else item).text)
    return cast(AnyMessage, item.model_copy(update={"content": "\n".join([text, *names]).strip()}))
