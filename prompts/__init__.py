"""Prompts: one Markdown file each, with `{name}` placeholders."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@cache
def source(name: str) -> str:
    """Return the text of a prompt as written, e.g. `source("respond")` or `source("tasks/summarization")`.

    Raises:
        FileNotFoundError: There is no prompt of that name.
    """
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8").strip()


def render(name: str, **values: object) -> str:
    """Fill a prompt's placeholders in one pass, so that braces inside a value are left alone.

    Args:
        name: The prompt's file name without `.md`.
        **values: One value per placeholder.

    Returns:
        The filled prompt.

    Raises:
        KeyError: A placeholder got no value, or a value has no placeholder.
    """
    text = source(name)
    names = set(PLACEHOLDER.findall(text))
    if names != values.keys():
        raise KeyError(f"prompt {name!r} takes {sorted(names)}, not {sorted(values)}")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
