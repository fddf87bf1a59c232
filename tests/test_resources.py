"""Memory, cores and GPUs shared among calls: tiny functions in real processes, and the queue itself."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import worker_functions as do
from blockbuster import blockbuster_ctx
from fake_gpus import fake_gpus
from test_workers import gone, pid_in

from tools import gpus, memory
from tools.errors import InputError, ModelError, TransientError
from tools.experts import workers
from tools.experts.held import ran_out
from tools.experts.resources import PASSES, Claim, Holder, Resources
from tools.experts.workers import Needs, call
from tools.settings import settings

MB = 1_000_000
Span = tuple[float, float]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Forget all workers and what was measured; nothing may block the event loop."""
    cores = workers._resources.cores
    workers._workers.clear()
    workers._looked.clear()
    workers._resources.cores = 4
    with blockbuster_ctx(scanned_modules=["tools"]):
        yield
    workers.shutdown()
    workers._resources.cores = cores
    workers._looked.clear()


@pytest.fixture
def megabytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how much models may hold together."""

    def set_to(number: int) -> None:
        monkeypatch.setenv("HUGGINGGPT_MEMORY_GB", str(number / 1000))
        settings.cache_clear()

    return set_to


async def busy(key: str, path: Path, seconds: float, size: int = 0, **needs: object) -> Span:
    """Run a call that takes a while; return when it began and ended."""
    return await call(key, do.stamp, str(path), seconds, needs=Needs(size * MB, **needs))  # type: ignore[arg-type]


def apart(*spans: Span) -> bool:
    """Tell whether no two of the calls ran at the same time."""
    ordered = sorted(spans)
    return all(first[1] <= second[0] for first, second in pairwise(ordered))


async def alive(*keys: str) -> list[str]:
    return [key for key in keys if workers._workers[key].pool]


async def test_least_recently_used_leaves_and_what_fits_stays(megabytes: Callable[[int], None]) -> None:
    megabytes(450)
    first, second = await call("a", do.keep, 150), await call("b", do.keep, 150)
    assert await call("a", do.pid) == first
    await call("c", do.keep, 150, needs=Needs(150 * MB))
    assert gone(second)
    assert await call("a", do.pid) == first
    assert await alive("a", "b", "c") == ["a", "c"]


async def test_what_was_measured_counts_more_than_what_was_told(megabytes: Callable[[int], None]) -> None:
    megabytes(500)
    await call("a", do.keep, 300, needs=Needs(10 * MB))
    assert 300 * MB < workers._workers["a"].size < 360 * MB
    await call("b", do.pid, needs=Needs(300 * MB))
    assert await alive("a", "b") == ["b"]
    await call("b", do.keep, 250)
    await call("a", do.pid)
    assert await alive("a", "b") == ["a"], "it is expected to need as much again"


async def test_a_call_waits_while_busy_ones_hold_the_memory(
    megabytes: Callable[[int], None], tmp_path: Path
) -> None:
    megabytes(500)
    await asyncio.gather(call("a", do.pid), call("small", do.pid))
    large = asyncio.create_task(busy("large", tmp_path / "large", 0.6, 400))
    await pid_in(tmp_path / "large")
    other, small = await asyncio.gather(
        busy("other", tmp_path / "other", 0.1, 200), busy("small", tmp_path / "small", 0.1)
    )
    assert apart(await large, other)
    assert not apart(await large, small)


async def test_a_model_larger_than_the_budget_runs_alone(
    megabytes: Callable[[int], None], tmp_path: Path
) -> None:
    megabytes(200)
    spans = await asyncio.gather(
        busy("a", tmp_path / "a", 0.2, 50),
        busy("huge", tmp_path / "huge", 0.2, 5000),
        busy("b", tmp_path / "b", 0.2, 50),
    )
    assert apart(spans[1], spans[0])
    assert apart(spans[1], spans[2])
    assert not apart(spans[0], spans[2])


async def test_more_models_than_fit_all_get_done(megabytes: Callable[[int], None], tmp_path: Path) -> None:
    megabytes(500)
    sizes = [300, 450, 200, 700, 300, 100]
    async with asyncio.timeout(60):
        spans = await asyncio.gather(
            *(
                busy(f"model {number}", tmp_path / f"{number}-{again}", 0.05, size)
                for again in range(2)
                for number, size in enumerate(sizes)
            )
        )
    assert len(spans) == 12
    assert not workers._resources._waiting
    assert not workers._resources._running


async def test_cancel_while_waiting_for_memory(megabytes: Callable[[int], None], tmp_path: Path) -> None:
    megabytes(500)
    large = asyncio.create_task(busy("large", tmp_path / "large", 1, 400))
    await pid_in(tmp_path / "large")
    waiting = asyncio.create_task(busy("waiting", tmp_path / "waiting", 0.1, 400))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await large
    assert not (tmp_path / "waiting").exists()
    await busy("next", tmp_path / "next", 0, 400)
    assert not workers._resources._waiting


async def test_a_worker_that_ended_holds_nothing(megabytes: Callable[[int], None]) -> None:
    megabytes(500)
    await call("a", do.keep, 300)
    await asyncio.gather(call("a", do.crash, 1), return_exceptions=True)
    assert workers._resources.held("cpu") == 0
    kept = await call("b", do.keep, 300, needs=Needs(300 * MB))
    await call("a", do.pid)
    assert gone(kept), "what it held before is expected again"


async def test_what_a_worker_holds_is_known_also_when_its_call_failed(
    megabytes: Callable[[int], None],
) -> None:
    megabytes(500)
    with pytest.raises(InputError):
        await call("a", do.keep_and_refuse, 300)
    await call("b", do.keep, 300, needs=Needs(300 * MB))
    assert await alive("a", "b") == ["b"]
    with pytest.raises(InputError):
        await call("c", do.refuse, needs=Needs(400 * MB))
    assert workers._resources.held("cpu") >= 400 * MB, "the next call may load it"


async def test_a_call_that_is_cancelled_before_it_began_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starting, go_on = threading.Event(), threading.Event()

    def slowly(*_: object) -> None:
        starting.set()
        go_on.wait(20)

    monkeypatch.setattr(workers, "_started", slowly)
    task = asyncio.create_task(call("a", do.pid, needs=Needs(400 * MB)))
    await asyncio.to_thread(starting.wait, 20)
    assert workers._resources.held("cpu") == 400 * MB
    task.cancel()
    await asyncio.wait([task])
    go_on.set()
    assert workers._resources.held("cpu") == 0
    assert not workers._resources.loads("cpu")


async def test_a_model_that_is_being_loaded_is_not_taken_for_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_free", lambda: 10_000 * MB)
    monkeypatch.setattr(workers, "LOOK_SECONDS", 0)
    first = asyncio.create_task(busy("a", tmp_path / "a", 0.6, 5000))
    await pid_in(tmp_path / "a")
    other = await busy("b", tmp_path / "b", 0, 5000)
    assert apart(await first, other)


async def test_memory_of_other_processes_counts(megabytes: Callable[[int], None]) -> None:
    megabytes(500)
    pid = await call("a", do.keep, 150)
    await asyncio.to_thread(workers.make_room, "chat", 300 * MB)
    assert not gone(pid, 0)
    await asyncio.to_thread(workers.make_room, "chat", 400 * MB)
    try:
        assert gone(pid)
        assert workers._resources.held("cpu") == 400 * MB
    finally:
        workers.release("chat")
    assert workers._resources.held("cpu") == 0


async def test_cores_are_shared(tmp_path: Path) -> None:
    await asyncio.gather(*(call(key, do.pid) for key in "abcd"))
    assert await call("a", do.thread_counts) == (4, 4, "4")
    running = asyncio.create_task(call("a", do.thread_counts, 0.5))
    await asyncio.sleep(0.1)
    assert await call("b", do.thread_counts) == (1, 1, "1")
    assert (await running)[0] == 4


async def test_free_cores_are_divided_among_those_that_wait() -> None:
    resources, holders = Resources(4), [Holder(key) for key in "abc"]
    blockers = [Claim(Holder(f"blocker {number}")) for number in range(4)]
    await asyncio.gather(*map(resources.start, blockers))
    claims = [Claim(holder) for holder in holders]
    waiting = [asyncio.create_task(resources.start(claim)) for claim in claims]
    await asyncio.sleep(0)
    assert not any(claim.turn.done() for claim in claims)
    for blocker in blockers:
        resources.end(blocker)
    await asyncio.gather(*waiting)
    assert [claim.threads for claim in claims] == [1, 1, 1]
    for claim in claims:
        resources.end(claim)
    await resources.start(again := Claim(holders[0]))
    assert again.threads == 4


async def test_no_more_calls_than_cores_except_short_ones(tmp_path: Path) -> None:
    workers._resources.cores = 2
    await asyncio.gather(*(call(key, do.pid) for key in "abcd"))
    *spans, short = await asyncio.gather(
        *(busy(key, tmp_path / key, 0.4) for key in "abc"), busy("d", tmp_path / "d", 0.1, light=True)
    )
    assert spans[2][0] >= min(spans[0][1], spans[1][1])
    assert not apart(*spans[:2])
    assert short[1] < min(span[1] for span in spans)


async def test_a_gpu_runs_one_call_at_a_time_and_takes_no_cores(
    megabytes: Callable[[int], None], tmp_path: Path
) -> None:
    megabytes(500)
    workers._resources.cores = 2
    await asyncio.gather(*(call(key, do.pid) for key in "de"))
    on_gpus = [("a", "cuda:0"), ("b", "cuda:0"), ("c", "cuda:1")]
    await asyncio.gather(*(call(key, do.pid, needs=Needs(device=device)) for key, device in on_gpus))
    first, second, other, *cpu = await asyncio.gather(
        *(busy(key, tmp_path / key, 0.3, device=device) for key, device in on_gpus),
        *(busy(key, tmp_path / key, 0.3) for key in "de"),
    )
    assert apart(first, second)
    assert max(first[0], other[0], cpu[0][0], cpu[1][0]) < min(first[1], other[1], cpu[0][1], cpu[1][1])


async def test_calls_that_pass_one_that_waits_for_memory_are_counted() -> None:
    resources = Resources(2)
    resources.limits["cpu"] = 500
    await resources.start(holding := Claim(Holder("holding", size=300)))
    waiting = Claim(Holder("waiting", size=400))
    started = asyncio.create_task(resources.start(waiting))
    await asyncio.sleep(0)
    small = Holder("small", size=10)
    for _ in range(PASSES):
        await asyncio.wait_for(resources.start(passing := Claim(small)), 1)
        resources.end(passing)
    late = Claim(small)
    follower = asyncio.create_task(resources.start(late))
    await asyncio.sleep(0.01)
    assert not late.turn.done()
    resources.end(holding)
    await asyncio.wait_for(asyncio.gather(started, follower), 1)
    assert waiting.passed == PASSES


async def test_a_claim_that_is_cancelled_gives_its_place_back() -> None:
    resources, holder = Resources(1), Holder("a")
    await resources.start(first := Claim(holder))
    claims = [Claim(holder) for _ in range(2)]
    tasks = [asyncio.create_task(resources.start(claim)) for claim in claims]
    await asyncio.sleep(0)
    tasks[0].cancel()
    # The claim is granted in the moment between the cancel and its arrival.
    resources.end(first)
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert claims[0].turn.done()
    resources.end(claims[0])
    await asyncio.wait_for(tasks[1], 1)
    assert claims[1].holder.busy
    resources.end(claims[1])
    assert not resources._waiting
    assert not resources._running


async def test_the_fork_server_brings_torch_and_no_threads() -> None:
    workers.warm()
    assert await call("a", do.preloaded) == (True, False, "passive")
    assert (await call("a", do.fork_server))["Threads"] == "1"


def test_room_is_a_share_of_what_is_free_or_held_by_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_container", lambda: 1000 * MB)
    (tmp_path / "memory.current").write_text(str(900 * MB))
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {200 * MB}\n")
    assert memory.room("cpu", 100 * MB) == int(memory.SHARE * 400 * MB)


def test_memory_of_gpus_is_what_their_driver_tells(tmp_path: Path) -> None:
    with fake_gpus(tmp_path, total=[8000, 8000], free=[1000, 3000]):
        assert memory.place("auto") == "cuda:0"
        assert memory.room("cuda:1", 500 << 20) == int(memory.SHARE * (3500 << 20))
        assert memory.budget("cuda:1") == int(memory.SHARE * (8000 << 20))


@pytest.mark.parametrize(
    ("visible", "sizes"),
    [("1,0", [200, 100]), ("GPU-2", [300]), ("2,7,0", [300]), ("", []), ("-1", []), ("none", [])],
)
def test_gpus_are_those_that_programs_may_see(
    visible: str, sizes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gpus(tmp_path, total=[100, 200, 300]):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus.sizes() == tuple(size << 20 for size in sizes)


def test_a_torch_without_cuda_has_no_gpus(tmp_path: Path) -> None:
    with fake_gpus(tmp_path, total=[8000], cuda=None):
        assert memory.place("auto") == "cpu"


@pytest.mark.parametrize("device", ["cuda:1", "cuda:x", "mps"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(device: str, tmp_path: Path) -> None:
    with fake_gpus(tmp_path, total=[8000]):
        assert memory.missing(device) == (
            f"There is no device '{device}' here; set HUGGINGGPT_DEVICE to another one (auto, cpu, cuda:0)."
        )
        assert [memory.missing(one) for one in ("auto", "cpu", "cuda", "cuda:0")] == [None] * 4


async def test_a_call_that_lacks_memory_ends_its_process_and_has_the_next_one_run_alone(
    megabytes: Callable[[int], None],
) -> None:
    megabytes(1000)
    beside, first = await call("beside", do.pid), await call("a", do.pid)
    with pytest.raises(TransientError, match=r"^a ran out of memory on cpu beside .*HUGGINGGPT_MEMORY_GB"):
        await call("a", do.exhaust)
    assert gone(first)
    assert await alive("beside") == ["beside"]
    assert await call("a", do.pid) != first
    assert gone(beside)
    with pytest.raises(
        ModelError, match=r"^a needs more memory than is free on cpu: .*HUGGINGGPT_DEVICE"
    ) as told:
        await call("a", do.exhaust)
    assert not isinstance(told.value, TransientError)


@pytest.mark.parametrize(
    ("error", "lacked"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB."), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 byte"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (None, False),
    ],
)
def test_lack_of_memory_is_told_from_other_errors(error: Exception | None, lacked: bool) -> None:
    assert ran_out(error) == lacked
    wrapped = ModelError("This model cannot be loaded.")
    wrapped.__cause__ = error
    assert ran_out(wrapped) == lacked
