"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Planner(StrEnum):
    """Who makes the plan."""

    AUTO = "auto"
    RETRIEVAL = "retrieval"
    LLM = "llm"


class Where(StrEnum):
    """Where experts run."""

    LOCAL = "local"
    PROVIDERS = "providers"
    HYBRID = "hybrid"


class Approval(StrEnum):
    """What the user is asked about before tasks run."""

    NEVER = "never"
    PLAN = "plan"
    MODELS = "models"


Request = Annotated[str, typer.Argument(help="What you want, in plain words.", show_default=False)]
Thread = Annotated[
    str, typer.Argument(help="Name of the conversation, as printed by `run`.", show_default=False)
]
Files = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="File or http(s) address it is about; may be repeated."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Chat model: `embedded`, `openai:NAME`, `huggingface:REPO` or an address."
    ),
]
Planners = Annotated[Planner | None, typer.Option("--planner", help="Who makes the plan.")]
Mode = Annotated[Where | None, typer.Option("--mode", help="Where experts run.")]
Candidates = Annotated[int | None, typer.Option("-k", min=1, max=50, help="Candidate models per task.")]
Device = Annotated[
    str | None, typer.Option("--device", help="Where local experts run: `cpu`, `cuda`, `cuda:1`, `mps`.")
]
AskFirst = Annotated[
    Approval | None,
    typer.Option("--approve", help="Ask before tasks run: about the plan, or about plan and models."),
]
Approve = Annotated[bool, typer.Option("--approve", help="Let the plan run that waits for approval.")]
Reject = Annotated[str | None, typer.Option("--reject", metavar="REASON", help="Reject that plan.")]
Edit = Annotated[
    Path | None,
    typer.Option("--edit", metavar="FILE", help="Let it run as changed in this JSON file.", dir_okay=False),
]
ThreadOption = Annotated[str | None, typer.Option("--thread", help="Go on with this conversation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
OlderThan = Annotated[
    str, typer.Option("--older-than", help="Age of what goes: a number with m, h, d or w behind it.")
]
Artifacts = Annotated[
    bool | None,
    typer.Option(
        "--artifacts/--no-artifacts",
        help="Remove files too. Done by default unless HUGGINGGPT_ARTIFACTS is set without HUGGINGGPT_DATABASE_URL.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]


def options(  # noqa: PLR0913, PLR0917 - one parameter per option
    model: str | None = None,
    planner: Planner | None = None,
    mode: Where | None = None,
    k: int | None = None,
    device: str | None = None,
    approve: Approval | None = None,
) -> dict[str, Any]:
    """Return the settings of a run that were given, by name; None leaves one as it is set elsewhere."""
    return {
        "model": model,
        "planner": planner and planner.value,
        "mode": mode and mode.value,
        "k": k,
        "device": device,
        "approve": approve and approve.value,
    }
