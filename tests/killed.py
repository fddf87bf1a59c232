"""Runs of the command line that are killed in the middle."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from chat_server import Script, said

ROOT = Path(__file__).parent.parent
TASKS = [
    {"task": "summarization", "id": 0, "args": {"text": "alpha"}},
    {"task": "summarization", "id": 1, "args": {"text": "bravo"}},
    {"task": "translation", "id": 2, "args": {"text": "<resource>-1", "target_language": "French"}},
]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", *arguments]


def waiting(asked: list[str], killed: threading.Event) -> Script:
    """Plan `TASKS` and do them, but `bravo` only after the kill; notes what was asked for."""

    def script(body: dict[str, Any]) -> str:
        if "response_format" in body:
            return json.dumps({"tasks": TASKS})
        text = said(body)
        if "Results:" in text:
            return "All done."
        asked.append("alpha" if "alpha" in text else "bravo" if "bravo" in text else "child")
        if asked[-1] == "bravo":
            killed.wait(60)
        return {"alpha": "[A]", "bravo": "[B]", "child": "[C]"}[asked[-1]]

    return script
