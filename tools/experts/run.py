"""Running a task with a model: the one way from the graph and the tools to all experts."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from typing import Protocol

from tools.artifacts import ArtifactStore
from tools.assets import resolve
from tools.chat import EMBEDDED
from tools.errors import InputError
from tools.experts import workers
from tools.experts.chat import run_chat
from tools.experts.document import run_document
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.provider import run_provider
from tools.outputs import Draft, Output
from tools.tasks import TASKS


class Expert(Protocol):
    """What must be known of a model to run it; see `tools.models.Model`."""

    @property
    def id(self) -> str:
        """Key of its worker, or the chat model's name."""

    @property
    def engine(self) -> str:
        """Key of `ENGINES`."""

    @property
    def asset(self) -> str | None:
        """Key of `ASSETS`, when it has files."""


Runner = Callable[[Expert, Job, float | None], Awaitable[Draft]]


async def run(
    task: str, model: Expert, inputs: Mapping[str, str], *, store: ArtifactStore, timeout: float | None = None
) -> Output:
    """Run a task with one model.

    Args:
        task: Name of a row of `TASKS`.
        model: The expert.
        inputs: Slot name to text, or to an `artifact://` reference for a media slot.
        store: Where media come from and made files go.
        timeout: Seconds the model may work; fetching its files and its earlier calls do not count.

    Returns:
        What it made, with all files in the store.

    Raises:
        InputError: An input is missing or of no use to the model.
        SetupError: The model's files, its library or a key cannot be had.
        TransientError: It did not finish in time or could not be reached.
        ModelError: It could not do the task.
    """
    async with _folder() as out:
        local = await asyncio.to_thread(_local, task, inputs, store)
        folder = await asyncio.to_thread(resolve, model.asset) if model.asset else None
        job = Job(task=task, model=folder, inputs=local, out=out)
        draft = await RUNNERS.get(model.engine, _in_worker)(model, job, timeout)
        return await asyncio.to_thread(_stored, draft, store)


async def _in_worker(model: Expert, job: Job, timeout: float | None) -> Draft:
    return await workers.call(model.id, run_job, ENGINES[model.engine], job, timeout=timeout)


async def _by_embedded_chat(model: Expert, job: Job, timeout: float | None) -> Draft:
    return await run_chat(job.task, EMBEDDED, job.inputs, timeout=timeout)


async def _by_chat(model: Expert, job: Job, timeout: float | None) -> Draft:
    return await run_chat(job.task, model.id, job.inputs, timeout=timeout)


async def _by_document(model: Expert, job: Job, timeout: float | None) -> Draft:
    return await run_document(job, chat=EMBEDDED if model.asset else model.id, timeout=timeout)


async def _by_provider(model: Expert, job: Job, timeout: float | None) -> Draft:
    return await run_provider(model.id, job, timeout)


RUNNERS: dict[str, Runner] = {
    "llama": _by_embedded_chat,
    "chat": _by_chat,
    "document": _by_document,
    "provider": _by_provider,
}
"""Engines that ask a chat model or a provider; all others run in a worker process."""


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
    return {name: str(store.path(value)) if name in media else value for name, value in inputs.items()}


def _stored(draft: Draft, store: ArtifactStore) -> Output:
    return Output(text=draft.text, data=draft.data, files=tuple(store.put(path) for path in draft.files))
