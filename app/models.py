"""`hugginggpt models`: the models of each task, and the registry of the user's own."""

from typing import Annotated

import typer
from typer.core import TyperGroup

from app.options import AsJson, Device, Mode, Model, options


class _TaskOrCommand(TyperGroup):
    """A group whose first word is a command, or else a task to show the models of."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> object:  # type: ignore[override]
        """Return the command for the words that were typed."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


app = typer.Typer(
    cls=_TaskOrCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="List the models that can do a task: `hugginggpt models object-detection`; keep models of your own.",
    invoke_without_command=True,
)


@app.callback()
def every(ctx: typer.Context) -> None:
    """List the models of all tasks, or do what the next word says."""
    if ctx.invoked_subcommand is None:
        from app.commands import tables

        tables.models(None, options())


@app.command()
def show(
    task: Annotated[str | None, typer.Argument(help="Only models for this task.", show_default=False)] = None,
    model: Model = None,
    mode: Mode = None,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """List the models of a task: downloads, size, license, where they run, or why they do not."""
    from app.commands import tables

    tables.models(task, options(model, mode=mode, device=device), json)


@app.command()
def add(
    what: Annotated[
        str, typer.Argument(help="Hub id, folder, or address of an endpoint.", show_default=False)
    ],
    task: Annotated[
        list[str] | None, typer.Option("--task", "-t", help="What it does; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
    base: Annotated[str | None, typer.Option("--base", help="Hub id or folder of what it builds on.")] = None,
    about: Annotated[
        str | None, typer.Option("--about", help="What it is good at: it is chosen by this.")
    ] = None,
) -> None:
    """Register a model of your own; it comes first for its tasks."""
    from app.commands import registry

    registry.add(what, task or [], name=name, base=base, about=about)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its name, as `list` shows it.", show_default=False)],
) -> None:
    """Take a model out of the registry; its files stay."""
    from app.commands import registry

    registry.remove(name)


@app.command("list")
def list_() -> None:
    """List the registered models."""
    from app.commands import registry

    registry.show()
