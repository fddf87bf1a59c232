"""The graph: plan, select, approve, execute, respond, replan."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import approve, execute, plan, replan, respond, select
from graph.context import Context
from graph.nodes import Function, Node, Router
from graph.state import Request, Response, State
from tools.trace_client import prepare

NODES: dict[str, Function] = {
    "plan": plan.plan,
    "select": select.select,
    "approve": approve.approve,
    "execute": execute.execute,
    "respond": respond.respond,
    "replan": replan.replan,
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
    builder.add_conditional_edges("plan", Router(plan.route), ["select", "approve", "respond"])
    builder.add_conditional_edges("select", Router(select.route), ["approve", "execute", "respond"])
    builder.add_conditional_edges(
        "approve", Router(approve.route), ["approve", "select", "execute", "respond"]
    )
    builder.add_edge("execute", "respond")
    builder.add_conditional_edges("respond", Router(respond.route), ["execute", "replan", END])
    builder.add_conditional_edges("replan", Router(replan.route), ["select", "approve", "respond"])
    return builder.compile(checkpointer=checkpointer, name="hugginggpt")


graph = build()
"""The graph without a checkpointer; `app/server.py` hands it to LangGraph Server, which brings its own."""
