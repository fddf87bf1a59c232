"""Time limits, shares, repeats and rests of calls to inference providers, and what is left when nobody waits."""

import asyncio
import email.utils
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from blockbuster import blockbuster_ctx
from hub_server import Answer, Call, HubServer
from provider_cases import ID, SCORES, TASK, ask, providers, script, video

from tools import hf_http
from tools.errors import RateLimitError, TimeLimitError, TransientError
from tools.experts import provider_pauses
from tools.experts.provider_pauses import retry_after
from tools.settings import settings

TEXT = {"choices": [{"text": "Done."}]}
"""What providers of text-generation reply."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with providers(monkeypatch) as running:
        yield running


async def test_a_provider_that_hangs_leaves_time_for_the_next(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-generation", "featherless-ai", "novita", "together")
    server.script = lambda call: Answer(TEXT, pause=0 if "together" in call.path else 5)
    start = time.monotonic()
    assert (await ask("text-generation", tmp_path, timeout=2)).text == "Done."
    assert time.monotonic() - start > 1.4, "the half of it, then the half of the rest"


async def test_a_provider_that_trickles_is_left_too(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-generation", "featherless-ai", "novita")
    server.script = lambda call: Answer(TEXT, trickle=0.1) if "featherless-ai" in call.path else TEXT
    assert (await ask("text-generation", tmp_path, timeout=2)).text == "Done."


async def test_polling_leaves_time_for_the_next(server: HubServer, tmp_path: Path) -> None:
    """Polling blocks the client's thread: it ends at the next request that it makes."""
    server.add(ID, "text-to-video", "fal-ai", "novita")
    server.script = lambda call: (
        {"status": "IN_PROGRESS"}
        if call.path.endswith("/status")
        else {"video": {"video_url": f"http://{call.headers['host']}/files/clip.mp4"}}
        if "/novita/" in call.path
        else video(call)
    )
    assert (await ask("text-to-video", tmp_path, timeout=3)).files
    assert [call.path.split("/")[1] for call in server.calls] == ["fal-ai", "novita"]


