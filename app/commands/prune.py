"""`prune`: what is old is forgotten."""

from datetime import UTC, datetime, timedelta

from app.loop import complete
from app.output import terminal
from app.prune import Pruned, age, owns_artifacts, prune
from app.saver import checkpointers
from tools.settings import settings


def start(older_than: str, artifacts: bool | None, dry_run: bool) -> None:
    """Remove old threads and files, and say what was freed."""
    limit, root = age(older_than), settings().artifacts_root
    sweeps = owns_artifacts(settings()) if artifacts is None else artifacts
    pruned = complete(_pruned(limit, root if sweeps else None, dry_run))
    _say(_said(pruned, dry_run))
    if artifacts is None and not sweeps:
        _say(f"The files in {root} stay: threads of others may refer to them. --artifacts removes them too.")


async def _pruned(older_than: timedelta, root: str | None, dry_run: bool) -> Pruned:
    async with checkpointers() as savers:
        return await prune(savers, older_than, datetime.now(UTC), root, dry_run)


def _said(pruned: Pruned, dry_run: bool) -> str:
    counts = {"thread": pruned.threads, **(pruned.freed.files if pruned.freed else {})}
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()]
    room = f"; {pruned.freed.size / 1e6:,.1f} MB of files" if pruned.freed else ""
    return f"{'Would remove' if dry_run else 'Removed'} {', '.join(parts)}{room}."


def _say(text: str) -> None:
    terminal().print(text, markup=False, highlight=False, soft_wrap=True)
