"""Uploads: files that come inside of messages are moved to the artifact store, and a reference takes their place."""

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from langchain_core.messages import AnyMessage, HumanMessage

from graph.files import block, referred
from graph.owners import check, claim, owner
from tools.artifacts import ArtifactStore, store
from tools.errors import InputError, SetupError
from tools.ingest import ingest, ingest_bytes, with_suffix
from tools.links import ref_at
from tools.outputs import SCHEME, Artifact
from tools.settings import settings

TYPES = ("image", "audio", "video", "file", "text-plain")
"""Types of LangChain's content blocks that hold a file."""
NAMES = ("filename", "name", "title")
"""Where clients write a file's name: in the block, in its `extras` or in `metadata`."""
ASIDE = ("extras", "metadata")
ALIASES = {"image_url": "image"}
"""Types of blocks that LangChain leaves as they are, though their meaning is plain."""

AT_ONCE = 4
"""Files of a message that are fetched or decoded at the same time."""

CHUNK = 1 << 20
"""Characters of base64 that are decoded at once."""


class Upload(NamedTuple):
    """A file as it came inside of a message."""

    name: str
    """What it is called; its type when nobody said."""
    data: bytes | None = None
    url: str = ""
    """Where it is, when the bytes did not come."""


async def taken_in(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return a conversation in which files are references to artifacts.

    Blocks may have the form of LangChain, in both its versions, of OpenAI, Anthropic, Google or Bedrock. A reference
    that came since the last answer is looked up. Of messages that are not the user's, which clients may send back
    whole, only bytes are moved. Messages that had nothing to change are the same objects.

    Args:
        messages: The conversation, its last message being the request.

    Raises:
        InputError: A file of the request cannot be used. One of an earlier message is replaced by a sentence that
            says so, since nobody could repair it any more.
        SetupError: The store cannot be written or read.
    """
    answered = max((at for at, item in enumerate(messages) if item.type == "ai"), default=-1)
    return [
        await _message(item, new=at > answered, last=at == len(messages) - 1)
        for at, item in enumerate(messages)
    ]


async def _message(item: AnyMessage, *, new: bool, last: bool) -> AnyMessage:
    if isinstance(item.content, str):
        return item
    few = asyncio.Semaphore(AT_ONCE)
    try:
        # When one cannot be used, nobody waits for the others.
        async with asyncio.TaskGroup() as group:
            taken = {
                at: group.create_task(_part(part, at, new, last, few))
                for at, part in enumerate(item.content, 1)
                if item.type == "human" or await asyncio.to_thread(_holds_bytes, part)
            }
    except* (InputError, SetupError) as errors:
        first = errors.exceptions[0]
        raise first from None
    content = [taken[at].result() if at in taken else part for at, part in enumerate(item.content, 1)]
    return item if content == item.content else item.model_copy(update={"content": content})


async def _part(part: Any, at: int, new: bool, last: bool, few: asyncio.Semaphore) -> Any:
    """Return what takes the place of a part of a message's content."""
    # Where files have owners, those of earlier messages are looked up as well: a state can be edited.
    seen = referred(part) is not None and not new and owner() is None
    if not isinstance(part, dict) or part.get("type") == "text" or seen:
        return part
    try:
        async with few:
            return block(await _artifact(part))
    except InputError as error:
        told = f"Part {at} of the message ({str(part.get('type'))[:40]}) cannot be used: {error}"
        if last:
            raise InputError(told) from None
        return {"type": "text", "text": f"({told})"}


async def _artifact(part: dict[str, Any]) -> Artifact:
    upload = await asyncio.to_thread(_read, part)
    kept = await asyncio.to_thread(store)
    ref = ref_at(upload.url) or upload.url
    if not ref.startswith(SCHEME):
        given = await _taken(upload, kept)
        await claim([given.ref])
        return given
    await check([ref])
    known = referred({**part, "url": ref})
    if known is None or not await asyncio.to_thread(kept.exists, ref):
        raise InputError("there is no such artifact; upload the file again.")
    return known


async def _taken(upload: Upload, kept: ArtifactStore) -> Artifact:
    if upload.data is not None:
        return await ingest_bytes(upload.data, upload.name, kept)
    return with_suffix(await ingest(upload.url, kept))


def _read(part: dict[str, Any]) -> Upload:
    """Return the file in a content block of whatever form.

    Raises:
        InputError: There is none, or it is too large.
    """
    given = _standard(part)
    if given.get("type") not in TYPES:
        raise InputError(f"a message takes text and {', '.join(TYPES[:-1])} blocks.")
    name = next(
        (str(place[key]) for place in _places(given) for key in NAMES if place.get(key)), given["type"]
    )
    data, url = given.get("base64") or given.get("data"), given.get("url") or given.get("image_url")
    if isinstance(data, str):
        return Upload(name, _decoded(data))
    if isinstance(given.get("text"), str):
        return Upload(name, given["text"].encode(errors="replace"))
    if isinstance(url, str) and url.startswith("data:"):
        return Upload(name, _data_url(url))
    if isinstance(url, str) and url.startswith((SCHEME, "http://", "https://")):
        return Upload(name, url=url)
    raise InputError("it holds neither base64 data nor an http(s) address.")


def _standard(part: dict[str, Any]) -> dict[str, Any]:
    """Return a block in LangChain's standard form, or as it is when LangChain cannot read it."""
    try:
        made = cast(dict[str, Any], HumanMessage([part]).content_blocks[0])
    except (AttributeError, KeyError, TypeError, ValueError):
        # What LangChain's translators raise for blocks that lack what their type has.
        return part
    inner = made.get("value") if made.get("type") == "non_standard" else made
    return {**inner, "type": ALIASES.get(str(inner.get("type")), inner.get("type"))} if inner else part


def _holds_bytes(part: Any) -> bool:
    """Tell whether a part of a message is a file that came with its bytes."""
    given = _standard(part) if isinstance(part, dict) else {}
    url = given.get("url") or given.get("image_url")
    data = given.get("base64") or given.get("data") or (url if str(url).startswith("data:") else None)
    return given.get("type") in TYPES and isinstance(data, str)


def _places(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = [place for key in ASIDE if isinstance(place := given.get(key), Mapping)]
    deeper = [place for one in inner for key in ASIDE if isinstance(place := one.get(key), Mapping)]
    return [given, *inner, *deeper]


def _data_url(url: str) -> bytes:
    head, _, body = url.partition(",")
    return _decoded(body) if head.endswith(";base64") else unquote_to_bytes(body)


def _decoded(text: str) -> bytes:
    limit = settings().max_file_mb
    if len(text) > limit * 10**6 * 1.4:
        raise InputError(f"it is larger than {limit} MB; HUGGINGGPT_MAX_FILE_MB sets the limit.")
    decoded, left = [], ""
    try:
        # In pieces, between which the event loop's thread gets its turn.
        for start in range(0, len(text), CHUNK):
            piece = left + "".join(text[start : start + CHUNK].split())
            whole = len(piece) - len(piece) % 4
            decoded.append(base64.b64decode(piece[:whole], validate=True))
            left = piece[whole:]
        return b"".join((*decoded, base64.b64decode(left, validate=True)))
    except (binascii.Error, ValueError):
        raise InputError("its data is not valid base64.") from None
