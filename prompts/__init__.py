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


def render(name: str, **values: object) -> str:
    """Fill a prompt's placeholders in one pass, so that braces inside a value are left alone.

    Args:
        name: The prompt's file name without `.md`.
        **values: One value per placeholder.

    Returns:
        The filled prompt.

    Raises:
        KeyError: There is no such prompt, a placeholder got no value, or a value has no placeholder.
    """
    text = PROMPTS[name]
    names = set(PLACEHOLDER.findall(text))
    if names != values.keys():
        raise KeyError(f"prompt {name!r} takes {sorted(names)}, not {sorted(values)}")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
