"""The README's Python blocks run as they stand."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, text

from graph.context import EDITABLE, Context
from tools.plugins import Plugins
from tools.settings import Settings

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

IMAGE = '{"image": "invoice.png"}'


@pytest.mark.embedded
@pytest.mark.parametrize(("block", "printed"), [(BLOCKS[0], "3,471.60"), (BLOCKS[1], "0.9")])
def test_a_block_runs(block: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


@pytest.mark.embedded
def test_a_langchain_agent_reads_the_page(chat_server: Callable[[Script], ChatServer]) -> None:
    def script(body: dict[str, Any]) -> Reply | str:
        last = body["messages"][-1]
        return f"It says: {text(last['content'])}" if last["role"] == "tool" else Reply(tool=IMAGE)

    server = chat_server(script)
    keys = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS[2]],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **keys},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It says: ")
    assert "3,471.60" in done.stdout
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == [
        "image-to-text",
        "translation",
    ]


def test_every_setting_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    # The prompts stand on one line.
    assert ", ".join(EDITABLE) in example
    prompts = {f"{name}_prompt" for name in EDITABLE}
    fields = {*Context.model_fields, *Settings.model_fields, *Plugins.model_fields} - prompts
    names = {f"HUGGINGGPT_{field.upper()}" for field in fields}
    aliased = {
        str(field.validation_alias) for field in Settings.model_fields.values() if field.validation_alias
    }
    own = {f"HUGGINGGPT_{alias}" for alias in aliased}
    assert {name for name in (names - own) | aliased if f"#{name}=" not in example} == set()
