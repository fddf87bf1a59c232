"""The install steps of LangGraph Server's image, done for real in a fresh virtual environment.

`langgraph dockerfile` writes what `langgraph build` builds. This does what its lines say up to the installation of this
project, without Docker: the files that are added, and each command, with paths below one folder instead of `/` and a
virtual environment in place of the image's Python. An empty environment and a list of pins stand in for the base
image. Needs uv, and gigabytes:

    .venv/bin/python tests/image_steps.py FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINNED_BY_IMAGE = (
    "langgraph-api==",
    "langgraph==",
    "langgraph-checkpoint==",
    "langgraph-sdk==",
    "langgraph-prebuilt==",
)
PLACES = re.compile(r"(?<![\w./-])/(?=(?:api|deps|tmp)/)")


def dockerfile(folder: Path) -> list[str]:
    """Return the lines that `langgraph dockerfile` writes for langgraph.json."""
    command = [sys.executable, "-m", "langgraph_cli", "dockerfile", str(folder / "Dockerfile")]
    quiet = {**os.environ, "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    subprocess.run(command, cwd=ROOT, env=quiet, check=True, stdout=subprocess.DEVNULL)
    return (folder / "Dockerfile").read_text().splitlines()


def context() -> list[Path]:
    """Return the files under version control that `.dockerignore` lets into an image, relative to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    ignored = (ROOT / ".dockerignore").read_text().split()
    files = [Path(name) for name in listed.split("\0") if name]
    return [file for file in files if not _ignored(file, ignored)]


def _ignored(file: Path, patterns: list[str]) -> bool:
    names = [str(parent) for parent in (file, *file.parents)]
    return any(fnmatch(name, pattern.removeprefix("**/")) for pattern in patterns for name in names)


def add(what: str, root: Path) -> None:
    """Do an `ADD` line below a root."""
    *sources, target = what.split()
    place = root / target.lstrip("/")
    for file in context() if sources == ["."] else map(Path, sources):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, place / file)


def steps(lines: list[str], root: Path) -> Iterator[str]:
    """Do the `ADD` lines up to the installation of this project, and give the commands between them.

    Args:
        lines: The Dockerfile.
        root: Stands for `/`.
    """
    for line in lines:
        word, _, rest = line.partition(" ")
        if line.startswith("# -- Ensure user deps"):
            return
        if word == "ADD":
            add(rest, root)
        elif word == "ARG":
            name, _, value = rest.partition("=")
            yield f"export {name}=${{{name}:-{value}}}" if "'" not in value else f"export {rest}"
        elif word == "RUN":
            yield PLACES.sub(f"{root}/", rest.replace(" --system", ""))


def image_pins(root: Path) -> None:
    """Write what the base image pins, as far as it is known."""
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    (root / "api").mkdir(parents=True)
    (root / "api/constraints.txt").write_text(
        "\n".join(pin for pin in pins if pin.startswith(PINNED_BY_IMAGE)) + "\n"
    )


def main() -> None:
    """Install into a fresh environment and start the graph from there."""
    folder = Path(sys.argv[1]).absolute()
    (root := folder / "image").mkdir(parents=True)
    image_pins(root)
    subprocess.run(["uv", "venv", "--seed", str(folder / "venv")], check=True)
    script = "\n".join(["set -eux", *steps(dockerfile(folder), root)])
    subprocess.run(
        ["bash", "-c", script], check=True, env={**os.environ, "VIRTUAL_ENV": str(folder / "venv")}
    )
    code = (
        "import app.postgres, app.saver, graph.agent; print(graph.agent.__file__, *graph.agent.graph.nodes)"
    )
    subprocess.run([str(folder / "venv/bin/python"), "-P", "-c", code], cwd=folder, check=True)


if __name__ == "__main__":
    main()
