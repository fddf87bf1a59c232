"""Answers to the question whether a plan may run: typed, edited in an editor, or given in options."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import say
from graph.planners.wire import PlanError
from graph.question import ACTION, Question
from tools.errors import InputError, SetupError

Decision = dict[str, Any]
"""An answer to the graph's question."""
Check = Callable[[Mapping[str, Any]], object]
"""Raises PlanError for an edit that cannot be used."""
APPROVE: Decision = {"type": "approve"}


@dataclass(frozen=True)
class Answer:
    """The answer in the options of `resume`; at most one of them is given."""

    approve: bool = False
    reject: str | None = None
    edit: Path | None = None

    def decision(self) -> Decision | None:
        """Return what was answered, or None when no option was given.

        Raises:
            InputError: There are several answers, or the file holds no JSON.
        """
        if sum((self.approve, self.reject is not None, self.edit is not None)) > 1:
            raise InputError("Give only one of --approve, --reject and --edit.")
        if self.edit:
            return _from_file(self.edit)
        return APPROVE if self.approve else None if self.reject is None else rejection(self.reject)


def rejection(reason: str) -> Decision:
    """Return the answer that rejects a plan."""
    return {"type": "reject", "message": reason}


def edit(args: Mapping[str, Any]) -> Decision:
    """Return the answer that lets a changed plan run."""
    return {"type": "edit", "edited_action": {"name": ACTION, "args": dict(args)}}


def ask(question: Question, check: Check) -> Decision | None:
    """Ask on the terminal until there is an answer; None when the input ends.

    Args:
        question: What is asked.
        check: Validates an edit.
    """
    shown = question.get("edited") or question["action_requests"][0]["args"]
    text = json.dumps(shown, indent=2, ensure_ascii=False)
    while True:
        try:
            line = input("[a]pprove, [e]dit or [r]eject? ").strip().lower()
            if line in ("a", "approve"):
                return APPROVE
            if line in ("r", "reject"):
                return rejection(input("Why? "))
        except EOFError:
            return None
        if line in ("e", "edit"):
            try:
                text = _in_editor(text)
                args = _args(text)
                with usable():
                    check(args)
                return edit(args)
            except (InputError, SetupError) as error:
                say(f"Error: {error} Edit again to mend it.")


@contextmanager
def usable() -> Iterator[None]:
    """Tell in a sentence why an edit cannot be used.

    Raises:
        InputError: It cannot.
    """
    try:
        yield
    except PlanError as error:
        raise InputError(f"This plan cannot be used: {error}.") from None


def _args(text: str, name: str = "This") -> dict[str, Any]:
    """Return the edit that a text of some name holds: plan and models, or the tasks alone."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{name} is not JSON: {error}.") from None
    return found if isinstance(found, dict) else {"tasks": found}


def _from_file(file: Path) -> Decision:
    try:
        return edit(_args(file.read_text(encoding="utf-8"), str(file)))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8.") from None


def _in_editor(text: str) -> str:
    """Return a text as the user's editor leaves it.

    Raises:
        SetupError: The editor cannot be run.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="hugginggpt-") as folder:
        file = Path(folder) / "plan.json"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the user's own editor
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise SetupError(
                f"The editor {editor!r} failed ({error}); set EDITOR to one that runs."
            ) from None
