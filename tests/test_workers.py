"""Worker processes: crashes, hangs, cancels and queues, with tiny functions in real processes."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import worker_functions as do

from tools.errors import InputError, ModelError, TransientError
from tools.experts import processes, workers
from tools.experts.turns import Turns
from tools.experts.workers import call


@pytest.fixture(autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


async def pid_in(path: Path) -> int:
    """Wait until a function has written its process id."""
    return await asyncio.to_thread(_pid_in, path)


def _pid_in(path: Path) -> int:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise TimeoutError(f"{path} was not written")


async def test_one_process_is_kept_per_key() -> None:
    first, again, other = await call("a", do.pid), await call("a", do.pid), await call("b", do.pid)
    assert first == again
    assert len({first, other, os.getpid()}) == 3


async def test_arguments_and_result_cross() -> None:
    assert await call("a", do.double, 21) == 42


async def test_calls_of_one_key_queue_and_of_two_run_at_once(tmp_path: Path) -> None:
    await asyncio.gather(call("a", do.pid), call("b", do.pid))
    job = str(tmp_path / "job")
    (_, end), (start, _), (other, _) = await asyncio.gather(
        call("a", do.stamp, job, 0.4), call("a", do.stamp, job, 0.4), call("b", do.stamp, job, 0.4)
    )
    assert start >= end
    assert other < end


async def test_time_limit_kills_and_the_next_call_works(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match=r"within 0\.3 seconds"):
        await call("a", do.hang_in_c, str(tmp_path / "job"), timeout=0.3)
    assert gone(await pid_in(tmp_path / "job"), 2)
    assert await call("a", do.double, 1) == 2


async def test_time_limit_does_not_count_queueing(tmp_path: Path) -> None:
    job = str(tmp_path / "job")
    await asyncio.gather(*(call("a", do.stamp, job, 0.5, timeout=1.2) for _ in range(4)))


@pytest.mark.parametrize("function", [do.hang_in_c, do.ignore_sigterm])
async def test_cancel_kills_within_two_seconds(tmp_path: Path, function: Callable[[str], None]) -> None:
    task = asyncio.create_task(call("a", function, str(tmp_path / "job")))
    pid = await pid_in(tmp_path / "job")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(gone, pid, 2)
    assert await call("a", do.double, 1) == 2


async def test_cancel_of_a_queued_call_leaves_the_running_one(tmp_path: Path) -> None:
    running = asyncio.create_task(call("a", do.stamp, str(tmp_path / "job"), 0.8))
    pid = await pid_in(tmp_path / "job")
    queued = asyncio.create_task(call("a", do.double, 1))
    await asyncio.sleep(0.1)
    queued.cancel()
    await running
    assert await call("a", do.pid) == pid


async def test_calls_are_stopped_at_once_while_their_worker_starts() -> None:
    # The next fork server imports torch before it starts a worker.
    await call("old", do.pid)
    server: Any = forkserver._forkserver
    processes.end_server()
    assert await asyncio.to_thread(gone, server._forkserver_pid)
    for _ in range(2):
        task = asyncio.create_task(call("new", do.double, 1))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("code", "kind"), [(-signal.SIGKILL, TransientError), (-signal.SIGSEGV, ModelError), (139, ModelError)]
)
async def test_crash_hits_one_call_only(code: int, kind: type[ModelError]) -> None:
    crashed, *others = await asyncio.gather(
        call("a", do.crash, code), call("a", do.double, 1), call("b", do.double, 2), return_exceptions=True
    )
    assert type(crashed) is kind
    assert others == [2, 4]


async def test_calls_whose_fork_server_is_killed_may_be_tried_again(tmp_path: Path) -> None:
    task = asyncio.create_task(call("a", do.stamp, str(tmp_path / "job"), 60))
    await pid_in(tmp_path / "job")
    server: Any = forkserver._forkserver
    os.kill(server._forkserver_pid, signal.SIGKILL)
    with pytest.raises(TransientError):
        await task
    assert await call("a", do.double, 1) == 2


async def test_worker_killed_while_idle_is_replaced() -> None:
    pid = await call("a", do.pid)
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(time.sleep, 0.5)
    assert await call("a", do.pid) != pid


async def test_our_errors_come_back_as_themselves() -> None:
    with pytest.raises(InputError, match=r"^Give another file\.$"):
        await call("a", do.refuse)


@pytest.mark.parametrize(("function", "said"), [(do.fail, "no such layer"), (do.leave, "SystemExit")])
async def test_other_errors_become_model_errors(function: Callable[[], None], said: str) -> None:
    with pytest.raises(ModelError, match=rf"^some/model could not do this: .*{said}") as caught:
        await call("some/model", function)
    assert "second line" not in str(caught.value)


async def test_shutdown_ends_running_calls(tmp_path: Path) -> None:
    task = asyncio.create_task(call("a", do.hang_in_c, str(tmp_path / "job")))
    pid = await pid_in(tmp_path / "job")
    start = time.monotonic()
    await asyncio.to_thread(workers.shutdown)
    assert time.monotonic() - start < 2
    with pytest.raises(TransientError, match="stopped"):
        await task
    assert gone(pid)


async def test_turn_given_to_a_cancelled_waiter_is_passed_on() -> None:
    turns = Turns()

    async def wait() -> None:
        async with turns:
            await asyncio.sleep(60)

    async with turns:
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0.01)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert turns.free == 1


async def test_as_many_have_a_turn_as_may(tmp_path: Path) -> None:
    turns, now, most = Turns(2), 0, 0

    async def work() -> None:
        nonlocal now, most
        async with turns:
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1

    await asyncio.gather(*(work() for _ in range(7)))
    assert most == turns.free == 2


def test_workers_serve_several_event_loops() -> None:
    assert asyncio.run(call("a", do.pid)) == asyncio.run(call("a", do.pid))


async def test_workers_do_not_write_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    await call("a", do.speak)
    assert "noise" not in capfd.readouterr().out


SCRIPT = """
import asyncio, sys
sys.path.insert(0, {tests!r})
import worker_functions as do
from tools.experts.turns import Turns
from tools.experts.workers import call
print("once", flush=True)
async def main():
    print("langgraph" in await call("a", do.modules), flush=True)
    await call("a", do.{function}, {path!r})
