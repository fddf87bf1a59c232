"""TaskBench's metrics (Shen et al., arXiv 2311.18760, and the `evaluate.py` published with it).

All are F1 over the sets of a sample, micro-averaged over all samples, 0 to 100:

- n-F1: names of tools;
- e-F1: (source tool, target tool) of the links;
- t-F1: (tool, argument name); an argument is called after its medium, as the tools of this domain name none;
- v-F1: (tool, argument name, value); the value of a reference is the tool it refers to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.taskbench_tools import MEDIA, SILENT, TOOLS
from tools.tasks import TASKS

REFERENCE = re.compile(r"<node-(\d+)>")
FILE = re.compile(rf"\.({'|'.join(MEDIA)})\b", re.I)
Sample = Mapping[str, Any]
"""A line of a sample file, or a prediction in the same form."""
Scored = Sequence[tuple[Sample, Sample]]
"""Predictions beside what is true."""


def f1(scored: Iterable[tuple[set[Any], set[Any]]]) -> float:
    """Return the micro-averaged F1 of (predicted, true) pairs of sets, 0 to 100."""
    hit = guessed = true = 0
    for predicted, wanted in scored:
        hit, guessed, true = hit + len(predicted & wanted), guessed + len(predicted), true + len(wanted)
    return round(200 * hit / (guessed + true), 1) if guessed + true else 100.0


def nodes(sample: Sample) -> set[str]:
    """Return the names of a sample's tools."""
    return {node["task"] for node in sample["task_nodes"]}


def edges(sample: Sample) -> set[tuple[str, str]]:
    """Return the links as pairs of tools."""
    return {(link["source"], link["target"]) for link in sample["task_links"]}


def arguments(sample: Sample) -> set[tuple[str, str, str]]:
    """Return (tool, medium, value) of all arguments."""
    tools = [node["task"] for node in sample["task_nodes"]]
    return {
        (node["task"], *_argument(text, tools)) for node in sample["task_nodes"] for text in node["arguments"]
    }


def comparable(sample: Sample) -> bool:
    """Tell whether a sample has arguments whose references agree with its links; a few published ones do not."""
    if not all("arguments" in node for node in sample["task_nodes"]):
        return False
    tools = [node["task"] for node in sample["task_nodes"]]
    found = {
        (tools[int(number)], node["task"])
        for node in sample["task_nodes"]
        for text in node["arguments"]
        for number in REFERENCE.findall(text)
        if int(number) < len(tools)
    }
    return found == edges(sample)


def summary(scored: Scored) -> dict[str, Any]:
    """Return all scores of predictions, overall and by the type of their samples."""
    types = sorted({true["type"] for _, true in scored})
    told = [(arguments(predicted), arguments(true)) for predicted, true in scored if comparable(true)]
    return {
        "samples": len(scored),
        **_graph(scored),
        "t_f1": f1(({a[:2] for a in predicted}, {a[:2] for a in true}) for predicted, true in told),
        "v_f1": f1(told),
        "by_type": {name: _graph([pair for pair in scored if pair[1]["type"] == name]) for name in types},
    }


def _graph(scored: Scored) -> dict[str, float]:
    return {
        "n_f1": f1((nodes(predicted), nodes(true)) for predicted, true in scored),
        "e_f1": f1((edges(predicted), edges(true)) for predicted, true in scored),
    }


def _argument(text: str, tools: Sequence[str]) -> tuple[str, str]:
    match = REFERENCE.search(text)
    if match and int(match[1]) < len(tools):
        source = tools[int(match[1])]
        return _MADE.get(source, "other"), source
    file = FILE.search(text)
    return (MEDIA[file[1].lower()] if file else "text"), text


_MADE: dict[str, str] = {
    **{
        tool: TASKS["image-to-image" if row == "image-editing" else row].makes[0]
        for row, tool in TOOLS.items()
    },
    SILENT: "none",
}
