"""Every Hugging Face task type as a LangChain tool, for this graph and for any other agent."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Annotated, Any, Literal

from langchain_core.tools import BaseTool, InjectedToolArg
from pydantic import BaseModel, Field, create_model

from tools.artifacts import store
from tools.chat import EMBEDDED
from tools.errors import InputError, SetupError
from tools.experts.run import run
from tools.models import Mode, Model, find, recent, shortlist, why_none
from tools.outputs import SCHEME, Artifact
from tools.tasks import TASKS, Slot, TaskRow

INJECTED: dict[str, Any] = {"model": str, "timeout": float, "mode": Mode, "device": str}
"""Arguments that models never see."""


class ExpertTool(BaseTool):
    """One task type as a tool. Its content is the output's text, its artifact the whole `Output`."""

    row: TaskRow
    files: tuple[Artifact, ...] = ()
    """Files that may be named in media slots; any other name is refused."""
    chat: str = EMBEDDED
    """Chat model that is a candidate for language tasks."""
    mode: Mode = "hybrid"
    """Where experts may run."""
    device: str | None = None
    """Where local ones run; None for `HUGGINGGPT_DEVICE`."""
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    # LangChain reflects on all parameters in every call, so these are few; `_schema` has checked what is in them.
    async def _arun(self, *first: Any, **slots: Any) -> Any:
        model, timeout, mode, device = (slots.pop(name, None) for name in INJECTED)
        # LangChain hands on a plain string, which fills the first slot, as it came.
        slots |= dict(zip((slot.name for slot in self.row.slots), first, strict=False))
        inputs = {name: self._value(name, value) for name, value in slots.items() if value is not None}
        expert = await self._expert(model, mode or self.mode, device or self.device)
        output = await run(self.row.name, expert, inputs, store=store(), timeout=timeout)
        return output.text, output

    def _parse_input(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> str | dict[str, Any]:
        """Return the checked arguments. LangChain's way to do that reflects on all annotations in every call."""
        if isinstance(tool_input, str):
            return super()._parse_input(tool_input, tool_call_id)
        checked = _schema(self.name).model_validate(tool_input)
        return {name: getattr(checked, name) for name in type(checked).model_fields}

    def _filter_injected_args(self, tool_input: dict[str, Any]) -> dict[str, Any]:
        """Return what traces show: the slots. LangChain would find out by reflection in every call what these are."""
        return {slot.name: tool_input[slot.name] for slot in self.row.slots if slot.name in tool_input}

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("run_manager", None)
        kwargs.pop("config", None)

        def work() -> Any:
            return asyncio.run(self._arun(*args, **kwargs))

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return work()
        # As in a notebook; a thread has room for one event loop only.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, work).result()

    async def _expert(self, id_: str | None, mode: Mode, device: str | None) -> Model:
        """Look up the model on a thread, as the Hub may be asked; one that was just looked up needs no thread."""
        if id_ and (known := recent(self.row.name, id_, mode, device)):
            return known
        return await asyncio.to_thread(self._model, id_, mode, device)

    def _model(self, id_: str | None, mode: Mode, device: str | None) -> Model:
        """Return the named model, or the first of the shortlist when a caller leaves the choice to us."""
        name = self.row.name
        if id_ is None:
            found = next(iter(shortlist(name, self.chat, mode, 1, device)), None)
            why = "" if found else why_none(name, self.chat, mode, device)
        else:
            found = find(name, id_, mode, device)
            why = f"There is no model {id_!r} for {name}; `hugginggpt models {name}` lists them."
        if found is None:
            raise SetupError(why)
        return found

    def _value(self, name: str, value: str) -> str:
        """Return a slot's value; a file is an artifact's reference or the name of a file given to this tool."""
        slot = self.row.slot(name)
        if slot is None or slot.media == "text" or value.startswith(SCHEME):
            return value
        file = next((file for file in self.files if file.name == value), None)
        if file is None:
            raise InputError(
                f"There is no {slot.media} file {value!r}; give it to hf_tools(files=...) first."
            )
        return file.ref


def hf_tools(
    tasks: Iterable[str] | None = None,
    *,
    files: Sequence[Artifact] = (),
    chat: str = EMBEDDED,
    mode: Mode = "hybrid",
    device: str | None = None,
) -> list[BaseTool]:
    """Return task types as LangChain tools.

    Args:
        tasks: Names of task rows; all when None.
        files: Artifacts that the agent may name in media slots.
        chat: Chat model that is a candidate expert for language tasks, such as `openai:gpt-5-mini`.
        mode: Where experts may run: `local`, `providers` or `hybrid`.
        device: Where local ones run, e.g. `cuda:1`; None for `HUGGINGGPT_DEVICE`.

    Returns:
        One tool per task type. Models see the slots only; `model` (the id), `timeout` (seconds), `mode` and `device`
        are injected.

    Raises:
        KeyError: There is no such task type.
    """
    names = TASKS if tasks is None else tasks
    return [
        ExpertTool(
            name=name,
            description=TASKS[name].about,
            args_schema=_schema(name),
            row=TASKS[name],
            files=tuple(files),
            chat=chat,
            mode=mode,
            device=device,
        )
        for name in names
    ]


@cache
def hf_tool(name: str) -> BaseTool:
    """Return the tool of one task type, as the graph calls it."""
    return hf_tools([name])[0]


@cache
def _schema(name: str) -> type[BaseModel]:
    row = TASKS[name]
    fields: dict[str, Any] = {slot.name: _field(slot) for slot in row.slots}
    fields |= {name: (Annotated[kind | None, InjectedToolArg], None) for name, kind in INJECTED.items()}
    return create_model(name.title().replace("-", "") + "Args", **fields)


def _field(slot: Slot) -> tuple[Any, Any]:
    about = slot.about or (
        f"Reference or name of the {slot.media} file." if slot.media != "text" else "The text."
    )
    return (
        (str, Field(description=about))
        if slot.required
        else (str | None, Field(default=None, description=about))
    )
