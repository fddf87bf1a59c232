"""The whole demo with the real models: what it hears, reads, says and draws is checked by its content."""

import asyncio
import re
from typing import Any

import pytest
from rich.console import Console

from examples import demo
from graph.state import State
from tools.artifacts import store
from tools.hf_tools import hf_tool
from tools.outputs import Output

pytestmark = pytest.mark.embedded


def output(state: State, name: str) -> Output:
    """Return what the task of that type made."""
    task = next(task for task in state.plan.tasks if task.name == name) if state.plan else None
    assert task
    result = state.results[task.id]
    assert result.output, result.error
    return result.output


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_the_demo(capfd: pytest.CaptureFixture[str]) -> None:
    briefing, invoice = demo.run(Console(width=100))

    transcript = output(briefing, "automatic-speech-recognition").text
    assert {"maria", "jensen", "paris", "berlin", "boston"} <= words(transcript)
    entities: Any = output(briefing, "token-classification").data
    labels = {entity["text"]: entity["label"] for entity in entities}
    assert labels["Maria Jensen"] == "PERSON"
    assert labels["Berlin"] == "GPE"
    summary = output(briefing, "summarization").text
    assert len(summary) < len(transcript)
    assert "jensen" in words(summary)

    speech = output(briefing, "text-to-speech").files[0]
    heard = asyncio.run(hf_tool("automatic-speech-recognition").ainvoke({"audio": speech.ref}))
    assert len(words(summary) & words(heard)) >= 0.8 * len(words(summary))

    assert "3,471.60" in output(invoice, "image-to-text").text
    assert "3,471.60" in output(invoice, "document-question-answering").text
    assert words(output(invoice, "translation").text) & {"le", "la", "les", "de", "du"}
    assert store().path(output(invoice, "text-to-speech").files[0].ref).stat().st_size > 50_000

    printed = capfd.readouterr().out
    assert "automatic-speech-recognition" in printed
    assert str(store().path(speech.ref)) in printed
