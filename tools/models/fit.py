"""Whether a model of the Hub can run on this machine, and if not, why."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from tools.experts.engines import ENGINES
from tools.hub import HubModel
from tools.memory import budget, missing, on_gpu
from tools.settings import settings

OVERHEAD = 1.2
"""What a model takes beside its weights, as a factor."""
QUANTIZED = {"gptq", "awq", "bitsandbytes", "compressed-tensors", "fp8", "mlx", "gguf", "exl2", "openvino"}
"""Tags of weights in formats that need libraries of their own."""
OTHER_FORMATS = {"speechbrain", "sklearn"}
"""Libraries whose models come in other safe forms than safetensors; their engines check."""


@dataclass(frozen=True)
class Case:
    """A model that is to run here."""

    task: str
    model: HubModel
    cached: bool
    """Whether its files are here."""
    device: str


def engine_for(task: str, library: str | None) -> str | None:
    """Return the engine that does a task with models of a library, or None.

    Args:
        task: Name of a task row.
        library: The Hub's name of the library, e.g. `transformers`.
    """
    found = (key for key, row in ENGINES.items() if task in row.tasks and library in row.libraries)
    return next(found, None)


def missing_library(engine: str) -> str | None:
    """Return what must be installed before an engine can run, as a sentence; None when it can."""
    row = ENGINES[engine]
    if find_spec(row.requires):
        return None
    return f"It needs the {row.requires} library: {row.install}."


def unusable(engine: str, device: str) -> str | None:
    """Return why an engine cannot run on a device: its library or the device is missing; None when it can."""
    return missing_library(engine) or (missing(device) if ENGINES[engine].gpu else None)


def obstacle(case: Case) -> str | None:
    """Return the first reason why a model cannot run here, as a sentence; None when it can."""
    return next((reason for check in CHECKS if (reason := check(case))), None)


def _engine(case: Case) -> str | None:
    engine = engine_for(case.task, case.model.library)
    if engine is None:
        return (
            f"No engine here does {case.task} with models for {case.model.library or 'an unnamed library'}."
        )
    return unusable(engine, case.device)


def _code(case: Case) -> str | None:
    return "It needs code of its own, which is never run." if "custom_code" in case.model.tags else None


def _format(case: Case) -> str | None:
    if found := QUANTIZED.intersection(case.model.tags):
        return f"Its weights are in the format {min(found)}, which no engine here reads."
    if case.model.library in OTHER_FORMATS or "safetensors" in case.model.tags or case.model.parameters:
        return None
    return "It has no safetensors; other formats can run code when they are loaded."


def _gate(case: Case) -> str | None:
    if case.cached or not case.model.gated or settings().hf_token:
        return None
    return "Its terms must be accepted on its page first; then set HF_TOKEN."


def memory_of(parameters: int, device: str) -> int:
    """Return how many bytes a model of so many parameters holds on a device of torch while it works."""
    return int(parameters * (2 if on_gpu(device) else 4) * OVERHEAD)


def _memory(case: Case) -> str | None:
    needed, room = memory_of(case.model.parameters or 0, case.device), budget(case.device)
    if needed <= room:
        return None
    return f"It needs {_gb(needed)} of memory and may take {_gb(room)} (HUGGINGGPT_MEMORY_GB)."


def _download(case: Case) -> str | None:
    size, most = case.model.size or 0, settings().max_download_gb
    if case.cached or size <= most * 1e9:
        return None
    return (
        f"It is {_gb(size)} large, and models of up to {most:g} GB are fetched (HUGGINGGPT_MAX_DOWNLOAD_GB)."
    )


CHECKS: tuple[Callable[[Case], str | None], ...] = (_engine, _code, _format, _gate, _memory, _download)
"""All checks in the order in which their reasons are told."""


def license_obstacle(license_: str | None) -> str | None:
    """Return why a license is not allowed, as a sentence; None when it is."""
    allowed = settings().allowed_licenses
    if not allowed or (license_ or "").lower() in allowed:
        return None
    return f"Its license ({license_ or 'unknown'}) is not one of HUGGINGGPT_LICENSES."


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