async def test_all_reasons_are_told_when_the_time_is_over(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-generation", "featherless-ai", "novita")
    server.script = lambda call: Answer(b"", 404) if "featherless-ai" in call.path else Answer(TEXT, pause=5)
    with pytest.raises(TransientError, match=r"featherless-ai is not served .* at novita did not answer"):
        await ask("text-generation", tmp_path, timeout=1)


async def test_a_provider_that_wants_to_rest_is_left_alone(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-generation", "featherless-ai", "novita")
    server.script = script(Answer(b"", 429, {"Retry-After": "60"}), TEXT, TEXT)
    for _ in range(2):
        assert (await ask("text-generation", tmp_path)).text == "Done."
    assert [call.path.split("/")[1] for call in server.calls] == ["featherless-ai", "novita", "novita"]
    server.models[0]["inferenceProviderMapping"].pop("novita")
    with pytest.raises(RateLimitError, match=r"left alone for another (60|59) seconds"):
        await ask("text-generation", tmp_path)


async def test_a_rest_ends(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_pauses, "MAX_PAUSE", 0.1)
    server.add(ID, TASK)
    server.script = script(Answer(b"", 429, {"Retry-After": "0.3"}), [SCORES])
    for _ in range(2):
        with pytest.raises(RateLimitError):
            await ask(TASK, tmp_path)
    assert len(server.calls) == 1
    await asyncio.sleep(0.3)
    assert (await ask(TASK, tmp_path)).text.startswith("dog")


async def test_retries_are_bounded(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer(b"", 503, {"Retry-After": "0"})
    with pytest.raises(TransientError, match="status 503"):
        await ask(TASK, tmp_path)
    assert len(server.calls) == provider_pauses.RETRIES + 1


async def test_the_pause_that_is_asked_for_is_kept(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = script(Answer(b"", 503, {"Retry-After": "0.2"}), [SCORES])
    start = time.monotonic()
    assert (await ask(TASK, tmp_path)).text.startswith("dog")
    assert time.monotonic() - start >= 0.2


async def test_a_pause_must_fit_into_the_time_left(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer(b"", 503, {"Retry-After": "5"})
    with pytest.raises(TransientError, match="status 503"):
        await ask(TASK, tmp_path, timeout=2)
    assert len(server.calls) == 1


def answer(status: int, header: str = "", method: str = "POST") -> httpx.Response:
    headers = {"Retry-After": header} if header else {}
    return httpx.Response(status, headers=headers, request=httpx.Request(method, "http://x"))


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after(answer(429, "2")) == 2
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 50 < (retry_after(answer(429, date)) or 0) <= 60
    for odd in ("soon", "", "nan", "inf", "Mon, 99 Foo 2020"):
        assert retry_after(answer(429, odd)) is None


def test_pauses_grow_and_jitter() -> None:
    for attempt, low, high in ((0, 0.5, 1.5), (1, 1.0, 3.0)):
        pauses = [provider_pauses.pause(answer(503), attempt) or 0 for _ in range(50)]
        assert low <= min(pauses) < max(pauses) <= high
        assert len(set(pauses)) > 40
    assert 2 <= (provider_pauses.pause(answer(429, "2"), 0) or 0) <= 2.2, "never sooner than asked for"
    assert provider_pauses.pause(answer(503), provider_pauses.RETRIES) is None
    assert provider_pauses.pause(answer(503, method="GET"), 0) is None
    assert provider_pauses.pause(answer(404), 0) is None
    assert provider_pauses.pause(None, 0) is None


async def test_polling_ends_when_nobody_waits(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-to-video", "fal-ai")
    polls: list[float] = []

    def never(call: Call) -> Answer | object:
        polls.append(time.monotonic())
        return {"status": "IN_PROGRESS"} if call.path.endswith("/status") else video(call)

    server.script = never
    with pytest.raises(TimeLimitError, match="raise the time limit"):
        await ask("text-to-video", tmp_path, timeout=1)
    assert await gone("huggingface-hub")
    task = asyncio.create_task(ask("text-to-video", tmp_path, timeout=60))
    before = len(polls)
    while len(polls) < before + 2:
        await asyncio.sleep(0.02)
    task.cancel()
    before = len(polls)
    assert await gone("huggingface-hub")
    await asyncio.sleep(1.5)
    assert len(polls) <= before + 1


async def test_cancelling_leaves_at_once(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer([SCORES], pause=20)
    task = asyncio.create_task(ask(TASK, tmp_path))
    while not server.calls:
        await asyncio.sleep(0.02)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 5
    assert await gone("huggingface-hub"), "the request is given up too"


async def test_cancelling_before_it_began_leaves_nothing(server: HubServer, tmp_path: Path) -> None:
    for turns in range(20):
        task = asyncio.create_task(hf_http.apart(lambda: asyncio.sleep(60), 60))
        await asyncio.sleep(turns / 4000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await gone("huggingface-hub")


async def gone(name: str) -> bool:
    """Tell whether the threads of that name end within a moment."""
    for _ in range(100):
        if name not in [thread.name for thread in threading.enumerate()]:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_the_event_loop_stays_free(server: HubServer, tmp_path: Path) -> None:
    """The client reads a model's providers and polls with blocking calls."""
    server.add(ID, TASK)
    server.script = lambda call: [SCORES]
    server.hub = lambda call: Answer(server.info(ID).body, pause=2)
    task = asyncio.create_task(ask(TASK, tmp_path))
    longest, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert (await task).text.startswith("dog")
    assert longest < 1.5


async def test_a_server_that_refuses_blocking_calls_lets_it_work(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: [SCORES]
    with blockbuster_ctx(scanned_modules=["tools", "huggingface_hub"]):
        draft = await ask(TASK, tmp_path)
    assert draft.text.startswith("dog")


def at_once(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let a provider do so many calls at the same time."""
    monkeypatch.setenv("HUGGINGGPT_PROVIDER_CONCURRENCY", str(calls))
    settings.cache_clear()
    provider_pauses.forget()


async def test_a_provider_is_asked_to_do_so_many_calls_at_once_only(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch, 2)
    server.add(ID, "text-generation", "novita")
    now, most, mutex = 0, 0, threading.Lock()

    def reply(call: Call) -> object:
        nonlocal now, most
        with mutex:
            now += 1
            most = max(most, now)
        time.sleep(0.2)
        with mutex:
            now -= 1
        return TEXT

    server.script = reply
    drafts = await asyncio.gather(*(ask("text-generation", tmp_path, timeout=20) for _ in range(5)))
    assert [draft.text for draft in drafts] == ["Done."] * 5
    assert most == 2


async def test_waiting_for_a_provider_is_no_part_of_the_time_limit(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of five calls waits for longer than it may take, and the provider is not slow for that."""
    at_once(monkeypatch, 1)
    server.add(ID, "text-generation", "novita")
    server.script = lambda call: Answer(TEXT, pause=0.8)
    drafts = await asyncio.gather(*(ask("text-generation", tmp_path, timeout=2.5) for _ in range(5)))
    assert [draft.text for draft in drafts] == ["Done."] * 5
    assert len(server.calls) == 5
