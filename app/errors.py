"""How errors leave the command line: one sentence on standard error, and an exit code."""

import errno
import sys

import typer
from typer.core import TyperGroup

from tools.errors import HuggingGPTError, InputError

OK, FAILED, USAGE, WAITS, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done; the run failed; the command or its input cannot be used; the plan waits for approval; Ctrl-C."""


class Commands(TyperGroup):
    """A group of commands whose errors are told in a sentence instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except HuggingGPTError as error:
            say(f"Error: {error}")
            raise typer.Exit(code_of(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                # The reader has enough; typer ends quietly.
                raise
            say(f"Error: {error.filename or 'standard output'} cannot be used: {error.strerror or error}.")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            say("Stopped.")
            raise typer.Exit(INTERRUPTED) from None


def code_of(error: HuggingGPTError) -> int:
    """Return the exit code for an error: 2 when the user has to change the command or its input, else 1."""
    return USAGE if isinstance(error, InputError) else FAILED


def say(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr, flush=True)
