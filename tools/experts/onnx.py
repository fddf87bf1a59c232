"""ONNX models on the CPU."""

from functools import cache
from pathlib import Path
from typing import Any

from tools.experts.processes import most_threads


@cache
def session(path: Path) -> Any:
    """Load a model once per process, with threads that sleep while they wait.

    Args:
        path: An `.onnx` file.

    Returns:
        An `onnxruntime.InferenceSession`.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = most_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps the most memory ever needed; giving it back costs a few milliseconds a call.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
