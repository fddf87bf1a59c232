"""Score a planner on TaskBench, Hugging Face domain (Shen et al., arXiv 2311.18760).

`python -m benchmarks.taskbench DATA.jsonl` prints node F1 and edge F1, micro-averaged over all samples as in the paper.
The planner gets the benchmark's 23 tools and nothing else, as the published models did.
"""

import argparse
import asyncio
import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.planners.retrieval import Embed, Step, draft
from tools.errors import InputError
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
MEDIA: dict[str, Media] = {
    **dict.fromkeys(("jpg", "jpeg", "png", "gif", "bmp", "webp"), "image"),
    **dict.fromkeys(("wav", "mp3", "flac", "ogg", "m4a"), "audio"),
    **dict.fromkeys(("mp4", "avi", "mov", "webm"), "video"),
    **dict.fromkeys(("txt", "text", "md", "pdf", "doc", "docx"), "text"),
}
NAMES = re.compile(rf"\b[\w-]+\.({'|'.join(MEDIA)})\b", re.I)
Pairs = set[tuple[str, str]]


def rows() -> dict[str, TaskRow]:
    """Return the benchmark's tools as rows. It has tables as images, and editing apart from enhancing images."""
    image = TASKS["image-to-image"]
    edits = re.compile(r"edit|change|make|add|modify|instruct", re.I)
    changed = {
        "tabular-classification": TASKS["tabular-classification"].model_copy(
            update={"slots": (Slot(name="image", media="image"),)}
        ),
        "image-editing": image.model_copy(
            update={
                "name": "image-editing",
                "aliases": (),
                "examples": tuple(phrase for phrase in image.examples if edits.match(phrase)),
            }
        ),
        "image-to-image": image.model_copy(
            update={
                "slots": image.slots[:1],
                "aliases": tuple(name for name in image.aliases if name != "image-editing"),
                "examples": tuple(phrase for phrase in image.examples if not edits.match(phrase)),
            }
        ),
    }
    return {row: changed.get(row) or TASKS[row] for row in ROWS_OF_TOOLS.values()}


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


def links(steps: Sequence[Step]) -> Pairs:
    """Return the (source tool, target tool) pairs of a draft."""
    tools = {step.id: TOOLS[step.row.name] for step in steps}
    return {(tools[i.source], tools[step.id]) for step in steps for i in step.inputs if i.source is not None}


def f1(scored: Iterable[tuple[set[Any], set[Any]]]) -> float:
    """Return the micro-averaged F1 of (predicted, true) pairs of sets, 0 to 100."""
    hit = guessed = true = 0
    for predicted, wanted in scored:
        hit, guessed, true = hit + len(predicted & wanted), guessed + len(predicted), true + len(wanted)
    return 200 * hit / (guessed + true) if guessed + true else 100.0


async def predict(sample: Mapping[str, Any], embed: Embed) -> tuple[set[str], Pairs]:
    """Return the tools and links the planner finds for a sample."""
    request = sample["user_request"]
    try:
        steps = await draft(request, stand_ins(request), rows(), embed)
    except InputError:
        steps = []
    return {TOOLS[step.row.name] for step in steps}, links(steps)


async def score(samples: Sequence[Mapping[str, Any]], embed: Embed) -> dict[str, Any]:
    """Return node and edge F1, overall and by type, and the time per request.

    Args:
        samples: Lines of a TaskBench file.
        embed: The embedding model.
    """
    await predict(samples[0], embed)
    groups: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    start = time.perf_counter()
    for sample in samples:
        nodes, edges = await predict(sample, embed)
        true_nodes = {node["task"] for node in sample["task_nodes"]}
        true_edges = {(link["source"], link["target"]) for link in sample["task_links"]}
        pair = ((nodes, true_nodes), (edges, true_edges))
        groups["overall"].append(pair)
        groups[sample["type"]].append(pair)
    seconds = time.perf_counter() - start
    scores = {
        name: {
            "samples": len(pairs),
            "n_f1": round(f1(n for n, _ in pairs), 1),
            "e_f1": round(f1(e for _, e in pairs), 1),
        }
        for name, pairs in groups.items()
    }
    return {"scores": scores, "ms_per_request": round(1000 * seconds / len(samples), 1)}


def _embedder() -> Embed:
    import torch

    from tools.assets import resolve
    from tools.embeddings import embed

    torch.set_num_threads(1)
    folder = resolve("minilm")
    assert folder is not None, "the manifest lists files for this model"  # noqa: S101

    async def embed_here(texts: Sequence[str]) -> Any:
        return embed(folder, texts)

    return embed_here


def main() -> None:
    """Read the arguments, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="TaskBench samples, one JSON object a line")
    parser.add_argument("--planner", choices=["retrieval"], default="retrieval")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    lines = options.data.read_text(encoding="utf-8").splitlines()
    result = asyncio.run(score([json.loads(line) for line in lines if line.strip()], _embedder()))
    if options.json:
        print(json.dumps(result))
        return
    for name, row in result["scores"].items():
        print(f"{name:8} {row['samples']:4} samples   n-F1 {row['n_f1']:5.1f}   e-F1 {row['e_f1']:5.1f}")
    print(f"{result['ms_per_request']} ms per request on one core")


if __name__ == "__main__":
    main()
