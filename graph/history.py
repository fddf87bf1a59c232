"""What the chat model reads of a conversation: its last messages, and of older ones no more than their resources."""

from collections.abc import Sequence

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from graph.files import as_text, files_of
from graph.texts import cut, one_line
from tools.artifacts import store
from tools.errors import HuggingGPTError
from tools.outputs import Artifact

RECENT = 4
"""Messages that are read as they are."""
EACH = 2_000
"""Characters of such a message; the request itself is never cut."""
RESOURCES = 20
"""Files of older messages that are listed, newest first choice."""
HEAD = 80
"""Characters of a text file that are shown."""


def shrink(messages: Sequence[BaseMessage], request: str | None = None) -> list[AnyMessage]:
    """Return a conversation of bounded length, in which every file is its name.

    Beside the request it has at most `RECENT * EACH` characters and `RESOURCES` lines, however long the conversation
    grows. Blocking: reads the beginnings of text files from the artifact store.

    Args:
        messages: The conversation, its last message being the request.
        request: The request's text where it is to be read in other words than it was written.

    Returns:
        One message with the older files where there are any, the last messages before the request, and the request.
    """
    older, recent = messages[:-RECENT], messages[-RECENT:]
    kept = [as_text(message) for message in recent]
    if request is not None:
        kept[-1] = kept[-1].model_copy(
            update={"content": str(kept[-1].text).replace(str(recent[-1].text), request, 1)}
        )
    short = [message.model_copy(update={"content": cut(str(message.text), EACH)}) for message in kept[:-1]]
    lines = [_line(file) for file in files_of(older)[-RESOURCES:]]
    listed = [HumanMessage("Files from earlier in this conversation:\n" + "\n".join(lines))] if lines else []
    return [*listed, *short, *kept[-1:]]


def _line(file: Artifact) -> str:
    head = f": {_head(file)}" if file.media == "text" else ""
    return f"- {cut(file.name, HEAD)} ({file.media}){head}"


def _head(file: Artifact) -> str:
    try:
        with store().path(file.ref).open(encoding="utf-8", errors="replace") as text:
            return one_line(text.read(2 * HEAD), HEAD)
    except HuggingGPTError:
        return "(no longer there)"
