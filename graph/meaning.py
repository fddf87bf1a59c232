"""What a request means by what came before it in the conversation: files by their names, results by what they are."""

import re
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from graph.files import files_of
from graph.planners.retrieval import Earlier
from graph.planners.retrieval_following import conditions
from graph.references import described, distinct, with_names
from tools.outputs import Artifact
from tools.tasks import TASKS

FILES = 30
"""Files of the conversation that the chat model may plan with, the newest."""


def understood(messages: Sequence[BaseMessage]) -> tuple[str, list[Artifact]]:
    """Return the request with the files it points at named, and all files of the conversation under distinct names.

    Args:
        messages: The conversation, its last message being the request.
    """
    files = distinct(files_of(messages))
    # A text that a task made is a result, which is called by what it is: `the summary`.
    media = [file for file in files if not _task_of(file)]
    given = {file.ref for file in files_of(message for message in messages if message.type == "human")}
    request = str(messages[-1].text)
    return with_names(request, media, [file for file in media if file.ref in given]), files


def files_meant(request: str, files: Sequence[Artifact], messages: Sequence[BaseMessage]) -> list[Artifact]:
    """Return the files a request is about: those that came with it or that it names, else the latest of each medium.

    Args:
        request: The request as `understood` returns it.
        files: The files of the conversation, with names as they stand in the request.
        messages: The conversation. Texts that tasks made are left out: they are `earlier_results`.
    """
    came = {file.ref for file in files_of(messages[-1:])}
    usable = [file for file in files if file.ref in came or not _task_of(file)]
    meant = [file for file in usable if file.name.lower() in request.lower()]
    if meant or came:
        return [
            *(file for file in meant if file.ref not in came),
            *(file for file in usable if file.ref in came),
        ]
    told = (*described(request, usable), *conditions(request, usable))
    return list({file.media: file for file in (*usable, *told)}.values())


def earlier_results(messages: Sequence[BaseMessage]) -> list[Earlier]:
    """Return the texts that tasks of earlier turns made, oldest first; a text is given by its reference."""
    return [Earlier(name, file.ref) for file in files_of(messages) if (name := _task_of(file))]


def _task_of(file: Artifact) -> str | None:
    """Return the task type that made a text, which the answer names after it; None for any other file."""
    name = re.sub(r"( \(\d+\))?\.txt$", "", file.name).rpartition("-")[0]
    return name if file.media == "text" and name in TASKS else None
