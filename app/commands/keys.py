"""`keys add`, `keys list` and `keys remove`: the API keys of the server."""

from app.errors import say
from app.output import table, terminal
from tools import keys

NONE = "There are no keys: the server answers everybody on its own machine and nobody else."


def add(owner: str) -> None:
    """Make a key and print it on standard output, and nothing else there."""
    made = keys.add(owner)
    print(made.text)
    say(f"This is the only time that the key of {owner} is shown.")
    say(f"For a server elsewhere: HUGGINGGPT_KEYS={owner}:{made.kept.sha256}")


def show() -> None:
    """List the keys."""
    known = keys.keys()
    if not known:
        say(NONE)
        return
    listed = table("owner", "key", "made")
    for key in known:
        made = key.created.strftime("%Y-%m-%d %H:%M UTC") if key.created else "-"
        listed.add_row(key.owner, f"{key.prefix}..." if key.prefix else "in HUGGINGGPT_KEYS", made)
    terminal().print(listed)


def remove(which: str) -> None:
    """Remove keys and say whose."""
    for key in keys.remove(which):
        say(f"Removed the key {key.prefix}... of {key.owner}.")
    if not keys.keys():
        say(NONE)
