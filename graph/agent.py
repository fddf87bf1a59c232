"""The graph: plan, select, dispatch, execute, replan, respond."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import execute, plan, replan
from graph.context import Context
from graph.nodes import Function, Node
from graph.respond import respond
from graph.select import select
from graph.state import Request, Response, State

NODES: dict[str, Function] = {
    "plan": plan.plan,
    "select": select,
    "dispatch": execute.dispatch,
    "execute": execute.execute,
    "replan": replan.replan,
    "respond": respond,
}
Agent = CompiledStateGraph[State, Context, Request, Response]


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Agent:
    """Return the compiled graph.

    Args:
        checkpointer: Keeps every step so that a run can be resumed and inspected; LangGraph Server brings its own.
    """
    builder = StateGraph(State, context_schema=Context, input_schema=Request, output_schema=Response)
    for name, function in NODES.items():
        builder.add_node(name, Node(function))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", plan.route, ["select", "respond"])
    builder.add_edge("select", "dispatch")
    builder.add_conditional_edges("dispatch", execute.route, ["execute", "replan", "respond"])
    builder.add_edge("execute", "dispatch")
    builder.add_conditional_edges("replan", replan.route, ["select", "respond"])
    builder.add_edge("respond", END)
    return builder.compile(checkpointer=checkpointer, name="hugginggpt")


graph = build()
"""The graph that `langgraph.json` serves."""
