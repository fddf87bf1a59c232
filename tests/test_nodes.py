"""Conditional edges run where the graph runs, not in a thread."""

import threading

from graph.nodes import Router
from graph.state import State


async def test_a_router_runs_on_the_event_loop_itself() -> None:
    ran = list[threading.Thread]()

    def route(state: State) -> str:
        ran.append(threading.current_thread())
        return state.notes[0]

    router = Router(route)
    state = State(notes=["next"])
    assert (await router.ainvoke(state), router.invoke(state)) == ("next", "next")
    assert ran == [threading.current_thread()] * 2
