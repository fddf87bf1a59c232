"""A run that is killed in the middle, in a real process, and gone on with in another."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from chat_server import ChatServer, Script
from killed import ROOT, command, waiting


def test_a_killed_run_is_gone_on_with(chat_server: Callable[[Script], ChatServer], tmp_path: Path) -> None:
    asked: list[str] = []
    killed = threading.Event()

    server = chat_server(waiting(asked, killed))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HUGGINGGPT_MODEL": server.url, "HUGGINGGPT_K": "1"}
    run = subprocess.Popen(
        command("run", "Do it.", "--thread", "t1"),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    for line in run.stdout:
        if line.startswith("0 summarization: done"):
            break
    # The result is on its way to the disk when it is shown.
    time.sleep(1)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    killed.set()

    resumed = subprocess.run(
        command("resume", "t1", "--json"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    results = json.loads(resumed.stdout)["results"]
    assert {id_: result["text"] for id_, result in results.items()} == {"0": "[A]", "1": "[B]", "2": "[C]"}
    assert asked.count("alpha") == 1
