"""Experts on a real GPU, where there is one: what they deliver, the memory they take, and what happens when it ends."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gpu_functions as do
import pytest
import worker_functions
from chat_server import ChatServer, Script, said
from device_cases import CASES, assert_alike, built, little_work, media
from device_cases import do as run_case
from langgraph.checkpoint.memory import InMemorySaver
from langsmith import RunTree, tracing_context
from scripted import REQUEST, THREAD, context, scripted, statuses
from test_resources import Span, apart
from test_workers import gone, pid_in

from graph.agent import Agent, build
from graph.state import State
from tools import gpus, memory
from tools.artifacts import store
from tools.errors import ModelError, TransientError
from tools.experts import workers
from tools.experts.devices import HALF, dtype_for
from tools.experts.diffusion import loading
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.run import run
from tools.experts.workers import Needs, call
from tools.models import find, registry
from tools.outputs import Draft, Output
from tools.settings import settings

if not gpus.sizes():
    pytest.skip("there is no GPU that torch was built for", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")
GPU = "cuda:0"
MB = 1_000_000
CLOSE = 300 * MB
"""How far what is accounted may be from what the driver tells."""


@pytest.fixture(scope="module", autouse=True)
def _usable() -> Iterator[None]:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch cannot use the GPU that is here")
    yield
    torch.cuda.empty_cache()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    workers._workers.clear()
    workers._looked.clear()
    yield
    workers.shutdown()
    workers._looked.clear()


@pytest.fixture
def gigabytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set how much models may hold together."""

    def set_to(number: float) -> None:
        monkeypatch.setenv("HUGGINGGPT_MEMORY_GB", str(number))
        settings.cache_clear()

    return set_to


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media(tmp_path_factory.mktemp("media"))


@pytest.fixture
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    little_work(monkeypatch)


def free() -> int:
    return gpus.free()[0]


def freed(bytes_: int, seconds: float = 5) -> bool:
    """Tell whether so much becomes free, as the driver tells it."""
    end = time.monotonic() + seconds
    while free() < bytes_ - 50 * MB and time.monotonic() < end:
        time.sleep(0.05)
    return free() >= bytes_ - 50 * MB


async def hold(key: str, megabytes: int, size: int = 0) -> int:
    return await call(key, do.hold, megabytes, needs=Needs(size * MB, GPU))


async def busy(key: str, path: Path, seconds: float, megabytes: int = 0) -> Span:
    return await call(key, do.compute, str(path), seconds, megabytes, needs=Needs(megabytes * MB, GPU))


# What experts deliver


