"""The graph as a drawing in README.md, in Mermaid, which GitHub shows as a picture."""

import re
from collections.abc import Iterator

from langchain_core.runnables.graph import Graph

BEGIN, END = "<!-- The graph, drawn by `python -m app.docs`. -->\n", "<!-- End of the graph. -->"
ENDS = {"__start__": "message", "__end__": "answer"}
"""What goes in and comes out, by LangGraph's names for where a graph begins and ends."""
LABELS = {
    ("plan", "respond"): "no tasks",
    ("plan", "approve"): "the plan is asked about",
    ("select", "approve"): "the models are asked about",
    ("approve", "approve"): "asked again",
    ("select", "execute"): "every unfinished task",
    ("approve", "execute"): "every unfinished task",
    ("select", "respond"): "nothing to run",
    ("approve", "respond"): "nothing to run",
    ("respond", "execute"): "what is unfinished still",
    ("respond", "replan"): "some failed for good, or the plan was rejected",
    ("respond", "__end__"): "all settled",
    ("replan", "respond"): "no other way",
}
"""When an edge is taken that is not always taken."""


def with_drawing(page: str, graph: Graph) -> str:
    """Return a Markdown page with the drawing between its two marks.

    Args:
        page: Holds the marks `BEGIN` and `END`.
        graph: As a compiled graph's `get_graph()` gives it.
    """
    block = "\n".join((f"{BEGIN}```mermaid", *_lines(graph), f"```\n{END}"))
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, page, flags=re.DOTALL)


def _lines(graph: Graph) -> Iterator[str]:
    """Yield Mermaid: fixed edges are solid, those that a stage chooses are dotted."""
    yield "flowchart LR"
    for name, shown in ENDS.items():
        yield f"    {name}([{shown}])"
    order = list(graph.nodes)
    for edge in sorted(graph.edges, key=lambda edge: (order.index(edge.source), order.index(edge.target))):
        label = LABELS.get((edge.source, edge.target))
        arrow = "-.->" if edge.conditional else "-->"
        yield f"    {edge.source} {arrow}{f'|{label}|' if label else ''} {edge.target}"
