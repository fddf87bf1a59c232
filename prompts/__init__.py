"""Prompts: one Markdown file each, with `{name}` placeholders, and demonstrations of plans."""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


PROMPTS = {
    path.relative_to(FOLDER).with_suffix("").as_posix(): path.read_text(encoding="utf-8").strip()
    for path in FOLDER.rglob("*.md")
}
"""All prompts as written, by name, e.g. `respond` or `tasks/summarization`; read once, before any event loop runs."""

DEMONSTRATIONS: tuple[dict[str, Any], ...] = tuple(
    json.loads((FOLDER / "demonstrations.json").read_text(encoding="utf-8"))
)
"""Requests with their plans in wire form: `{"request": ..., "files": {name: medium}, "tasks": [...]}`."""


def check(name: str, text: str) -> None:
    """Refuse a text that cannot stand for a prompt.

    Args:
        name: The prompt's file name without `.md`.
        text: What is to be used in place of it.

    Raises:
        ValueError: It lacks one of the prompt's placeholders, or has one that nothing fills.
    """
    known, found = _placeholders(PROMPTS[name]), _placeholders(text)
    takes = f"it takes {_listed(known)}" if known else "it takes none"
    if lacking := known - found:
        raise ValueError(f"the prompt lacks the placeholder {_listed(lacking)}")
    if more := found - known:
        raise ValueError(f"nothing fills the prompt's placeholder {_listed(more)}; {takes}")


def render(name: str, own: str | None = None, /, **values: object) -> str:
    """Fill a prompt's placeholders in one pass, so that braces inside a value are left alone.

    Args:
        name: The prompt's file name without `.md`.
        own: The text to fill where a run has its own; None for the file's.
        **values: One value per placeholder.

    Returns:
        The filled prompt.

    Raises:
        KeyError: There is no such prompt, a placeholder got no value, or a value has no placeholder.
    """
    text = PROMPTS[name] if own is None else own
    names = _placeholders(text)
    if names != values.keys():
        raise KeyError(f"prompt {name!r} takes {sorted(names)}, not {sorted(values)}")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


def _placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def _listed(names: set[str]) -> str:
    return " and ".join(f"{{{name}}}" for name in sorted(names))
