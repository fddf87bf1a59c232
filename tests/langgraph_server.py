"""LangGraph Server as `langgraph dev` starts it: a process with a port and folders of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

ROOT = Path(__file__).parent.parent
NOWHERE = "http://127.0.0.1:9"
"""An address where nothing answers."""
FOREIGN = ("HUGGINGGPT_", "LANGGRAPH_", "LANGSMITH_", "LANGCHAIN_", "OPENAI_", "AZURE_", "HF_")
"""What the variables begin with that must not come from whoever runs the tests."""
QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGSMITH_TRACING": "false",
    "LOG_COLOR": "false",
    "HUGGINGGPT_HUB_SEARCH": "false",
    "HF_ENDPOINT": NOWHERE,
}
START_SECONDS = 60.0


@dataclass
class LangGraphServer:
    """A server that can be stopped, killed and started again in the same folder.

    Args:
        folder: Its working directory: checkpoints, artifacts (`data/`) and its log lie there.
        environment: Variables beside those that keep it off the network and in its folder.
        config: The `langgraph.json` it serves.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    config: Path = ROOT / "langgraph.json"
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        assert self.process, "the server does not run"
        return self.process.pid

    @property
    def log(self) -> str:
        """All it has written so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def client(self, **headers: str) -> LangGraphClient:
        return get_client(url=self.url, headers=headers)

    def start(self) -> None:
        """Start the process and return when it answers."""
        told = len(self.log) if (self.folder / "server.log").exists() else 0
        command = [sys.executable, "-m", "langgraph_cli", "dev", "--config", str(self.config)]
        command += ["--no-browser", "--no-reload", "--n-jobs-per-worker", "10", "--port", str(free_port())]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        # It takes another port when somebody was faster, so its log is asked, not we.
        wait_until(lambda: self._answers(told), START_SECONDS, lambda: self.log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send the process a signal and wait for its end."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def _answers(self, told: int) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log
        found = re.search(r"API: \S*?(http://[\d.:]+)", self.log[told:])
        self.url = found[1] if found else ""
        try:
            return bool(found) and httpx.get(f"{self.url}/ok", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def variables(self) -> dict[str, str]:
        """Return its whole environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        folders = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
            "HUGGINGGPT_DATA_DIR": str(self.folder / "data"),
            "HUGGINGGPT_CACHE_DIR": str(self.folder / "cache"),
            "HF_HUB_CACHE": str(self.folder / "hub"),
        }
        return {**own, **QUIET, **folders, **self.environment}


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[LangGraphServer]:
    """Run a server in a folder until the block ends.

    Args:
        folder: An empty folder, or the one of an earlier server to go on with what it left.
        **environment: Its variables, such as `HUGGINGGPT_MODEL`.
    """
    server = LangGraphServer(folder, environment)
    try:
        server.start()
        yield server
    finally:
        if server.process:
            server.stop()


def wait_until(done: Callable[[], bool], seconds: float, why: Callable[[], str] = str) -> None:
    """Wait until something is so; fail with a reason when it does not come."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, why()
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
