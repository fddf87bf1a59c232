"""The architecture: who may import what, and what is loaded at start-up."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "graph": {"app", "huggingface_hub", "torch", "transformers"},
    "tools": {"app", "graph", "langgraph"},
    "prompts": {"app", "graph", "tools", "langgraph", "langchain_core", "pydantic"},
    "app": {"huggingface_hub", "torch", "transformers"},
}
HEAVY = (
    "torch",
    "transformers",
    "spacy",
    "faster_whisper",
    "onnxruntime",
    "rapidocr",
    "huggingface_hub.inference",
)


def imports(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_in_one_direction(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(ROOT)): found for path in files if (found := imports(path) & FORBIDDEN[package])
    }
    assert wrong == {}


@pytest.mark.parametrize("package", ["graph", "tools", "prompts", "app"])
def test_packages_are_this_checkouts(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).parent == ROOT / package


@pytest.mark.parametrize("module", ["graph.agent", "app.cli", "app.web"])
def test_nothing_heavy_is_imported_at_start_up(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
