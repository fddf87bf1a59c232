"""Running a task with a model: the one way from the graph and the tools to all experts."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree

from tools import memory
from tools.artifacts import ArtifactStore
from tools.chat import EMBEDDED
from tools.errors import InputError, ModelError, SetupError, TransientError
from tools.experts import resources, workers
from tools.experts.chat import run_chat
from tools.experts.devices import AUTO
from tools.experts.document import run_document
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.provider import run_endpoint, run_provider
from tools.models import place
from tools.models.model import Model, Way
from tools.outputs import Draft, Output
from tools.patience import patiently
from tools.tasks import TASKS
from tools.tracing import note

Runner = Callable[[Model, Way, Job, float | None], Awaitable[Draft]]


async def run(
    task: str,
    model: Model,
    inputs: Mapping[str, str],
    *,
    store: ArtifactStore,
    timeout: float | None = None,
) -> Output:
    """Run a task with one model, in the first of its ways that succeeds.

    Args:
        task: Name of a row of `TASKS`.
        model: The expert.
        inputs: Slot name to text, or to an `artifact://` reference for a media slot.
        store: Where media come from and made files go.
        timeout: Seconds the model may work in each way; fetching its files and its earlier calls do not count.

    Returns:
        What it made, with all files in the store.

    Raises:
        InputError: An input is missing or of no use to the model.
        SetupError: The model's files, its library or a key cannot be had.
        TransientError: It did not finish in time or could not be reached.
        ModelError: It could not do the task.
    """
    local = await asyncio.to_thread(_local, task, inputs, store)
    errors: list[ModelError | SetupError] = []
    for way in model.ways:
        async with _folder() as out:
            note(engine=way.engine)
            job = Job(task=task, model=None, inputs=local, out=out, device=way.device)
            try:
                draft = await RUNNERS.get(way.engine, _in_worker)(model, way, job, timeout)
            except (ModelError, SetupError) as error:
                errors.append(error)
                continue
            output = await asyncio.to_thread(_stored, draft, store)
            return output.model_copy(update={"by": way.engine})
    raise _joined(model, errors)


def _joined(model: Model, errors: Sequence[ModelError | SetupError]) -> ModelError | SetupError:
    """Return one error for all ways: one that may pass, when any of them may."""
    if not errors:
        return ModelError(f"{model.id} cannot run here. {' '.join(model.obstacles)}".strip())
    kinds = (TransientError, ModelError, SetupError)
    kind = next(kind for kind in kinds if any(isinstance(error, kind) for error in errors))
    return errors[0] if len(errors) == 1 else kind(" ".join(dict.fromkeys(map(str, errors))))


async def _in_worker(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    folder = await patiently(place.of_way, way)
    base = await patiently(place.of_base, way)
    engine = ENGINES[way.engine]
    device = await asyncio.to_thread(memory.place, job.device) if engine.gpu else resources.CPU
    note(device=device)
    usual = job.device == AUTO or not engine.gpu
    key = model.id if usual else f"{model.id} on {device}"
    ready = job.model_copy(update={"model": folder, "base": base, "device": AUTO if usual else device})
    needs = workers.Needs(model.size or 0, device)
    return await workers.call(key, run_job, engine, ready, timeout=timeout, needs=needs)


async def _by_embedded_chat(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    return await run_chat(job.task, EMBEDDED, job.inputs, timeout=timeout)


async def _by_chat(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    return await run_chat(job.task, model.id, job.inputs, timeout=timeout)


async def _by_document(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    return await run_document(job, chat=EMBEDDED if way.asset else model.id, timeout=timeout)


async def _by_provider(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    return await run_provider(model.id, job, timeout)


async def _by_endpoint(model: Model, way: Way, job: Job, timeout: float | None) -> Draft:
    return await run_endpoint(str(way.url), job, timeout)


RUNNERS: dict[str, Runner] = {
    "llama": _by_embedded_chat,
    "chat": _by_chat,
    "document": _by_document,
    "provider": _by_provider,
    "endpoint": _by_endpoint,
}
"""Engines that ask a chat model or a server; all others run in a worker process."""


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """Give a job a folder of its own and remove it however the job ends."""
    path = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="hugginggpt-"))
    try:
        yield path
    finally:
        # Shielded: also a cancelled job leaves nothing behind.
        await asyncio.shield(asyncio.to_thread(rmtree, path, ignore_errors=True))


def _local(task: str, inputs: Mapping[str, str], store: ArtifactStore) -> dict[str, str]:
    """Return the inputs with local files in place of references."""
    row = TASKS[task]
    if missing := [slot.name for slot in row.slots if slot.required and slot.name not in inputs]:
        raise InputError(f"{task} needs its slot {missing[0]!r} filled.")
    media = {slot.name for slot in row.slots if slot.media != "text"}
    local = {name: str(store.path(value)) if name in media else value for name, value in inputs.items()}
    if row.slots[0].media == "text" and (instruction := local.pop("instruction", "")):
        # Models that write take one prompt.
        local[row.slots[0].name] = f"{instruction}:\n\n{local[row.slots[0].name]}"
    return local


def _stored(draft: Draft, store: ArtifactStore) -> Output:
    return Output(text=draft.text, data=draft.data, files=tuple(store.put(path) for path in draft.files))
