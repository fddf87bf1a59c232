"""Settings of a run: what Studio shows of them, their own prompts, and what is said of wrong ones."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said
from langgraph.checkpoint.memory import InMemorySaver
from scripted import REQUEST, THREAD, context, echo, scripted
from typer.testing import CliRunner

from app.cli import app
from app.runs import follow, kept_context, opened, snapshot_of
from graph.agent import NODES, build, graph
from graph.context import EDITABLE, Context, default_context
from graph.state import State
from prompts import PLACEHOLDER, PROMPTS
from tools.errors import InputError
from tools.plugins import Plugins
from tools.settings import Settings, settings

Start = Callable[[Script], ChatServer]
OWN = {f"{name}_prompt": f"Own words for {name}.\n{PROMPTS[name]}" for name in EDITABLE}


def schema() -> dict[str, Any]:
    found = graph.get_context_jsonschema()
    assert found
    fields: dict[str, Any] = found["properties"]
    return fields


def test_every_field_says_what_it_is_and_where_it_belongs() -> None:
    assert schema().keys() == Context.model_fields.keys()
    for name, field in schema().items():
        assert field["title"], name
        assert field["description"].endswith("."), name
        assert set(field["langgraph_nodes"]) <= NODES.keys(), name
        assert field["default"] == Context().model_dump()[name]
    assert schema()["mode"]["enum"] == ["local", "providers", "hybrid"]
    assert (schema()["k"]["minimum"], schema()["k"]["maximum"]) == (1, 50)


def test_prompts_are_shown_as_prompts() -> None:
    prompts = {name: field for name, field in schema().items() if field.get("langgraph_type") == "prompt"}
    assert {name: field["default"] for name, field in prompts.items()} == {
        f"{name}_prompt": PROMPTS[name] for name in EDITABLE
    }
    assert prompts["select_prompt"]["langgraph_nodes"] == ["select"]


def test_the_default_that_is_shown_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_MODEL", "openai:some")
    monkeypatch.setenv("HUGGINGGPT_K", "7")
    assert schema()["model"]["default"] == "openai:some"
    assert schema()["k"]["default"] == 7


@pytest.mark.parametrize("name", EDITABLE)
def test_a_prompt_that_cannot_be_filled_is_refused(name: str) -> None:
    field, takes = f"{name}_prompt", set(PLACEHOLDER.findall(PROMPTS[name]))
    Context.model_validate({field: f"Other words. {PROMPTS[name]}"})
    with pytest.raises(InputError, match=rf"{field} .* nothing fills the prompt's placeholder \{{colour\}}"):
        Context.model_validate({field: PROMPTS[name] + " {colour}"})
    for lost in takes:
        with pytest.raises(InputError, match=rf"{field} .* lacks the placeholder \{{{lost}\}}\.$"):
            Context.model_validate({field: PROMPTS[name].replace(f"{{{lost}}}", "it")})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"k": 0}, "k (HUGGINGGPT_K) is not valid: Input should be greater than or equal to 1."),
        (
            {"mode": "sk-secret"},
            "mode (HUGGINGGPT_MODE) is not valid: Input should be 'local', 'providers' or 'hybrid'.",
        ),
        ({"modle": "x"}, "modle (HUGGINGGPT_MODLE) is not valid: Extra inputs are not permitted."),
    ],
)  # fmt: skip
async def test_a_wrong_setting_is_told_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    # As LangGraph makes the context from what a client sends.
    with pytest.raises(InputError) as told:
        await graph.ainvoke(REQUEST, context=given)  # type: ignore[call-overload]
    assert str(told.value) == f"The setting {sentence}"


def test_a_wrong_variable_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_MAX_FILE_MB", "sk-secret")
    settings.cache_clear()
    done = CliRunner().invoke(app, ["run", "Hello"])
    assert done.exit_code == 2
    assert (
        "The setting max_file_mb (HUGGINGGPT_MAX_FILE_MB) is not valid: Input should be a valid"
        in done.stderr
    )
    assert "secret" not in done.stderr


async def test_a_run_with_prompts_of_its_own_asks_with_them(chat_server: Start) -> None:
    work = scripted([echo("broken"), echo("fine")], lambda body: "" if "broken" in said(body) else "ok")

    def script(body: dict[str, Any]) -> Reply | str:
        return "no choice" if "Own words for select" in said(body) else work(body)

    server = chat_server(script)
    given = context(server, k=2, max_replans=1, **OWN)
    await build(InMemorySaver()).ainvoke(REQUEST, THREAD, context=given)
    server.script = lambda body: '{"tasks": []}' if "response_format" in body else "Hello!"
    await build().ainvoke(REQUEST, context=given)
    asked = "\n".join(map(said, server.requests))
    assert {name for name in EDITABLE if f"Own words for {name}." in asked} == set(EDITABLE)


async def test_what_is_kept_of_a_run_is_small_and_brings_its_prompts_back(chat_server: Start) -> None:
    server = chat_server(scripted([echo("one")], lambda body: "ok"))
    given = context(server, respond_prompt="Answer like a pirate.")

    class Silent:
        def take(self, mode: str, payload: Any) -> None:
            pass

    async with opened() as agent:
        await follow(agent, "mine", REQUEST, given, Silent())
        snapshot = await snapshot_of(agent, "mine")
    assert kept_context(snapshot, {}) == given
    assert kept_context(snapshot, {"k": 9}).k == 9
    kept = {name: value for name, value in (snapshot.metadata or {}).items() if name in Context.model_fields}
    assert [name for name in kept if name.endswith("_prompt")] == ["respond_prompt"]
    assert len(json.dumps(kept)) < 500


def test_the_graph_takes_messages_and_gives_what_callers_want() -> None:
    assert list(graph.get_input_jsonschema()["properties"]) == ["messages"]
    given = graph.get_output_jsonschema()
    assert given["title"] == "Response"
    assert list(given["properties"]) == ["messages", "plan", "assignments", "results", "notes", "usage"]
    assert all(field["description"] for field in given["properties"].values())


async def test_what_comes_out_has_no_internals(chat_server: Start) -> None:
    server = chat_server(scripted([echo("one")], lambda body: "ok"))
    values = await build().ainvoke(REQUEST, context=context(server))
    assert "replans" not in values
    assert State(**values).results["0"].status == "ok"


async def test_without_a_context_the_environment_is_read_once(
    chat_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: "ok"))
    monkeypatch.setenv("HUGGINGGPT_MODEL", server.url)
    state = State(**await build().ainvoke(REQUEST))
    assert {result.status for result in state.results.values()} == {"ok"}
    assert default_context.cache_info().misses == 1


def test_the_drawing_has_the_edges_that_are_taken() -> None:
    edges = {(edge.source, edge.target) for edge in graph.get_graph().edges}
    assert edges >= {
        ("select", "execute"),
        ("execute", "respond"),
        ("respond", "execute"),
        ("respond", "__end__"),
    }
    assert {edge.source for edge in graph.get_graph().edges if edge.conditional} == {
        "plan",
        "select",
        "approve",
        "respond",
        "replan",
    }
    sources = {edge.source for edge in graph.get_graph().edges if edge.target == "execute"}
    assert sources == {"select", "approve", "respond"}
    assert graph.name == "hugginggpt"


def test_a_variable_without_a_value_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMORY_GB", "CACHE_DIR", "K", "PLUGINS"):
        monkeypatch.setenv(f"HUGGINGGPT_{name}", "")
    assert (Settings().memory_gb, Context().k, Plugins().plugins) == (None, 5, "")
    assert Settings().cache_dir.is_absolute()
