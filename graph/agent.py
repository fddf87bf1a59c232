"""The graph: plan, select, approve, dispatch, execute, replan, respond."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import approve, execute, plan, replan, select
from graph.context import Context
from graph.nodes import Function, Node
from graph.respond import respond
from graph.state import Request, Response, State
from tools.trace_client import prepare

NODES: dict[str, Function] = {
    "plan": plan.plan,
    "select": select.select,
    "approve": approve.approve,
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
    prepare()
    builder = StateGraph(State, context_schema=Context, input_schema=Request, output_schema=Response)
    for name, function in NODES.items():
        builder.add_node(name, Node(function))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", plan.route, ["select", "approve", "respond"])
    builder.add_conditional_edges("select", select.route, ["approve", "dispatch"])
    builder.add_conditional_edges("approve", approve.route, ["approve", "select", "dispatch"])
    builder.add_conditional_edges("dispatch", execute.route, ["execute", "replan", "respond"])
    builder.add_edge("execute", "dispatch")
    builder.add_conditional_edges("replan", replan.route, ["select", "approve", "respond"])
    builder.add_edge("respond", END)
    return builder.compile(checkpointer=checkpointer, name="hugginggpt")


graph = build()
"""The graph without a checkpointer; `app/server.py` hands it to LangGraph Server, which brings its own."""
