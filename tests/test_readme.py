"""The README's blocks run as they stand."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import langgraph_server
import pytest
import trace_server
from chat_server import ChatServer, Reply, Script, text

from graph.context import EDITABLE, Context
from tools.plugins import Plugins
from tools.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
BASH = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
IMAGE = '{"image": "invoice.png"}'


def block(part: str, among: list[str]) -> str:
    """Return the one block that has a part."""
    (found,) = (one for one in among if part in one)
    return found


def output(command: list[str], **variables: str) -> str:
    """Run a command in the repository and return what it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(part: str, **variables: str) -> str:
    return output([sys.executable, "-c", block(part, PYTHON)], **variables)


def bash(part: str, **variables: str) -> str:
    """Run a block as in a terminal where `make` has set up this environment."""
    lines = block(part, BASH).replace(". .venv/bin/activate\n", "")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return output(["bash", "-ec", lines], PATH=path, **variables)


@pytest.mark.embedded
def test_five_minutes() -> None:
    shown = bash("hugginggpt plan")
    assert "3,471.60" in shown
    _, _, plan = shown.partition("Thread ")
    tree = block_after("Plan\n", README)
    assert [line.split() for line in tree] == [line.split() for line in plan.splitlines()[-len(tree) :]]


def block_after(start: str, text: str) -> list[str]:
    """Return the lines of the block that begins so."""
    (found,) = re.findall(rf"```\n({re.escape(start)}.*?)```", text, re.DOTALL)
    return str(found).splitlines()


@pytest.mark.embedded
@pytest.mark.parametrize(("part", "printed"), [("await build()", "3,471.60"), ("compare.invoke", "0.9")])
def test_python(part: str, printed: str) -> None:
    assert printed in python(part)


@pytest.mark.embedded
def test_a_langchain_agent_reads_the_page(chat_server: Callable[[Script], ChatServer]) -> None:
    def script(body: dict[str, Any]) -> Reply | str:
        last = body["messages"][-1]
        return f"It says: {text(last['content'])}" if last["role"] == "tool" else Reply(tool=IMAGE)

    server = chat_server(script)
    said = python("create_agent", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none")
    assert said.startswith("It says: ")
    assert "3,471.60" in said
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == [
        "image-to-text",
        "translation",
    ]


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("page", "printed"), [("studio", "from Bonjour à tous"), ("approval", "Run this task?")]
)
def test_pages(page: str, printed: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert printed in output([sys.executable, "-c", block("asyncio.run(main())", blocks)])


@pytest.mark.embedded
def test_langsmith() -> None:
    with trace_server.serve() as collector:
        bash("LANGSMITH_API_KEY", LANGSMITH_ENDPOINT=collector.url)
    (root,) = collector.children(None)
    assert (root["name"], root.get("error")) == ("hugginggpt", None)
    assert b"I love tea." in collector.received


@pytest.mark.embedded
def test_studio_and_server(tmp_path: Path) -> None:
    port = str(langgraph_server.free_port())
    # Its own variables stand in the Makefile; these keep the server off the network.
    variables = {**os.environ, "LANGGRAPH_NO_VERSION_CHECK": "true"}
    command = [*shlex.split(block("make dev", BASH), comments=True), f"PORT={port}", "READY="]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log, process_group=0)
    try:
        langgraph_server.wait_until(lambda: _answers(port), 60, (tmp_path / "log").read_text)
        assert f"https://smith.langchain.com/studio/?baseUrl=http://127.0.0.1:{port}" in (
            tmp_path / "log"
        ).read_text().replace("\x1b[36m", "")
        told = output([sys.executable, "-c", block("get_client", PYTHON).replace("2024", port)])
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    assert "0 document-question-answering done" in told
    assert "3,471.60" in told


def _answers(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ok", trust_env=False).is_success
    except httpx.TransportError:
        return False


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
