"""The conversation that a JARVIS client sends: addresses in its texts are files, as they were for the original."""

import re
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from graph.files import block, referred
from graph.state import Request
from tools.artifacts import plain_name
from tools.links import ref_at
from tools.sniff import named

ADDRESS = re.compile(r"https?://[^\s<>\"'()\[\]]+[^\s<>\"'()\[\].,;:!?]")

FETCHED = ("image", "audio", "video")
"""Media of the original's resources; the address of a text may just be talked about."""


class Said(BaseModel):
    """One message of a client."""

    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]


def conversation(messages: list[Said], base: str) -> Request:
    """Return the graph's input for a client's messages; those of the system are left out, since the prompts are ours.

    Args:
        messages: What was said, the request last.
        base: Address of this server.
    """
    return Request(
        messages=[
            {"role": said.role, "content": _content(said, base)} for said in messages if said.role != "system"
        ]
    )


def _content(said: Said, base: str) -> Any:
    """Return a text with its files as blocks of their own, and their names where their addresses were."""
    if not isinstance(said.content, str):
        return said.content
    blocks: dict[str, dict[str, Any]] = {}

    def taken(match: re.Match[str]) -> str:
        part = _block(match[0], said.role, base)
        if part is None:
            return match[0]
        blocks[match[0]] = part
        return _name(match[0])

    text = ADDRESS.sub(taken, said.content)
    return [{"type": "text", "text": text}, *blocks.values()] if blocks else text


def _block(url: str, role: str, base: str) -> dict[str, Any] | None:
    """Return the block for an address: one of our artifacts, or a file to fetch when the user named it."""
    artifact = referred({"url": ref_at(url, base), "extras": {"artifact": {"name": _name(url)}}})
    if artifact is not None:
        return block(artifact)
    kind = named(_name(url))
    is_file = role == "user" and kind is not None and kind.media in FETCHED
    return {"type": "file", "url": url} if is_file else None


def _name(url: str) -> str:
    return plain_name(unquote(urlsplit(url).path))
