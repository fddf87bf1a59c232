"""The command `hugginggpt`. What is heavy is imported inside the commands, so that help comes at once."""

import logging
import signal
import sys
import warnings

import typer
from dotenv import load_dotenv

from app import keys, models
from app.errors import Commands
from app.options import (
    Approve,
    Artifacts,
    AsJson,
    AskFirst,
    Candidates,
    Device,
    DryRun,
    Edit,
    Files,
    Mode,
    Model,
    OlderThan,
    Planners,
    Reject,
    Request,
    Thread,
    ThreadOption,
    options,
)  # fmt: skip
from app.output import open_streams

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Plan a request as a graph of Hugging Face tasks, run it with real models, and answer.",
    epilog="Exit codes: 0 done; 1 the run or a task failed; 2 unusable command or input; 3 it waits for approval; "
    "130 Ctrl-C.",
)


app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter per option
    request: Request,
    file: Files = None,
    model: Model = None,
    planner: Planners = None,
    mode: Mode = None,
    k: Candidates = None,
    device: Device = None,
    approve: AskFirst = None,
    thread: ThreadOption = None,
    json: AsJson = False,
) -> None:
    """Plan a request, run it and answer."""
    from app.commands import run

    run.start(request, file or [], options(model, planner, mode, k, device, approve), thread, json)


@app.command()
def plan(
    request: Request,
    file: Files = None,
    model: Model = None,
    planner: Planners = None,
    json: AsJson = False,
) -> None:
    """Show the plan of a request without running it."""
    from app.commands import run

    run.plan_only(request, file or [], options(model, planner), json)


@app.command()
def chat(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Files = None,
    model: Model = None,
    planner: Planners = None,
    mode: Mode = None,
    k: Candidates = None,
    device: Device = None,
    approve: AskFirst = None,
    thread: ThreadOption = None,
) -> None:
    """Talk in several turns; later ones can refer to earlier files and results."""
    from app.commands import chat

    chat.start(file or [], options(model, planner, mode, k, device, approve), thread)


@app.command()
def resume(  # noqa: PLR0913, PLR0917 - one parameter per option
    thread: Thread,
    approve: Approve = False,
    reject: Reject = None,
    edit: Edit = None,
    model: Model = None,
    planner: Planners = None,
    mode: Mode = None,
    json: AsJson = False,
) -> None:
    """Go on with a run that was stopped or waits for approval; what is finished is not done again."""
    from app.answers import Answer
    from app.commands import run

    run.resume(thread, Answer(approve, reject, edit), options(model, planner, mode), json)


@app.command()
def show(thread: Thread, json: AsJson = False) -> None:
    """Show plan, models, results and files of a conversation's last turn."""
    from app.commands import run

    run.show(thread, json)


@app.command()
def prune(older_than: OlderThan = "30d", artifacts: Artifacts = None, dry_run: DryRun = False) -> None:
    """Forget threads that nobody touched for long, and the files that no other thread refers to."""
    from app.commands import prune

    prune.start(older_than, artifacts, dry_run)


@app.command()
def tasks() -> None:
    """List the task types with what they take and make."""
    from app.commands import tables

    tables.tasks()


@app.command()
def doctor() -> None:
    """Check what is installed and reachable, and name the setting that mends what is not."""
    from app.commands import doctor

    doctor.start()


def main() -> None:
    """Run the command line, with the variables of `.env` in the current folder where they are not set."""
    load_dotenv(".env")
    open_streams()
    # Whoever ends this program from outside gets the same: what is finished is kept, and the user told.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s")
    app()


if __name__ == "__main__":
    main()
