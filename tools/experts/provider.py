"""Experts on servers: models that Hugging Face inference providers run, and endpoints of one's own."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import count

import httpx

from tools import hub
from tools.errors import ModelError, NotServedError, RateLimitError, TimeLimitError
from tools.experts.engine import Job
from tools.experts.provider_errors import RAISE, UNREADABLE, explained, response_of, together
from tools.experts.provider_pauses import leave_alone, pause, rest, turns
from tools.experts.provider_servers import Server, endpoint, own_token, provider
from tools.experts.provider_tasks import AT_ENDPOINTS, Adapter, adapter
from tools.hf_http import apart
from tools.hub import HubModel
from tools.outputs import Draft
from tools.tracing import note

DEFAULT_SECONDS = 300.0
"""Time limit of a call that names none."""
SHARE = 0.5
"""Part of the time left that one server may take while there are others to try; the last one may take all of it."""
CHAT_PATHS = ("/v1", "/chat/completions")
"""Ends of the paths of addresses that take nothing but chat."""
Ways = Sequence[tuple[Server, Adapter]]
"""Servers in the order in which they are asked, and how."""


async def run_provider(model: str, job: Job, timeout: float | None = None) -> Draft:
    """Do a task with a model that inference providers serve, trying its live providers in the Hub's order.

    A provider may take half of the time that is left (`SHARE`), so that one that hangs leaves some for the next; the
    last one may take all.

    Args:
        model: The model's Hub id.
        job: The task; files it makes lie in `job.out`.
        timeout: Seconds for everything but waiting for a turn; None for `DEFAULT_SECONDS`.

    Returns:
        What the first provider that succeeded made.

    Raises:
        InputError: An input is of no use.
        AuthError: HF_TOKEN is missing, refused or without rights.
        CreditError: The account's credit is used up.
        NotServedError: No provider serves the model for this task.
        RateLimitError, TimeLimitError, TransientError: The providers were asked too often, too slow, or busy.
        ModelError: None gave a usable reply.
    """
    token = own_token(model)
    seconds = DEFAULT_SECONDS if timeout is None else timeout
    try:
        served, ways = await apart(partial(_served, model, job, token), seconds)
    except TimeoutError:
        raise TimeLimitError(
            f"The Hub did not tell of {model} within {seconds:g} seconds; {RAISE}."
        ) from None
    return await _by_first(served, job, ways, seconds)


async def run_endpoint(url: str, job: Job, timeout: float | None = None) -> Draft:
    """Do a task at an endpoint: a server of Hugging Face or one's own that speaks the inference protocol.

    HF_TOKEN is sent to hosts of Hugging Face only, and no other key to any.

    Args:
        url: Its address, e.g. `https://abc.endpoints.huggingface.cloud` or `http://127.0.0.1:8080`.
        job: The task; files it makes lie in `job.out`.
        timeout: As for `run_provider`.

    Returns:
        What it made.

    Raises:
        SetupError: The address is none; AuthError: the endpoint wants a key; else as `run_provider`.
    """
    server = endpoint(url)
    ways = [(server, way) for way in AT_ENDPOINTS.get(job.task, ()) if _fits(way, url)]
    if not ways:
        raise NotServedError(
            f"{job.task} is no task that {server.who.name} can be asked for; choose another model."
        )
    model = HubModel(id=server.name)
    return await _by_first(model, job, ways, DEFAULT_SECONDS if timeout is None else timeout)


def _fits(way: Adapter, url: str) -> bool:
    return way.method == "chat_completion" or not httpx.URL(url).path.rstrip("/").endswith(CHAT_PATHS)


async def _served(id_: str, job: Job, token: str) -> tuple[HubModel, Ways]:
    model = hub.model(id_)
    ways = [
        (provider(one.provider, id_, token), way)
        for one in model.providers
        if (way := adapter(job.task, one.task))
    ]
    if not ways:
        raise NotServedError(f"No inference provider serves {id_} for {job.task} now; choose another model.")
    return model, ways


async def _by_first(model: HubModel, job: Job, ways: Ways, seconds: float) -> Draft:
    """Try servers in order; what is wrong with the input, the token or the credit stops, as it is the same for all."""
    errors: list[ModelError] = []
    left = seconds
    for number, (server, way) in enumerate(ways, 1):
        if left <= 0:
            errors.append(TimeLimitError(f"There was no time left for {server.who.name}; {RAISE}."))
            break
        share = left if number == len(ways) else left * SHARE
        # Time runs from here on: a server that serves others of this process first is not slow.
        async with turns(server.name):
            began = time.monotonic()
            try:
                note(provider=server.name)
                return await apart(partial(_asked, server, way, model, job, began + share), share)
            except ModelError as error:
                errors.append(error)
            except TimeoutError:
                errors.append(
                    TimeLimitError(f"{server.who.name} did not answer within {share:.3g} seconds; {RAISE}.")
                )
            left -= time.monotonic() - began
    raise together(errors)


async def _asked(server: Server, way: Adapter, model: HubModel, job: Job, deadline: float) -> Draft:
    """Ask one server, again when it is busy and there is time."""
    if resting := rest(server.name):
        raise RateLimitError(
            f"{server.who.name} was asked too often; it is left alone for another {resting:.0f} seconds."
        )
    arguments = way.arguments(job, model)
    for attempt in count():
        try:
            reply = await server.reply(way.method, arguments)
            return way.draft(reply, job)
        except (httpx.HTTPError, *UNREADABLE) as error:
            response = response_of(error)
            seconds = pause(response, attempt)
            if seconds is None or time.monotonic() + seconds > deadline:
                if response is not None:
                    leave_alone(server.name, response)
                raise explained(error, server.who) from None
        await asyncio.sleep(seconds)
    raise AssertionError
