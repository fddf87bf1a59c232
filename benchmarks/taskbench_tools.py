"""TaskBench's tools, files and arguments in terms of the task table, and plans in terms of TaskBench."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from graph.types import Plan, Task
from tools.outputs import Artifact, Media
from tools.tasks import TASKS, Slot, TaskRow

ROWS_OF_TOOLS: dict[str, str] = {
    "Token Classification": "token-classification",
    "Translation": "translation",
    "Summarization": "summarization",
    "Question Answering": "question-answering",
    "Conversational": "conversational",
    "Text Generation": "text-generation",
    "Sentence Similarity": "sentence-similarity",
    "Tabular Classification": "tabular-classification",
    "Object Detection": "object-detection",
    "Image Classification": "image-classification",
    "Image-to-Image": "image-to-image",
    "Image-to-Text": "image-to-text",
    "Text-to-Image": "text-to-image",
    "Text-to-Video": "text-to-video",
    "Visual Question Answering": "visual-question-answering",
    "Document Question Answering": "document-question-answering",
    "Image Segmentation": "image-segmentation",
    "Depth Estimation": "depth-estimation",
    "Text-to-Speech": "text-to-speech",
    "Automatic Speech Recognition": "automatic-speech-recognition",
    "Audio-to-Audio": "audio-to-audio",
    "Audio Classification": "audio-classification",
    "Image Editing": "image-editing",
}
TOOLS = {row: tool for tool, row in ROWS_OF_TOOLS.items()}
ARGUMENT_SLOTS = frozenset(("text", "other_text", "question", "context", "instruction", "image", "audio"))
"""Slots that are arguments of the benchmark's tools; it has no arguments for languages and labels."""
SILENT = "Sentence Similarity"
"""The one tool without an output, as the benchmark has it."""
MEDIA: dict[str, Media] = {
    **dict.fromkeys(("jpg", "jpeg", "png", "gif", "bmp", "webp"), "image"),
    **dict.fromkeys(("wav", "mp3", "flac", "ogg", "m4a"), "audio"),
    **dict.fromkeys(("mp4", "avi", "mov", "webm"), "video"),
    **dict.fromkeys(("txt", "text", "md", "pdf", "doc", "docx"), "text"),
}
NAMES = re.compile(rf"\b[\w-]+\.({'|'.join(MEDIA)})\b", re.I)
CUT = 120
"""Characters of an argument's text that the sample files keep."""


def rows() -> dict[str, TaskRow]:
    """Return the benchmark's tools as rows. It has tables as images, and editing apart from enhancing images."""
    image = TASKS["image-to-image"]
    edits = re.compile(
        r"edit|change|make|add|modify|instruct|replace|swap|recolou?r|give|put|paint|erase|delete", re.I
    )
    changed = {
        "tabular-classification": TASKS["tabular-classification"].model_copy(
            update={"slots": (Slot(name="image", media="image"),)}
        ),
        "image-editing": image.model_copy(
            update={
                "name": "image-editing",
                "aliases": (),
                "about": "Edits an image as an instruction says.",
                "examples": tuple(phrase for phrase in image.examples if edits.match(phrase)),
            }
        ),
        "image-to-image": image.model_copy(
            update={
                "slots": image.slots[:1],
                "aliases": tuple(name for name in image.aliases if name != "image-editing"),
                "about": "Enhances an image or brings it into another style.",
                "examples": tuple(phrase for phrase in image.examples if not edits.match(phrase)),
            }
        ),
    }
    return {row: changed.get(row) or TASKS[row] for row in ROWS_OF_TOOLS.values()}


@contextmanager
def only_tools() -> Iterator[Mapping[str, TaskRow]]:
    """Make the benchmark's tools the task table, so that plans of them are checked as any other plan."""
    table = rows()
    with patch.dict(TASKS, table, clear=True):
        yield table


def stand_ins(request: str) -> list[Artifact]:
    """Return a file for every file name in a request, as the samples come without files."""
    found = {match[0]: MEDIA[match[1].lower()] for match in NAMES.finditer(request)}
    return [
        Artifact(
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            media=media,
            mime="application/octet-stream",
            suffix=Path(name).suffix.lower(),
            name=name,
        )
        for name, media in found.items()
    ]


def as_sample(plan: Plan, request: str, files: Sequence[Artifact]) -> dict[str, Any]:
    """Return a plan as a sample file has it: `task_nodes` with arguments, and `task_links`.

    Args:
        plan: What was planned; one without tasks is conversation, which the benchmark has as a tool.
        request: What was asked.
        files: The stand-ins; an argument is a file's name rather than its reference.
    """
    if not plan.tasks:
        return {"task_nodes": [{"task": "Conversational", "arguments": [request[:CUT]]}], "task_links": []}
    tools = {task.id: TOOLS[task.name] for task in plan.tasks}
    place = {task.id: number for number, task in enumerate(plan.tasks)}
    names = {file.ref: file.name for file in files}

    def arguments(task: Task) -> list[str]:
        slots = ARGUMENT_SLOTS - {"instruction"} if task.name == "text-generation" else ARGUMENT_SLOTS
        inputs = [item for item in task.inputs if item.slot in slots]
        return [
            f"<node-{place[item.source]}>"
            if item.source is not None
            else names.get(str(item.value), str(item.value)[:CUT])
            for item in inputs
        ]

    pairs = dict.fromkeys((tools[source], tools[task.id]) for task in plan.tasks for source in task.dep)
    return {
        "task_nodes": [{"task": tools[task.id], "arguments": arguments(task)} for task in plan.tasks],
        "task_links": [{"source": source, "target": target} for source, target in pairs],
    }