@pytest.mark.usefixtures("_little_work")
@pytest.mark.parametrize("name", CASES)
def test_experts_deliver_on_a_gpu_what_they_deliver_on_the_cpu(
    name: str, files: Path, tmp_path: Path
) -> None:
    import torch

    case = CASES[name]
    folders = built(case, tmp_path)
    half = str(dtype_for(torch.device(GPU))).removeprefix("torch.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HALF, "cpu", half)
        expected = run_case(case, folders, files, tmp_path / "cpu", "cpu")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    made = run_case(case, folders, files, tmp_path / "cuda", GPU)
    assert torch.cuda.max_memory_allocated() > before, "it did not compute there"
    assert_alike(expected, made, case.near)


@pytest.mark.usefixtures("_little_work")
@pytest.mark.parametrize("name", ["Stable Diffusion", "editing", "ControlNet", "LTX"])
def test_a_pipeline_larger_than_the_gpu_takes_turns_with_its_parts(
    name: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    folders = built(case, tmp_path)
    whole = run_case(case, folders, files, tmp_path / "whole", GPU)
    shutil.copytree(folders[0], tmp_path / "copy")
    monkeypatch.setattr(loading, "ROOM", 0)
    for turn in ("first", "second"):
        made = run_case(case, (tmp_path / "copy", folders[1]), files, tmp_path / turn, GPU)
        assert_alike(whole, made, 0.02)


@pytest.fixture
def seer(tmp_path: Path) -> str:
    """Register a model of one's own that always sees a dog, and return its name."""
    import tiny_vision

    registry.add(str(tiny_vision.vit(tmp_path / "seer")), ["image-classification"])
    return "seer"


async def seen(name: str, files: Path, device: str | None) -> tuple[Output, dict[str, Any]]:
    """Return what a model says of a picture, and what a trace tells of the call."""
    model, trace = find("image-classification", name, "local", device), RunTree(name="call")
    assert model
    inputs = {"image": store().put(files / "photo.png").ref}
    with tracing_context(parent=trace, enabled="local"):
        output = await run("image-classification", model, inputs, store=store(), timeout=60)
    return output, trace.metadata


async def test_a_gpu_is_the_default_and_devices_can_be_named(
    seer: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str | None, tuple[Output, dict[str, Any]]] = {
        device: await seen(seer, files, device) for device in ("auto", "cuda", GPU, "cpu")
    }
    monkeypatch.setenv("HUGGINGGPT_DEVICE", "cpu")
    settings.cache_clear()
    told[None] = await seen(seer, files, None)
    assert {output.text for output, _ in told.values()} == {"dog 0.84, bird 0.11, cat 0.04"}
    assert [facts["device"] for _, facts in told.values()] == [GPU, GPU, GPU, "cpu", "cpu"]
    assert workers._workers.keys() == {"seer", f"seer on {GPU}", "seer on cpu"}
    used = [await call(key, do.touched, needs=Needs(device=device)) for key, device in (
        ("seer", GPU), (f"seer on {GPU}", GPU), ("seer on cpu", "cpu"),
    )]  # fmt: skip
    assert used == [True, True, False]


async def test_a_gpu_that_is_not_there_is_told_with_those_that_are(seer: str, files: Path) -> None:
    nowhere = f"cuda:{len(gpus.sizes())}"
    with pytest.raises(ModelError, match=rf"no device '{nowhere}' here; set HUGGINGGPT_DEVICE .*cpu, {GPU}"):
        await seen(seer, files, nowhere)


async def test_what_runs_on_the_cpu_leaves_the_gpu_alone(files: Path, tmp_path: Path) -> None:
    folders = built(CASES["adapter"], tmp_path)
    job = Job(
        task="fill-mask", model=folders[0], base=folders[1], inputs={"text": "the [MASK]"}, out=tmp_path
    )
    made: Draft = await call(
        "adapter", run_job, ENGINES["pipeline"], job.model_copy(update={"device": "cpu"})
    )
    assert made.data
    assert not await call("adapter", do.touched)


async def test_the_process_that_workers_are_forked_from_leaves_the_gpu_alone() -> None:
    await hold("a", 10)
    assert not [name for name in await call("a", do.files_of_fork_server) if "nvidia" in name]


# Memory


async def test_memory_is_measured_as_the_driver_tells_it() -> None:
    before = free()
    await hold("a", 2000)
    held = workers._workers["a"].held[GPU]
    assert held == pytest.approx(before - free(), abs=CLOSE)
    assert workers._resources.limits[GPU] == pytest.approx(memory.SHARE * before, abs=CLOSE)
    workers._looked.clear()
    await hold("b", 10)
    # What models hold is theirs to share out again.
    assert workers._resources.limits[GPU] == pytest.approx(memory.SHARE * before, abs=CLOSE)


async def test_least_recently_used_leaves_and_its_memory_is_free(gigabytes: Callable[[float], None]) -> None:
    gigabytes(5.6)
    first, second = await hold("a", 2000), await hold("b", 2000)
    assert await call("a", worker_functions.pid) == first
    both = free()
    await hold("c", 2000, size=2000)
    assert gone(second)
    assert await call("a", worker_functions.pid) == first
    assert free() == pytest.approx(both, abs=CLOSE)
    await asyncio.to_thread(workers.shutdown)
    assert freed(both + 4000 * MB)


async def test_more_models_than_fit_wait_and_never_for_each_other(
    gigabytes: Callable[[float], None], tmp_path: Path
) -> None:
    gigabytes(3)
    names = [f"{letter}{turn}" for turn in range(2) for letter in "abcd"]
    spans = await asyncio.wait_for(
        asyncio.gather(*(busy(name[0], tmp_path / name, 0.1, 700) for name in names)), 60
    )
    assert apart(*spans)
    assert sum(bool(worker.held) for worker in workers._workers.values()) <= 2


async def test_a_gpu_is_shared_in_order_while_the_cpu_works_on(tmp_path: Path) -> None:
    await asyncio.gather(hold("a", 10), hold("b", 10), call("c", worker_functions.pid))
    began = time.time()
    first, second, again, *others = await asyncio.gather(
        *(busy(key, tmp_path / str(number), 0.5) for number, key in enumerate("aba")),
        *(call("c", worker_functions.stamp, str(tmp_path / "c"), 0.3) for _ in range(2)),
    )
    assert sorted([first, second, again]) == [first, second, again]
    assert apart(first, second, again)
    assert others[1][1] - began < 1.4, "the CPU waits for nobody"


async def test_a_call_that_runs_out_of_memory_tells_the_setting_and_frees_it() -> None:
    before = free()
    with pytest.raises(ModelError, match=r"^a needs more memory than is free on cuda:0: .*HUGGINGGPT_DEVICE"):
        await call("a", do.overfill, needs=Needs(device=GPU))
    assert freed(before)
    await hold("beside", 1000)
    with pytest.raises(TransientError, match=r"^b ran out of memory on cuda:0 beside .*HUGGINGGPT_MEMORY_GB"):
        await call("b", do.overfill, needs=Needs(device=GPU))
    assert workers._workers["beside"].held
    await hold("b", 10)
    assert not workers._workers["beside"].held
    assert freed(before - 1000 * MB)


@contextmanager
def nearly_full(left: int) -> Iterator[None]:
    """Take all memory of the GPU but this, as another program may."""
    import torch

    taken = torch.empty(max(0, free() - left), dtype=torch.uint8, device=GPU)
    yield
    del taken
    torch.cuda.empty_cache()


@pytest.mark.parametrize("left", [100, 700])
async def test_a_gpu_that_others_have_filled_is_told(left: int, files: Path, tmp_path: Path) -> None:
    folder = large_bert(tmp_path / "large", "FeatureExtraction", 24)
    registry.add(str(folder), ["feature-extraction"])
    model = find("feature-extraction", "large", "local")
    assert model
    told = pytest.raises(ModelError, match="large needs more memory than is free on cuda:0")
    with nearly_full(left * MB), told:
        await run("feature-extraction", model, {"text": "the cat"}, store=store(), timeout=60)
    assert (await run("feature-extraction", model, {"text": "the cat"}, store=store(), timeout=60)).data


# When work ends early


async def test_a_worker_that_is_killed_frees_its_memory(tmp_path: Path) -> None:
    before = free()
    task = asyncio.create_task(busy("a", tmp_path / "job", 30, 2000))
    pid = await pid_in(tmp_path / "job")
    assert free() < before - 2000 * MB
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(TransientError):
        await task
    assert freed(before)
    await busy("a", tmp_path / "again", 0.1)


async def test_cancel_ends_work_on_the_gpu_within_two_seconds(tmp_path: Path) -> None:
    before = free()
    task = asyncio.create_task(busy("a", tmp_path / "job", 30, 20_000 if before > 40_000 * MB else 1000))
    pid = await pid_in(tmp_path / "job")
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(gone, pid, 2)
    assert time.monotonic() - began < 2
    assert freed(before)


# Whole runs


def large_bert(folder: Path, head: str, layers: int) -> Path:
    """Save a BERT of random weights in half precision: 25 MB a layer."""
    import torch
    import transformers
    from tiny_models import SIZES, save, words_tokenizer

    large = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_attention_heads": 16,
        "num_hidden_layers": layers,
    }
    kind = getattr(transformers, "BertModel" if head == "FeatureExtraction" else f"BertFor{head}")
    with torch.device(GPU):
        model = kind(transformers.BertConfig(**{**SIZES, **large})).to(torch.bfloat16)
    save(folder, model, words_tokenizer())
    del model
    torch.cuda.empty_cache()
    return folder


HEADS = {
    "text-classification": "SequenceClassification",
    "token-classification": "TokenClassification",
    "fill-mask": "MaskedLM",
    "feature-extraction": "FeatureExtraction",
}
TEXT = "Anna lives in [MASK]."


@pytest.fixture
def agent() -> Agent:
    return build(InMemorySaver())


Start = Callable[[Script], ChatServer]


async def test_a_plan_with_more_models_than_fit_is_done(
    chat_server: Start, agent: Agent, gigabytes: Callable[[float], None], tmp_path: Path
) -> None:
    for task, head in HEADS.items():
        registry.add(str(large_bert(tmp_path / task, head, 24)), [task])
    # Each takes 0.6 GB, and CUDA half a gigabyte for its process.
    gigabytes(2.6)
    plan = [{"task": task, "args": {"text": TEXT}} for task in [*HEADS, *HEADS]]
    server = chat_server(scripted(plan, said))
    state = State(**await asyncio.wait_for(agent.ainvoke(REQUEST, THREAD, context=context(server)), 120))
    assert set(statuses(state).values()) == {"ok"}
    assert [result.model for result in state.results.values()] == [*HEADS, *HEADS]
    assert workers._resources.held(GPU) <= 2.6e9
    sizes = [workers._workers[task].size for task in HEADS]
    assert sizes == pytest.approx([1.1e9] * 4, abs=CLOSE)


async def test_a_run_whose_worker_is_killed_on_the_gpu_goes_on(
    chat_server: Start, agent: Agent, tmp_path: Path
) -> None:
    registry.add(
        str(large_bert(tmp_path / "feature-extraction", "FeatureExtraction", 24)), ["feature-extraction"]
    )
    before = free()
    server = chat_server(scripted([{"task": "feature-extraction", "args": {"text": TEXT}}], said))
    going = asyncio.create_task(agent.ainvoke(REQUEST, THREAD, context=context(server, max_attempts=2)))
    while not freed_by(before, 100 * MB):
        await asyncio.sleep(0.01)
    os.kill(next(iter(children())), signal.SIGKILL)
    result = State(**await asyncio.wait_for(going, 60)).results["0"]
    assert (result.status, result.model, result.attempts) == ("ok", "feature-extraction", 2)


def freed_by(before: int, bytes_: int) -> bool:
    return before - free() > bytes_


def children() -> Iterator[int]:
    """Yield the processes of workers that have a model, by what torch has them open."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        opened = Path(f"/proc/{process.pid}/fd")
        if any("nvidia" in str(link.readlink()) for link in opened.iterdir()):
            yield process.pid
