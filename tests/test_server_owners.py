"""Two owners on LangGraph Server, over a port: neither sees what is the other's."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from chat_server import serve
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError
from langgraph_server import LangGraphServer, served
from scripted import echo, scripted

from tools import keys
from tools.artifacts import store
from tools.links import link
from tools.outputs import Artifact
from tools.settings import settings

GRAPH = "hugginggpt"
SECRET = "the secret of alice"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LangGraphServer]:
    folder = tmp_path_factory.mktemp("owners")
    # The same text would be the same artifact, and so belong to both.
    numbers = itertools.count(1)
    with serve(scripted([echo("what?")], lambda body: f"{SECRET} {next(numbers)}")) as chat:
        chosen = {"HUGGINGGPT_MODEL": f"{chat.url}#m", "HUGGINGGPT_PLANNER": "llm", "HUGGINGGPT_K": "1"}
        with served(folder, **chosen, HUGGINGGPT_PUBLIC_URL="http://127.0.0.1:1") as running:
            yield running


@pytest.fixture(autouse=True)
def _servers_folder(server: LangGraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have keys and artifacts of this process where the server's are."""
    monkeypatch.setenv("HUGGINGGPT_DATA_DIR", str(server.folder / "data"))
    settings.cache_clear()
    store.cache_clear()


class Owner:
    """Somebody with a key."""

    def __init__(self, server: LangGraphServer, name: str) -> None:
        self.name, self.key = name, keys.add(name).text
        self.url, self._made = server.url, list[str]()
        self.http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {self.key}"}, trust_env=False
        )

    @property
    def client(self) -> LangGraphClient:
        """A client for the event loop of the test that asks."""
        return get_client(url=self.url, api_key=self.key)

    async def thread(self) -> str:
        return str((await self.client.threads.create(graph_id=GRAPH))["thread_id"])

    async def secret(self) -> str:
        """Return the reference of a file that a run of theirs made."""
        if not self._made:
            self._made = files(await self.run(await self.thread()))
        return self._made[0]

    async def run(self, thread: str, *parts: Any, given: bool = True) -> dict[str, Any]:
        """Ask for something, or go on, and return the state, or what the run says of its error."""
        asked: Any = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}
        messages = {"messages": [asked]} if given else None
        state = await self.client.runs.wait(thread, GRAPH, input=messages, raise_error=False)
        assert isinstance(state, dict)
        return state


