"""The Hub's model list: read by the real client from a loopback Hub, kept on disk, and never waited for long."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from hub_server import TOKEN, Answer, HubServer, connect, serve

from tools import hub
from tools.errors import ModelError, SetupError, TransientError
from tools.models import Mode, candidates, find, shortlist, why_none
from tools.settings import settings

TASK = "text-to-image"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serve() as running:
        connect(running, monkeypatch)
        running.add("a/few", TASK, "fal-ai", downloads=3, library_name="diffusers", sha="0" * 40)
        running.add(
            "a/many",
            TASK,
            "nscale:error",
            "fal-ai",
            "together",
            downloads=9,
            likes=2,
            tags=["art", "license:mit"],
        )
        yield running
        hub.forget()


def age(seconds: float) -> None:
    """Make everything stored of the Hub older."""
    for path in (settings().cache_dir / "hub").glob("*.json"):
        stored = json.loads(path.read_text())
        path.write_text(json.dumps({**stored, "time": stored["time"] - seconds}))


def test_search_reads_everything_in_one_call(server: HubServer) -> None:
    first, second = hub.search(TASK, 5, served=True)
    assert (first.id, first.downloads, first.likes, first.license) == ("a/many", 9, 2, "mit")
    assert [one.provider for one in first.providers] == ["fal-ai", "together"], "live ones only, in order"
    assert (second.id, second.library) == ("a/few", "diffusers")
    (listing,) = server.listings
    assert listing.query["inference_provider"] == ["all"]
    assert listing.query["sort"] == ["downloads"]
    assert "inferenceProviderMapping" in listing.query["expand"]
    assert listing.headers["authorization"] == f"Bearer {TOKEN}"


async def test_it_is_searched_beside_an_event_loop_that_must_not_block(server: HubServer) -> None:
    with blockbuster_ctx(scanned_modules=["tools", "huggingface_hub"]):
        found = await asyncio.to_thread(hub.search, TASK, 5, served=True)
    assert [one.id for one in found] == ["a/many", "a/few"]


def test_the_hub_is_asked_once_a_day(server: HubServer) -> None:
    assert [model.id for model in hub.search(TASK, 5, served=True)] == ["a/many", "a/few"]
    assert [model.id for model in hub.search(TASK, 1, served=True)] == ["a/many"]
    assert len(server.listings) == 1
    server.add("a/new", TASK, downloads=99)
    age(hub.FRESH_SECONDS + 1)
    assert hub.search(TASK, 5, served=True)[0].id == "a/new"
    hub.search(TASK, 6, served=True)
    assert len(server.listings) == 3, "more than was stored is asked for"


def test_an_old_answer_serves_while_the_hub_is_down(server: HubServer) -> None:
    hub.search(TASK, 5, served=True)
    age(10 * hub.FRESH_SECONDS)
    server.hub = lambda call: Answer({"error": "down"}, 503)
    assert [model.id for model in hub.search(TASK, 5, served=True)] == ["a/many", "a/few"]
    hub.search(TASK, 5, served=True)
    assert len(server.listings) == 2, "the failure is remembered"
    assert "503" in (hub.trouble() or "")


def test_a_broken_cache_is_asked_for_again(server: HubServer) -> None:
    hub.search(TASK, 5, served=True)
    (settings().cache_dir / "hub" / f"{TASK}.served.json").write_text("{")
    assert len(hub.search(TASK, 5, served=True)) == 2


def test_without_a_token_all_models_are_listed_and_none_runs_at_providers(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    settings.cache_clear()
    found = candidates(TASK, "embedded", "hybrid")
    assert [(model.id, model.ways) for model in found] == [("a/many", ()), ("a/few", ())]
    assert found[0].obstacles[1] == "Served by fal-ai, together: set HF_TOKEN."
    (listing,) = server.listings
    assert "inference_provider" not in listing.query
    assert "authorization" not in listing.headers


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer({"error": "Invalid credentials in Authorization header"}, 401), "set HF_TOKEN"),
        (Answer(b"<html>hotel wifi</html>"), "cannot be read"),
        (Answer({"error": "x"}), "cannot be read"),
        (Answer([], cut=True), "cannot be reached"),
    ],
)
def test_a_hub_that_fails_gives_nothing_and_the_reason(server: HubServer, answer: Answer, says: str) -> None:
    server.hub = lambda call: answer
    assert hub.search(TASK, 5, served=True) == []
    assert hub.search("text-to-video", 5, served=True) == []
    assert len(server.listings) == 1
    reason = why_none(TASK, "embedded", "hybrid")
    assert says in reason
    assert TOKEN not in reason


def test_a_tag_that_the_hub_does_not_know_is_no_trouble(server: HubServer) -> None:
    server.hub = lambda call: Answer({"error": "Invalid pipeline_tag"}, 400)
    assert hub.search("palette", 5) == []
    assert hub.trouble() is None
    hub.search("palette", 5)
    assert len(server.listings) == 1, "it is not asked again"


def test_a_hub_that_hangs_is_left_after_a_moment(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.calls, "HUB_SECONDS", 0.3)
    server.hub = lambda call: Answer([], pause=3)
    start = time.monotonic()
    assert hub.search(TASK, 5, served=True) == []
    assert time.monotonic() - start < 2
    assert "cannot be reached" in why_none(TASK, "embedded", "hybrid")
    with pytest.raises(TransientError):
        hub.model("a/many")


def test_one_model(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("a/mask", "fill-mask", mask_token="<mask>")
    assert hub.model("a/mask").mask_token == "<mask>"
    with pytest.raises(ModelError, match="has no a/none"):
        hub.model("a/none")
    hub.search(TASK, 5, served=True)
    server.hub = lambda call: Answer(b"", 500)
    assert hub.model("a/many").providers[0].provider == "fal-ai", "as it was listed before"
    server.hub = lambda call: Answer(b"", 401)
    with pytest.raises(SetupError, match="HF_TOKEN"):
        hub.model("a/many")


def test_candidates_are_the_hubs_after_local_ones(server: HubServer) -> None:
    server.add("a/sum", "summarization", tags=["license:mit", "region:us", "bart"], downloads=5)
    server.add("a/chat", "conversational", tag="text-generation")
    found = candidates("summarization", "embedded", "hybrid")
    assert found[0].source == "embedded"
    last = found[-1]
    assert (last.id, last.source, last.downloads) == ("a/sum", "hub", 5)
    assert [(way.engine, way.local, way.providers) for way in last.ways] == [
        ("provider", False, ("hf-inference",))
    ]
    assert last.license == "mit"
    assert last.about == "summarization model (bart), run by hf-inference."
    assert runnable("summarization", "providers") == ["a/sum"]
    assert "a/sum" not in runnable("summarization", "local")
    assert runnable("conversational", "providers") == ["a/chat"]
    assert [model.id for model in shortlist(TASK, "embedded", "hybrid", 1)] == ["a/many"]


def runnable(task: str, mode: Mode) -> list[str]:
    return [model.id for model in shortlist(task, "embedded", mode, 50)]


def test_models_that_see_are_candidates_for_pictures(server: HubServer) -> None:
    server.add("a/eyes", "conversational", "together", tag="image-text-to-text")
    assert runnable("image-to-text", "providers") == ["a/eyes"]


def test_find_asks_the_hub_only_about_its_own_models_that_no_search_had(server: HubServer) -> None:
    chat = find("summarization", "openai:gpt-5-mini")
    assert chat is not None
    assert chat.ways[0].engine == "chat"
    shortlist(TASK, "embedded", "hybrid", 5)
    assert not server.infos
    found = find(TASK, "a/many")
    assert found is not None
    assert [way.engine for way in found.ways] == ["provider"]
    assert not server.infos
    assert find(TASK, "a/none") is None
    assert [call.path for call in server.infos] == ["/api/models/a/none"]


def test_why_none_names_what_would_help(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_none("text-to-video", "embedded", "hybrid").endswith(
        "Neither this machine nor an inference provider has one."
    )
    monkeypatch.delenv("HF_TOKEN")
    settings.cache_clear()
    assert why_none(TASK, "embedded", "hybrid") == (
        "There is no model for text-to-image here. a/many: No engine here does text-to-image with models for an "
        "unnamed library. Set HF_TOKEN to use Hugging Face inference providers."
    )
    assert "HF_TOKEN" not in why_none("depth-estimation", "embedded", "hybrid")
    assert "set HUGGINGGPT_MODE=hybrid and HF_TOKEN" in why_none(TASK, "embedded", "local")
    monkeypatch.setenv("HUGGINGGPT_HUB_SEARCH", "false")
    settings.cache_clear()
    assert "set HUGGINGGPT_HUB_SEARCH=true" in why_none("depth-estimation", "embedded", "hybrid")
