"""Approval through LangGraph Server, as agent UIs do it: plain JSON over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat_server import ChatServer, Script
from langgraph_sdk.schema import Command
from langgraph_server import served
from scripted import echo, scripted

Start = Callable[[Script], ChatServer]
REQUEST: dict[str, Any] = {"messages": [{"role": "user", "content": "Do it."}]}


async def test_a_plan_is_asked_about_and_answered_over_http(chat_server: Start, tmp_path: Path) -> None:
    chat = chat_server(scripted([echo("one")], lambda body: "ok"))
    context: dict[str, Any] = {"model": chat.url, "k": 1, "approve": "models"}
    with served(tmp_path) as server:
        client = server.client()
        thread = (await client.threads.create())["thread_id"]
        parts = [
            part
            async for part in client.runs.stream(
                thread, "hugginggpt", input=REQUEST, context=context, stream_mode="updates"
            )
        ]
        (interrupt,) = next(part.data["__interrupt__"] for part in parts if "__interrupt__" in part.data)
        assert interrupt["value"]["action_requests"][0]["args"]["models"] == {"0": [chat.url]}
        assert (await client.threads.get(thread))["status"] == "interrupted"

        async def answer(decision: dict[str, Any]) -> Any:
            command = Command(resume={"decisions": [decision]})
            return await client.runs.wait(thread, "hugginggpt", command=command, context=context)

        wrong = {"type": "edit", "edited_action": {"name": "run_plan", "args": {"tasks": "nonsense"}}}
        asked = await answer(wrong)
        assert "This answer cannot be used" in asked["__interrupt__"][0]["value"]["problem"]
        done = await answer({"type": "approve"})
        assert done["results"]["0"]["output"]["text"] == "ok"
        assert len(chat.requests) == 3
