"""The graph: plan, select, dispatch, execute, respond."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import execute, plan
from graph.context import Context
from graph.respond import respond
from graph.select import select
from graph.state import Request, State

Agent = CompiledStateGraph[State, Context, Request, State]


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Agent:
    """Return the compiled graph.

    Args:
        checkpointer: Keeps every step so that a run can be resumed and inspected; LangGraph Server brings its own.
    """
    builder = StateGraph(State, context_schema=Context, input_schema=Request, output_schema=State)
    builder.add_node("plan", plan.plan)
    builder.add_node("select", select)
    builder.add_node("dispatch", execute.dispatch)
    # What a Send carries is no part of the state, which add_node's type does not foresee.
    builder.add_node("execute", execute.execute)  # type: ignore[arg-type]
    builder.add_node("respond", respond)
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", plan.route, ["select", "respond"])
    builder.add_edge("select", "dispatch")
    builder.add_conditional_edges("dispatch", execute.route, ["execute", "respond"])
    builder.add_edge("execute", "dispatch")
    builder.add_edge("respond", END)
    return builder.compile(checkpointer=checkpointer, name="hugginggpt")


graph = build()
"""The graph that `langgraph.json` serves."""
