"""When a server that is busy is asked again, and how long it is left alone."""

import email.utils
import math
import random
import time
from contextlib import suppress
from functools import cache

import httpx

from tools.experts.turns import Turns
from tools.settings import settings

RETRIED = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may be gone after a pause."""
RETRIES = 2
"""Most repeats with one server."""
BACKOFF_SECONDS = 1.0
"""Pause before the first repeat; each further one is twice as long."""
MAX_PAUSE = 10.0
"""Longest pause before a repeat, in seconds; a server that wants more is left for the next one."""
MAX_REST = 3600.0
"""Longest time that a server is left alone, in seconds."""

_rests: dict[str, float] = {}
"""Until when a server is left alone, by its name; on the monotonic clock. Threads share it; each use is atomic."""


def pause(response: httpx.Response | None, attempt: int) -> float | None:
    """Return the seconds to wait before a request is repeated, or None when it should not be.

    Only a request that starts a job is repeated: when asking for the job's state fails, a repeat would start, and bill,
    another one.

    Args:
        response: What the failed request got; None when it got nothing.
        attempt: How many repeats there were.
    """
    if response is None or response.status_code not in RETRIED or response.request.method != "POST":
        return None
    if attempt >= RETRIES:
        return None
    wanted = retry_after(response)
    # Jitter keeps many callers from coming back in the same moment.
    seconds = (
        BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
        if wanted is None
        else wanted * random.uniform(1.0, 1.1)  # noqa: S311
    )
    return seconds if seconds <= MAX_PAUSE else None


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), or None."""
    value = response.headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    with suppress(ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def leave_alone(server: str, response: httpx.Response) -> None:
    """Remember that a server asked too often wants to rest, for later calls of this process."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS and (wanted := retry_after(response)):
        _rests[server] = time.monotonic() + min(wanted, MAX_REST)


def rest(server: str) -> float:
    """Return the seconds that a server is still to be left alone; 0 when it may be asked."""
    return max(0.0, _rests.get(server, 0.0) - time.monotonic())


@cache
def turns(server: str) -> Turns:
    """Return the queue of a server's calls, of which `HUGGINGGPT_PROVIDER_CONCURRENCY` run at the same time."""
    return Turns(settings().provider_concurrency)


def forget() -> None:
    """Ask every server again."""
    _rests.clear()
    turns.cache_clear()