asyncio.run(main())
"""


def start(tmp_path: Path, function: str) -> "subprocess.Popen[str]":
    """Run a program without a `__main__` guard that calls a function in a worker."""
    script = tmp_path / "program.py"
    values = {"tests": str(Path(__file__).parent), "function": function, "path": str(tmp_path / "job")}
    script.write_text(textwrap.dedent(SCRIPT).format(**values))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )


async def test_workers_end_when_the_program_is_killed(tmp_path: Path) -> None:
    program = start(tmp_path, "hang_in_c")
    pid = await pid_in(tmp_path / "job")
    program.kill()
    assert await asyncio.to_thread(gone, pid)
    out, _ = await asyncio.to_thread(program.communicate)
    assert out.split() == ["once", "False"]


async def test_ctrl_c_ends_quickly_and_workers_stay_silent(tmp_path: Path) -> None:
    program = start(tmp_path, "hang_in_c")
    pid = await pid_in(tmp_path / "job")
    began = time.monotonic()
    os.killpg(program.pid, signal.SIGINT)
    _, errors = await asyncio.to_thread(program.communicate)
    assert time.monotonic() - began < 4
    assert await asyncio.to_thread(gone, pid)
    assert errors.count("Traceback") <= 2, (
        errors
    )  # the main program's own: CancelledError, then KeyboardInterrupt
    assert "pebble" not in errors
    assert "resource_tracker" not in errors


async def test_a_program_ends_at_once_when_it_is_done(tmp_path: Path) -> None:
    program = start(tmp_path, "speak.__class__ and do.Path")
    _, errors = await asyncio.to_thread(program.communicate, None, 20)
    assert program.returncode == 0, errors
    assert errors == ""


def use_a_worker() -> None:
    """Run in a process that `multiprocessing` started."""
    asyncio.run(call("a", do.pid))


def test_a_process_of_the_callers_own_ends_with_its_workers() -> None:
    process = multiprocessing.get_context("spawn").Process(target=use_a_worker)
    process.start()
    process.join(60)
    code = process.exitcode
    process.kill()
    assert code == 0
