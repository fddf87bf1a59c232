"""`hugginggpt keys`: who may use the server."""

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make, list and remove the API keys of the server.",
)


@app.command()
def add(
    owner: Annotated[
        str,
        typer.Argument(help="Whose key it is; threads and files are kept apart by this.", show_default=False),
    ],
) -> None:
    """Make a key; it is shown once."""
    from app.commands import keys

    keys.add(owner)


@app.command("list")
def list_() -> None:
    """List the keys: owner, beginning, when it was made."""
    from app.commands import keys

    keys.show()


@app.command()
def remove(
    which: Annotated[
        str, typer.Argument(help="A key's beginning, or an owner for all of theirs.", show_default=False)
    ],
) -> None:
    """Remove keys; they open nothing from now on."""
    from app.commands import keys

    keys.remove(which)
