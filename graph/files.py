"""Files in messages: references to artifacts as LangChain content blocks, never the bytes."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from tools.outputs import SCHEME, Artifact

BLOCK_TYPES = {"image": "image", "audio": "audio", "video": "video", "text": "file", "table": "file"}
"""Medium to the type of LangChain's content block for it."""


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
            if isinstance(part, dict) and str(part.get("url", "")).startswith(SCHEME):
                artifact = Artifact.model_validate(part["extras"]["artifact"])
                found.setdefault(artifact.ref, artifact)
    return list(found.values())


def as_text(item: BaseMessage) -> AnyMessage:
    """Return a message in which every file is its name, as a chat model without eyes and ears can read it."""
    names = [f"[file: {file.name}]" for file in files_of([item])]
    return cast(AnyMessage, item.model_copy(update={"content": "\n".join([str(item.text), *names]).strip()}))
