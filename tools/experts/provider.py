"""Experts that Hugging Face inference providers run."""

import asyncio
import email.utils
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import httpx
from PIL import Image

from tools import hub
from tools.errors import HuggingGPTError, ModelError, SetupError, TransientError
from tools.experts.engine import Job
from tools.experts.provider_tasks import Adapter, adapter
from tools.hf_http import apart
from tools.hub import HubModel
from tools.outputs import Draft
from tools.settings import settings

DEFAULT_SECONDS = 300.0
"""Time limit of a call that names none."""
RETRIED = {429, 500, 502, 503}
"""Statuses that may be gone after a pause."""
RETRIES = 2
"""Most repeats with one provider."""
MAX_PAUSE = 30.0
"""Longest pause before a repeat, in seconds; a server that wants more is left for the next one."""
UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, OSError, RuntimeError, SyntaxError,
    Image.DecompressionBombError,
)  # fmt: skip
"""What the library, Pillow and the readers of replies raise for a reply of the wrong form."""


async def run_provider(model: str, job: Job, timeout: float | None = None) -> Draft:
    """Do a task with a model that inference providers serve, trying its live providers in the Hub's order.

    Args:
        model: The model's Hub id.
        job: The task; files it makes lie in `job.out`.
        timeout: Seconds for everything; None for `DEFAULT_SECONDS`.

    Returns:
        What the first provider that succeeded made.

    Raises:
        InputError: An input is of no use.
        SetupError: HF_TOKEN is missing, refused or without rights, or its credit is used up.
        TransientError: A provider was too busy, too slow or cut the connection, and no other one could do it.
        ModelError: No provider serves the model for this task, or none gave a usable reply.
    """
    token = _token(model)
    seconds = DEFAULT_SECONDS if timeout is None else timeout
    try:
        return await apart(partial(_by_any, model, job, token, seconds), seconds)
    except TimeoutError:
        raise TransientError(
            f"{model} did not answer within {seconds:g} seconds; raise the time limit."
        ) from None


def _token(model: str) -> str:
    token = settings().hf_token
    if not token:
        raise SetupError(f"{model} is run by inference providers: set HF_TOKEN to a Hugging Face token.")
    # The library would send any other key straight to the provider's own address.
    if not token.get_secret_value().startswith("hf_"):
        raise SetupError("HF_TOKEN is no Hugging Face token, which starts with hf_; set it to one.")
    return token.get_secret_value()


@dataclass(frozen=True)
class _Call:
    """One call of a model, with whichever provider."""

    model: HubModel
    job: Job
    token: str
    deadline: float
    """On the monotonic clock."""

    async def ask(self, provider: str, way: Adapter) -> Draft:
        """Ask one provider, again when it is busy."""
        from huggingface_hub.errors import HfHubHTTPError

        who, arguments = f"{self.model.id} at {provider}", way.arguments(self.job, self.model)
        for attempt in count():
            try:
                return way.draft(await self._reply(provider, way.method, arguments), self.job)
            except HfHubHTTPError as error:
                pause = _pause(error.response, attempt)
                if pause is None or time.monotonic() + pause > self.deadline:
                    raise _refused(error, who, self.token) from None
            except (httpx.HTTPError, *UNREADABLE) as error:
                raise _failed(error, who, self.token) from None
            await asyncio.sleep(pause)
        raise AssertionError

    async def _reply(self, provider: str, method: str, arguments: dict[str, Any]) -> Any:
        from huggingface_hub import AsyncInferenceClient

        options: Any = {
            "provider": provider,
            "token": self.token,
            "timeout": self.deadline - time.monotonic(),
        }
        async with AsyncInferenceClient(self.model.id, **options) as client:
            return await getattr(client, method)(**arguments)


async def _by_any(model: str, job: Job, token: str, seconds: float) -> Draft:
    """Try the providers in order; a refused token stops, since it is the same for all."""
    call = _Call(hub.model(model), job, token, time.monotonic() + seconds)
    ways = [(one.provider, way) for one in call.model.providers if (way := adapter(job.task, one.task))]
    if not ways:
        raise ModelError(f"No inference provider serves {model} for {job.task} now.")
    errors: list[ModelError] = []
    for provider, way in ways:
        try:
            return await call.ask(provider, way)
        except ModelError as error:
            errors.append(error)
    kind = TransientError if any(isinstance(error, TransientError) for error in errors) else ModelError
    raise kind(" ".join(dict.fromkeys(str(error) for error in errors)))


def _pause(response: httpx.Response, attempt: int) -> float | None:
    """Return the seconds to wait before the next attempt, or None when there should be none."""
    if response.status_code not in RETRIED or attempt == RETRIES:
        return None
    wanted = _seconds(response.headers.get("Retry-After", ""))
    pause = 2.0**attempt if wanted is None else wanted
    return pause if pause <= MAX_PAUSE else None


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds or a date (RFC 9110, section 10.2.3)."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


REFUSALS: dict[int, str] = {
    401: "Hugging Face refused the token for {who}; set HF_TOKEN to a valid one.",
    402: "The credit for inference providers is used up; add some at https://huggingface.co/settings/billing, or set "
    "HF_TOKEN to the token of another account.",
    403: "The token may not use {who}; set HF_TOKEN to one with the permission to call inference providers, and accept "
    "the model's terms on its page.",
}
"""What a status that concerns the account means."""


def _refused(error: Any, who: str, token: str) -> HuggingGPTError:
    """Return the error for a status; see `hf_raise_for_status` for what carries it."""
    status = error.response.status_code
    if status in REFUSALS:
        return SetupError(REFUSALS[status].format(who=who))
    if status in (404, 410):
        return ModelError(f"{who} is not served any more.")
    if status == 429:
        return TransientError(f"{who} is asked too often; try again later.")
    if status in (408, 425) or status >= 500:
        return TransientError(f"{who} is busy or broken (status {status}); try again later.")
    return ModelError(f"{who} refused the request (status {status}){_said(error.server_message, token)}.")


def _failed(error: BaseException, who: str, token: str) -> HuggingGPTError:
    """Return the error for a call that got no reply, or none that can be used."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TransientError(f"{who} did not answer in time; raise the time limit or try again.")
    if isinstance(error, httpx.TransportError):
        return TransientError(f"{who} cannot be reached or cut the connection; try again.")
    return ModelError(f"{who} gave no usable reply{_said(error, token)}.")


def _said(reason: object, token: str) -> str:
    """Return the first line of what a server or library said, without the token."""
    lines = str(reason or "").replace(token, "***").strip().splitlines()
    return f": {lines[0][:200].rstrip('.')}" if lines else ""
