"""What goes wrong with inference providers: every failure of every task, as the error that says what to do."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import TOKEN, Answer, Call, HubServer, Script
from provider_cases import ID, REMOTE, TASK, add, ask, providers, script

from tools import hf_limits
from tools.errors import (
    AuthError,
    CreditError,
    InputError,
    ModelError,
    NotServedError,
    RateLimitError,
    TimeLimitError,
    TransientError,
)  # fmt: skip
from tools.experts import provider_pauses

LIMIT = 0.2
"""Time limit where something hangs, in seconds."""
PAGE = Answer(b"<html>Welcome</html>", headers={"Content-Type": "text/html"})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with providers(monkeypatch) as running:
        yield running


FAILURES: dict[str, tuple[Answer, type[Exception], str]] = {
    "401": (Answer({"error": f"bad token {TOKEN}"}, 401), AuthError, "set HF_TOKEN"),
    "402": (Answer({"error": f"bad token {TOKEN}"}, 402), CreditError, "billing"),
    "403": (Answer({"error": f"bad token {TOKEN}"}, 403), AuthError, "permission to call inference"),
    "404": (Answer(b"", 404), NotServedError, "is not served"),
    "410": (Answer(b"", 410), NotServedError, "is not served"),
    "413": (Answer(b"", 413), ModelError, "make it smaller"),
    "422": (Answer({"error": f"no {TOKEN}"}, 422), ModelError, r"refused the request .*no \*\*\*"),
    "cut": (Answer(b"[[", cut=True), TransientError, "cut the connection"),
    "page": (PAGE, ModelError, "no usable reply"),
    "bytes": (Answer(b"\xff\xfe"), ModelError, "no usable reply"),
    "large": (Answer(bytes(200_000)), ModelError, "larger than"),
}


@pytest.mark.parametrize("task", REMOTE)
async def test_every_failure_of_every_task(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    add(server, task)
    monkeypatch.setattr(hf_limits, "MAX_BYTES", 100_000)
    for name, (answer, kind, says) in FAILURES.items():
        server.script = script(answer)
        with pytest.raises(kind, match=says) as caught:
            await ask(task, tmp_path)
        assert type(caught.value) is kind, name
        assert TOKEN not in str(caught.value), name


@pytest.mark.parametrize("task", REMOTE)
async def test_every_task_waits_for_a_busy_provider(server: HubServer, tmp_path: Path, task: str) -> None:
    well = add(server, task)
    for busy in (Answer(b"", 503), Answer(b"", 429, {"Retry-After": "0.02"})):
        server.script = first(busy, well)
        server.calls.clear()
        assert (await ask(task, tmp_path)).text
        assert len(server.calls) == 2
    server.script = lambda call: Answer(b"", 429, {"Retry-After": "60"})
    with pytest.raises(RateLimitError, match="too often"):
        await ask(task, tmp_path)
    assert len(server.calls) == 3, "nobody waits a minute"


@pytest.mark.parametrize("task", REMOTE)
async def test_every_task_ends_with_the_time_limit(server: HubServer, tmp_path: Path, task: str) -> None:
    server.script = add(server, task)
    await ask(task, tmp_path)
    server.script = lambda call: Answer(b"", pause=20)
    start = time.monotonic()
    with pytest.raises(TimeLimitError, match="raise the time limit"):
        await ask(task, tmp_path, timeout=LIMIT)
    assert time.monotonic() - start < 10


def first(answer: Answer, then: Script) -> Callable[[Call], Answer | object]:
    """Give one answer to the first request."""
    queue = [answer]
    return lambda call: queue.pop() if queue else then(call)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_other_statuses_of_a_busy_server(server: HubServer, tmp_path: Path, status: int) -> None:
    server.script = first(Answer(b"", status), add(server, TASK))
    assert (await ask(TASK, tmp_path)).text.startswith("dog")
    server.script = lambda call: Answer(b"", status)
    with pytest.raises(TransientError, match=f"status {status}"):
        await ask(TASK, tmp_path)


async def test_the_next_provider_is_tried(server: HubServer, tmp_path: Path) -> None:
    server.add(
        ID, "text-generation", "featherless-ai", "unheard-of", "together:error", "novita", "hf-inference"
    )
    server.script = script(Answer(b"", 410), {"choices": [{"text": "Done."}]})
    assert (await ask("text-generation", tmp_path)).text == "Done."
    assert [call.path.split("/")[1] for call in server.calls] == ["featherless-ai", "novita"]


async def test_all_failures_are_told(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-to-image", "nscale", "hf-inference")
    server.script = script(Answer({"error": "no such size"}, 422), Answer(b"", 404))
    with pytest.raises(
        ModelError, match=r"at nscale refused .*no such size.* at hf-inference is not served"
    ) as caught:
        await ask("text-to-image", tmp_path)
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_the_account_is_no_matter_of_the_provider(
    server: HubServer, tmp_path: Path, status: int
) -> None:
    server.add(ID, TASK, "hf-inference", "together")
    server.script = lambda call: Answer(b"", status)
    with pytest.raises((AuthError, CreditError)):
        await ask(TASK, tmp_path)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((404, 410), NotServedError),
        ((429, 429), RateLimitError),
        ((429, 503), TransientError),
        ((404, 422), ModelError),
        ((404, 503), TransientError),
    ],
)
async def test_the_error_for_all_is_of_their_kind(
    server: HubServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[int, int],
    kind: type[ModelError],
) -> None:
    monkeypatch.setattr(provider_pauses, "RETRIES", 0)
    server.add(ID, "text-to-image", "nscale", "hf-inference")
    server.script = script(*(Answer(b"", status) for status in statuses))
    with pytest.raises(kind, match=r"at nscale .* at hf-inference ") as caught:
        await ask("text-to-image", tmp_path)
    assert type(caught.value) is kind


@pytest.mark.parametrize("answer", [Answer({"error": "loading"}), Answer([])])
async def test_a_reply_of_another_form(server: HubServer, tmp_path: Path, answer: Answer) -> None:
    add(server, TASK)
    server.script = lambda call: answer
    with pytest.raises(ModelError, match="no usable reply"):
        await ask(TASK, tmp_path)


async def test_a_job_is_not_started_twice(server: HubServer, tmp_path: Path) -> None:
    """A status that cannot be read is no reason to start, and pay for, another video."""
    well = add(server, "text-to-video")
    server.script = lambda call: Answer(b"", 503) if call.path.endswith("/status") else well(call)
    with pytest.raises(TransientError, match="status 503"):
        await ask("text-to-video", tmp_path)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [("overloaded", RateLimitError, "too often"), ("validation", ModelError, "refused the request")],
)
async def test_errors_of_text_generation_keep_their_status(
    server: HubServer, tmp_path: Path, kind: str, error: type[ModelError], says: str
) -> None:
    """The client replaces the errors of that one method by its own."""
    add(server, "text-generation")
    status = 429 if kind == "overloaded" else 422
    server.script = lambda call: Answer({"error": "no", "error_type": kind}, status)
    with pytest.raises(error, match=says):
        await ask("text-generation", tmp_path)
    assert len(server.calls) == (1 + provider_pauses.RETRIES if status == 429 else 1)


async def test_what_is_wrong_with_the_input_is_not_asked_elsewhere(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "fill-mask", "hf-inference")
    with pytest.raises(InputError, match="MASK"):
        await ask("fill-mask", tmp_path, text="Nothing is missing.")
    assert not server.calls