@pytest.fixture(scope="module")
def owners(server: LangGraphServer) -> Iterator[tuple[Owner, Owner]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUGGINGGPT_DATA_DIR", str(server.folder / "data"))
        settings.cache_clear()
        made = Owner(server, "alice"), Owner(server, "bob")
        settings.cache_clear()
    yield made
    for owner in made:
        owner.http.close()


def files(state: dict[str, Any]) -> list[str]:
    """Return the references in the last message of a state."""
    content = state["messages"][-1]["content"]
    return [part["url"] for part in content if "url" in part]


async def refused(call: Any) -> int:
    with pytest.raises((APIStatusError, httpx.HTTPStatusError)) as error:
        await call
    return error.value.response.status_code


async def test_threads_runs_and_crons_are_their_owners(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    alices, bobs = alice.client, bob.client
    thread = await alice.thread()
    asked: Any = {"messages": [{"role": "user", "content": "?"}]}
    run = str((await alices.runs.create(thread, GRAPH, input=asked))["run_id"])
    await alices.runs.join(thread, run)
    cron: Any = await alices.crons.create(GRAPH, schedule="0 0 1 1 *", input={})
    assert [found["thread_id"] for found in await alices.threads.search()] == [thread]
    assert await bobs.threads.search() == []
    # Nor by saying that they are somebody else.
    assert await bobs.threads.search(metadata={"owner": "alice"}) == []
    assert await bobs.crons.search() == []
    assert len(await alices.crons.search()) == 1
    for call in (
        bobs.threads.get(thread),
        bobs.threads.get_state(thread),
        bobs.threads.get_history(thread),
        bobs.threads.update(thread, metadata={"owner": "bob"}),
        bobs.threads.update_state(thread, {"notes": ["mine"]}),
        bobs.threads.copy(thread),
        bobs.threads.delete(thread),
        bobs.runs.list(thread),
        bobs.runs.get(thread, run),
        bobs.runs.join(thread, run),
        bobs.runs.cancel(thread, run),
        bobs.runs.create(thread, GRAPH, input={}),
        bobs.crons.create_for_thread(thread, GRAPH, schedule="0 0 1 1 *", input={}),
        bobs.crons.delete(str(cron["cron_id"])),
        bobs.threads.create(thread_id=thread, if_exists="do_nothing"),
    ):
        assert await refused(call) in (403, 404, 409)
    kept: Any = await alices.threads.get(thread)
    assert kept["metadata"]["owner"] == "alice"


async def test_nobody_gives_things_to_others(owners: tuple[Owner, Owner]) -> None:
    alices, bobs = (owner.client for owner in owners)
    made = await alices.threads.create(metadata={"owner": "bob", "name": "mine"})
    assert made["metadata"] == {"owner": "alice", "name": "mine"}
    await alices.threads.update(made["thread_id"], metadata={"owner": "bob"})
    assert (await alices.threads.get(made["thread_id"]))["metadata"] == {"owner": "alice", "name": "mine"}
    await alices.runs.wait(None, GRAPH, input={}, metadata={"owner": "bob"}, raise_error=False)
    assert await bobs.threads.search() == []


async def test_assistants_are_read_by_all_and_changed_by_their_owner(owners: tuple[Owner, Owner]) -> None:
    alices, bobs = (owner.client for owner in owners)
    made = (await alices.assistants.create(GRAPH, name="mine"))["assistant_id"]
    assert made in {found["assistant_id"] for found in await bobs.assistants.search()}
    assert await refused(bobs.assistants.update(made, name="yours")) == 404
    assert await refused(bobs.assistants.delete(made)) == 404
    # Nobody owns the one that every graph has.
    (given,) = await alices.assistants.search(metadata={"created_by": "system"})
    assert await refused(alices.assistants.update(given["assistant_id"], name="mine")) == 404


async def test_the_store_is_apart(owners: tuple[Owner, Owner]) -> None:
    alices, bobs = (owner.client for owner in owners)
    await alices.store.put_item(["notes"], "one", {"text": SECRET})
    found = await alices.store.get_item(["notes"], "one")
    assert (found["namespace"], found["value"]) == (["alice", "notes"], {"text": SECRET})
    assert await alices.store.get_item(found["namespace"], "one") == found
    for namespace in (["notes"], ["alice", "notes"]):
        assert await bobs.store.get_item(namespace, "one") is None
        assert (await bobs.store.search_items(namespace))["items"] == []
    assert all(namespace[0] == "bob" for namespace in (await bobs.store.list_namespaces())["namespaces"])
    assert (await alices.store.list_namespaces())["namespaces"] == [["alice", "notes"]]


async def test_artifacts_are_their_owners(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    ref = await alice.secret()
    path = f"/artifacts/{ref.removeprefix('artifact://')}"
    assert alice.http.get(path).text.startswith(SECRET)
    assert bob.http.get(path).status_code == 404
    # What is not there looks the same.
    other = path.replace(path[11:15], "0000")
    told = bob.http.get(path).json()["detail"], bob.http.get(other).json()["detail"]
    assert told[0].replace(path[11:15], "0000") == told[1]


async def test_a_run_reads_nothing_of_others(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    ref = await alice.secret()
    thread = await bob.thread()
    named = {"type": "file", "url": ref}
    linked = {"type": "file", "url": f"http://127.0.0.1:1/artifacts/{ref.removeprefix('artifact://')}"}
    for state in await asyncio.gather(bob.run(thread, named), bob.run(await bob.thread(), linked)):
        assert "there is no artifact" in json.dumps(state)
    # The thread goes on without it.
    state = await bob.run(thread)
    assert len(files(state)) == 1
    assert SECRET not in json.dumps(state["messages"][0])


async def test_a_changed_state_opens_nothing_of_others(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    ref, thread = await alice.secret(), await bob.thread()
    plan = {"tasks": [{"id": "0", "name": "summarization", "inputs": [{"slot": "text", "value": ref}]}]}
    asked = [{"role": "user", "content": "Sum it up."}]
    await bob.client.threads.update_state(thread, {"messages": asked, "plan": plan}, as_node="plan")
    state = await bob.run(thread, given=False)
    assert "there is no artifact" in json.dumps(state)
    assert [result["error"]["kind"] for result in state["results"].values()] == ["input"]


def test_an_upload_is_its_owners(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    sent = alice.http.post("/artifacts", params={"name": "note.txt"}, content=b"A note of alice.")
    assert sent.status_code == 201
    assert alice.http.get(sent.headers["Location"]).status_code == 200
    assert bob.http.get(sent.headers["Location"]).status_code == 404
    # Whoever has the same bytes has nothing to learn from them.
    assert (
        bob.http.post("/artifacts", params={"name": "x.txt"}, content=b"A note of alice.").status_code == 201
    )
    assert bob.http.get(sent.headers["Location"]).status_code == 200


def test_jarvis_clients_are_owners_too(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    asked = {"messages": [{"role": "user", "content": "What is it?"}]}
    assert httpx.post(f"{alice.url}/hugginggpt", json=asked, trust_env=False).status_code == 401
    assert "Done." in alice.http.post("/hugginggpt", json=asked).json()["message"]
    sent = alice.http.post("/artifacts", params={"name": "hers.txt"}, content=b"Only for alice.")
    address = f"http://127.0.0.1:1{sent.headers['Location']}/hers.txt"
    asked = {"messages": [{"role": "user", "content": f"Summarise {address}"}]}
    assert "Done." in alice.http.post("/hugginggpt", json=asked).json()["message"]
    assert "there is no artifact" in bob.http.post("/hugginggpt", json=asked).json()["message"]


async def test_a_signed_link_opens_one_artifact(
    owners: tuple[Owner, Owner], server: LangGraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = owners
    ref = await alice.secret()
    artifact = Artifact(sha256=ref[11:75], suffix=".txt", name="x.txt", media="text", mime="text/plain")
    address = link(artifact, server.url)
    assert address
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(address).text.startswith(SECRET)
        assert browser.get(address.partition("?")[0]).status_code == 401
        assert browser.get(f"{address[:-4]}0000").status_code == 401
        assert browser.get(address.replace(ref[11:75], "0" * 64)).status_code == 401
        assert browser.delete(address).status_code == 401
        # The secret is the key to all of them.
        (server.folder / "data" / "link.secret").unlink()
        assert browser.get(address).status_code == 401


async def test_no_key_is_written_anywhere(owners: tuple[Owner, Owner], server: LangGraphServer) -> None:
    alice, _ = owners
    alices = alice.client
    await alice.secret()
    threads = await alices.threads.search(status="idle")
    runs = [await alices.runs.list(thread["thread_id"]) for thread in threads]
    states = [await alices.threads.get_history(thread["thread_id"]) for thread in threads]
    told = json.dumps([threads, runs, states])
    assert SECRET in told
    assert '"owner": "alice"' in told
    assert alice.key[keys.SHOWN :] not in told
    assert alice.key[keys.SHOWN :] not in server.log
    written = [file for file in server.folder.rglob("*") if file.is_file()]
    assert len(written) > 5
    assert [file for file in written if alice.key.encode() in file.read_bytes()] == []


def test_studio_needs_a_key(owners: tuple[Owner, Owner], server: LangGraphServer) -> None:
    headers = {"x-auth-scheme": "langsmith", "Origin": "https://smith.langchain.com"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as studio:
        assert studio.post("/threads/search", json={}).status_code == 401
        assert studio.get("/info").status_code == 401
        assert studio.post("/internal/truncate").status_code == 401
        assert studio.get("/ok").status_code == 200
    # Nor do keys open what knows no owners.
    assert owners[0].http.post("/internal/truncate").status_code == 404
    assert owners[0].http.get(f"/internal/debug/thread/{uuid4()}").status_code == 404
    assert owners[0].http.get("/info").status_code == 200


def test_a_removed_key_is_refused_at_once(server: LangGraphServer) -> None:
    carol = Owner(server, "carol")
    assert carol.http.post("/threads/search", json={}).status_code == 200
    keys.remove("carol")
    assert carol.http.post("/threads/search", json={}).status_code == 401
    carol.http.close()


def test_without_keys_it_answers_its_own_machine_and_with_unreadable_ones_nobody(
    server: LangGraphServer,
) -> None:
    file = server.folder / "data" / "keys.json"
    kept = file.read_bytes()
    file.unlink()
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as anyone:
            assert anyone.post("/threads/search", json={}).status_code == 200
            assert anyone.get("/info").status_code == 200
            for headers in (
                {"Host": "x.example"},
                {"Origin": "https://x.example"},
                {"X-Forwarded-For": "::1"},
            ):
                for path in ("/threads/search", "/internal/truncate", "/deploy"):
                    assert anyone.post(path, json={}, headers=headers).status_code == 403
            file.write_text("{")
            assert anyone.post("/threads/search", json={}).status_code == 503
            assert anyone.get("/info").status_code == 503
    finally:
        file.write_bytes(kept)
