"""Inference providers: the real client against a loopback Hub and its providers, for every task."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import TOKEN, Answer, HubServer
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.inference._providers import PROVIDERS
from PIL import Image
from provider_cases import (
    ID,
    MP4,
    REMOTE,
    REPLIES,
    TASK,
    TEXTS,
    add,
    ask,
    b64,
    chat,
    png,
    providers,
    script,
    value,
    video,
)  # fmt: skip

from tools.artifacts import store
from tools.errors import AuthError, InputError, ModelError, NotServedError
from tools.experts.engine import Job
from tools.experts.provider_tasks import ADAPTERS, AT_ENDPOINTS, adapter, hub_tags
from tools.experts.run import run
from tools.hub import HubModel
from tools.models import find
from tools.settings import settings
from tools.sniff import sniff
from tools.tasks import TASKS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with providers(monkeypatch) as running:
        yield running


@pytest.mark.parametrize("task", REPLIES)
async def test_every_task_is_done(server: HubServer, tmp_path: Path, task: str) -> None:
    _, text, data = REPLIES[task]
    server.script = add(server, task)
    draft = await ask(task, tmp_path)
    assert draft.text == text
    assert json.loads(json.dumps(draft.data)) == data
    made = [sniff(path.read_bytes(), path.name).media for path in draft.files]
    wanted = [media for media in TASKS[task].makes if media != "text"]
    assert made[: len(wanted)] == wanted, "the files that the row promises, the main one first"
    (call,) = server.calls
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.path.startswith(f"/hf-inference/models/{ID}")


def test_every_adapter_is_of_a_task_and_run_here() -> None:
    assert ADAPTERS.keys() <= TASKS.keys()
    assert ADAPTERS.keys() - set(REMOTE) == {"tabular-regression"}, "no provider of the client does it yet"
    assert AT_ENDPOINTS.keys() - ADAPTERS.keys() == {"text-to-audio"}


def test_every_method_of_the_client_is_used() -> None:
    others = {"close", "get_endpoint_info", "health_check"}
    methods = {
        name
        for name, _ in inspect.getmembers(AsyncInferenceClient, inspect.iscoroutinefunction)
        if name[0] != "_"
    }
    assert {one.method for ways in ADAPTERS.values() for one in ways} == methods - others


@pytest.mark.parametrize("served", sorted({task for tasks in PROVIDERS.values() for task in tasks}))
def test_every_task_of_every_provider_can_be_asked_for(served: str) -> None:
    assert any(one.task == served for ways in ADAPTERS.values() for one in ways)


def test_models_of_another_kind_are_found_too() -> None:
    assert hub_tags("conversational") == ("text-generation",)
    assert hub_tags("image-to-text") == ("image-to-text", "image-text-to-text")
    assert hub_tags("sentence-similarity") == ("sentence-similarity", "feature-extraction")
    assert hub_tags("depth-estimation") == ()
    assert adapter("image-to-text", "text-to-image") is None


@pytest.mark.parametrize("task", ADAPTERS)
def test_arguments_fit_the_installed_client(tmp_path: Path, task: str) -> None:
    """Every slot, also the optional ones, reaches an argument that the method has by name."""
    # What to write is joined with the text before any way is taken.
    joined = {"instruction"} if TASKS[task].slots[0].media == "text" else set()
    slots = [s for s in TASKS[task].slots if (s.name != "labels" or s.required) and s.name not in joined]
    job = Job(
        task=task, model=None, out=tmp_path, inputs={s.name: value(s.name, s.media, tmp_path) for s in slots}
    )
    as_codes = {"target_language": '"fr"', "source_language": '"de"'}
    for way in ADAPTERS[task]:
        arguments = way.arguments(job, HubModel(id="a/m2m100"))
        signature = inspect.signature(getattr(AsyncInferenceClient, way.method))
        signature.bind(None, **arguments)
        assert arguments.keys() <= signature.parameters.keys()
        passed = json.dumps(arguments)
        for slot in slots:
            sent = as_codes.get(slot.name, job.inputs[slot.name])
            assert slot.media != "text" or slot.name in ("labels", "text") or sent in passed


async def test_what_a_provider_is_sent(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "fill-mask", mask_token="<mask>")
    server.script = lambda call: REPLIES["fill-mask"][0]
    await ask("fill-mask", tmp_path)
    assert server.calls[0].json["inputs"] == "The <mask> sat.", "the model's own mask"
    with pytest.raises(InputError, match="MASK"):
        await ask("fill-mask", tmp_path, text="Nothing is missing.")


async def test_a_table_goes_as_columns(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "table-question-answering")
    server.script = lambda call: REPLIES["table-question-answering"][0]
    await ask("table-question-answering", tmp_path)
    sent = server.calls[0].json["inputs"]
    assert sent == {"query": "How old is Bob?", "table": {"name": ["Ada", "Bob"], "age": ["36", "41"]}}


async def test_boxes_and_masks_are_drawn(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "object-detection")
    server.script = lambda call: REPLIES["object-detection"][0]
    draft = await ask("object-detection", tmp_path)
    with Image.open(draft.files[0]) as drawn:
        assert drawn.size == (64, 48)
        assert drawn.getpixel((50, 35)) != (255, 255, 255) == drawn.getpixel((30, 35))


@pytest.mark.parametrize("task", ["image-classification", "object-detection"])
async def test_words_and_data_tell_one_score(server: HubServer, tmp_path: Path, task: str) -> None:
    """Both are rounded: 0.37499 is 0.375 in the data, which must not be 0.37 in the words beside it."""
    server.add(ID, task)
    box = {"xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9}
    server.script = lambda call: [{"label": "cat", "score": 0.37499, "box": box}]
    draft: Any = await ask(task, tmp_path)
    assert draft.data[0]["score"] == 0.375
    assert draft.text == "cat 0.38"


async def test_segments_are_tinted_and_kept_as_masks(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "image-segmentation")
    server.script = lambda call: REPLIES["image-segmentation"][0]
    draft = await ask("image-segmentation", tmp_path)
    assert [path.name for path in draft.files] == ["segments.png", "mask-1-sky.png"]
    with Image.open(draft.files[0]) as drawn:
        assert drawn.getpixel((5, 5)) != (255, 255, 255)


async def test_chat_models_talk_and_see(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "conversational", "together", tag="image-text-to-text")
    server.script = lambda call: chat("<think>Hm.</think>\nA cat.")
    assert (await ask("text-generation", tmp_path, text="Hi")).text == "A cat."
    assert (await ask("visual-question-answering", tmp_path)).text == "A cat."
    talk, see = (call.json["messages"][0]["content"] for call in server.calls)
    assert talk == "Hi"
    assert see[0]["image_url"]["url"] == f"data:image/png;base64,{b64(png())}"
    assert see[1]["text"] == TEXTS["question"]
    assert server.calls[0].path == "/together/v1/chat/completions"


async def test_models_that_see_choose_a_label(server: HubServer, tmp_path: Path) -> None:
    task = "zero-shot-image-classification"
    server.add(ID, "conversational", "together", tag="image-text-to-text")
    server.script = script(chat("**Dog.**"), chat("A cat and a dog."))
    draft = await ask(task, tmp_path)
    assert (draft.text, draft.data) == ("dog", [{"label": "dog", "score": None}])
    assert "cat, dog" in server.calls[0].json["messages"][0]["content"][1]["text"]
    with pytest.raises(ModelError, match="none of the labels"):
        await ask(task, tmp_path)


async def test_embeddings_tell_how_close_texts_are(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "feature-extraction", "scaleway")
    server.script = script(
        {"data": [{"embedding": [3, 4]}, {"embedding": [4, 3]}]}, {"data": [{"embedding": [3, 4]}]}
    )
    draft = await ask("sentence-similarity", tmp_path, other_text="Another text.")
    assert draft.data == {"score": 0.96}
    assert server.calls[0].json["input"] == ["The [MASK] sat.", "Another text."]
    with pytest.raises(ModelError, match="no usable reply"):
        await ask("sentence-similarity", tmp_path)


@pytest.mark.parametrize(
    ("model", "tags", "sent"),
    [
        ("facebook/nllb-200-distilled-600M", ("m2m_100",), {"src_lang": "deu_Latn", "tgt_lang": "fra_Latn"}),
        ("me/mine", ("base_model:facebook/mbart-large-50",), {"src_lang": "de_DE", "tgt_lang": "fr_XX"}),
        ("me/mine", ("m2m_100",), {"src_lang": "de", "tgt_lang": "fr"}),
        ("Helsinki-NLP/opus-mt-de-fr", ("marian",), {}),
        ("google-t5/t5-small", ("t5",), {}),
    ],
)
def test_languages_go_in_the_models_own_codes(
    tmp_path: Path, model: str, tags: tuple[str, ...], sent: dict[str, str]
) -> None:
    found = translation(tmp_path, HubModel(id=model, tags=tags), "French", "German")
    assert found == {"text": "Hallo", **sent}


@pytest.mark.parametrize(
    ("model", "target_and_source", "says"),
    [
        ("Helsinki-NLP/opus-mt-de-fr", ("", ""), "from de to fr only"),
        ("Helsinki-NLP/opus-mt-de-fr", ("French", "Polish"), "from de to fr only"),
        ("facebook/nllb-200", ("French", ""), "fill source_language"),
        ("facebook/nllb-200", ("Klingon", "German"), "does not know the language 'Klingon'"),
    ],
)
def test_languages_that_a_model_cannot_do(
    tmp_path: Path, model: str, target_and_source: tuple[str, str], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        translation(tmp_path, HubModel(id=model), *target_and_source)


def translation(out: Path, model: HubModel, target: str, source: str) -> dict[str, str]:
    words = {"text": "Hallo", "target_language": target, "source_language": source}
    job = Job(task="translation", model=None, inputs=words, out=out)
    return ADAPTERS["translation"][0].arguments(job, model)


@pytest.mark.parametrize("task", ["text-to-video", "image-to-video"])
async def test_a_video_is_polled_for(server: HubServer, tmp_path: Path, task: str) -> None:
    server.add(ID, task, "fal-ai")
    server.script = video
    (path,) = (await ask(task, tmp_path)).files
    assert path.read_bytes() == MP4


async def test_who_cannot_be_asked(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="has no a/model"):
        await ask(TASK, tmp_path)
    server.add(ID, "text-to-image", "fal-ai:error")
    with pytest.raises(NotServedError, match="No inference provider serves a/model"):
        await ask("text-to-image", tmp_path)
    monkeypatch.setenv("HF_TOKEN", "sk-other")
    settings.cache_clear()
    with pytest.raises(AuthError, match="starts with hf_"):
        await ask(TASK, tmp_path)
    monkeypatch.delenv("HF_TOKEN")
    settings.cache_clear()
    with pytest.raises(AuthError, match="set HF_TOKEN"):
        await ask(TASK, tmp_path)
    assert not server.calls


async def test_labels_of_ones_own_need_another_model(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    with pytest.raises(ModelError, match="labels of its own"):
        await ask(TASK, tmp_path, labels="a, b")


async def test_a_found_model_runs_like_any_expert(server: HubServer) -> None:
    server.add(ID, "text-to-image")
    server.script = lambda call: Answer(png())
    model = find("text-to-image", ID)
    assert model is not None
    output = await run("text-to-image", model, {"text": "A cat"}, store=store(), timeout=20)
    assert output.files[0].media == "image"
    assert store().path(output.files[0].ref).read_bytes().startswith(b"\x89PNG")
