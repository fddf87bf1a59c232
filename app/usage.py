"""What a run's chat calls took, in one line."""

from collections.abc import Sequence

from rich.console import Console

from tools.usage import ChatCall


def show_usage(console: Console, calls: Sequence[ChatCall]) -> None:
    """Show how many chat calls were made, their tokens and their seconds; nothing when there were none."""
    if calls:
        console.print(f"\n{summary(calls)}", style="dim", highlight=False, soft_wrap=True)


def summary(calls: Sequence[ChatCall]) -> str:
    """Return the sums over all calls; seconds add up although calls of parallel tasks overlap."""
    read, written = sum(call.input_tokens for call in calls), sum(call.output_tokens for call in calls)
    seconds = sum(call.seconds for call in calls)
    count = f"{len(calls)} chat call{'s' if len(calls) > 1 else ''}"
    return f"{count}, {read:,} tokens in, {written:,} out, {seconds:.1f} s"
