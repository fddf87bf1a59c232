"""Questions and summaries with tiny models on disk, through the engine."""

from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import tiny_direct as tiny

from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.direct import TASKS
from tools.experts.direct.question_answering import NO_ANSWER
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

FILLER = [f"f{i}" for i in range(40)]
WORDS = [*FILLER, "where", "?", "in", "gay", "Paree", ",", "France", "."]


def do(task: str, folder: Path, **inputs: str) -> Draft:
    return run_job(ENGINES["transformers"], Job(task=task, model=folder, inputs=inputs, out=folder))


def read(folder: Path, prompt: dict[str, Any]) -> list[str]:
    from transformers import AutoTokenizer

    return [str(text) for text in AutoTokenizer.from_pretrained(folder).batch_decode(prompt["input_ids"])]


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.extractive(tmp_path_factory.mktemp("finder"), WORDS, "Paree", "France")


@pytest.fixture(scope="module")
def denier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.extractive(tmp_path_factory.mktemp("denier"), WORDS, "[CLS]", "[CLS]")


def test_the_answer_is_cut_from_the_text(finder: Path) -> None:
    draft = do("question-answering", finder, question="where ?", context="in gay  Paree ,\nFrance .")
    assert draft.text == "Paree ,\nFrance"
    assert isinstance(draft.data, list)
    best = draft.data[0]
    assert isinstance(best, dict)
    assert best["answer"] == draft.text
    assert isinstance(best["score"], float)
    assert 0.5 < best["score"] <= 1


@pytest.mark.parametrize("before", [0, 25, 29, 35, 70, 300])
def test_the_answer_is_found_anywhere_in_a_long_text(finder: Path, before: int) -> None:
    words = [FILLER[i % 40] for i in range(before)]
    context = " ".join([*words, "gay", "Paree,", "France.", *(FILLER[i % 40] for i in range(200))])
    assert do("question-answering", finder, question="where?", context=context).text == "Paree, France"


def test_windows_overlap(finder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertForQuestionAnswering

    seen: list[list[int]] = []
    forward = BertForQuestionAnswering.forward

    def noted(self: Any, **given: Any) -> Any:
        seen.append(given["input_ids"][0].tolist())
        return forward(self, **given)

    # The engine leaves out what `forward` does not take.
    monkeypatch.setattr(noted, "__signature__", signature(forward), raising=False)
    monkeypatch.setattr(BertForQuestionAnswering, "forward", noted)
    do("question-answering", finder, question="where ?", context=" ".join(FILLER[:40]))
    assert len(seen) == 2
    assert max(map(len, seen)) == 40
    assert len(set(seen[0]) & set(seen[1])) > 8 + 4  # the question and three that frame it are in both


def test_no_answer_is_an_answer(denier: Path) -> None:
    draft = do("question-answering", denier, question="where ?", context="in gay Paree . " * 20)
    assert draft.text == NO_ANSWER
    assert isinstance(draft.data, list)
    assert isinstance(draft.data[0], dict)
    assert draft.data[0]["answer"] == ""


def test_an_encoder_decoder_writes_its_answer(tmp_path: Path, generated: list[dict[str, Any]]) -> None:
    folder = tiny.t5(
        tmp_path, ["question:", "▁question", "▁context", "▁where", "▁here"], "▁here", n_positions=200
    )
    long = " ".join(["here is the text ."] * 40)
    draft = do("question-answering", folder, question="where?", context=long)
    asked = [text for prompt in generated for text in read(folder, prompt)]
    assert len(asked) > 1
    assert all(text.startswith("question: where? context: here is") for text in asked)
    assert (
        "".join(text.split("context: ")[1].removesuffix("</s>").strip() for text in asked).count("text") == 40
    )
    assert isinstance(draft.data, list)
    scores = [item["score"] for item in draft.data if isinstance(item, dict)]
    assert all(isinstance(score, float) and 0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, key=lambda score: -float(str(score)))
    assert draft.text == "here here here"


@pytest.mark.parametrize(("question", "context"), [("", "text"), ("what?", " ")])
def test_empty_inputs(finder: Path, question: str, context: str) -> None:
    with pytest.raises(InputError, match="a question and a context"):
        do("question-answering", finder, question=question, context=context)


def test_a_question_that_fills_the_window(finder: Path) -> None:
    with pytest.raises(InputError, match="question is too long"):
        do("question-answering", finder, question="where " * 30, context="in Paree")


def test_models_that_were_not_trained_for_it(tmp_path: Path, finder: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(
        BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=0, num_attention_heads=1)
    ).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="not trained to answer"):
        do("question-answering", tmp_path, question="a", context="b")
    with pytest.raises(ModelError, match="cannot be loaded"):
        do("summarization", finder, text="a b c")
    with pytest.raises(ModelError, match="cannot do depth-estimation"):
        do("depth-estimation", finder)


def test_weights_that_are_no_safetensors_are_not_loaded(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tiny.bart(tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded: .*safetensors"):
        do("summarization", folder, text="w1 w2 .")


def test_heads_without_weights_are_refused(tmp_path: Path) -> None:
    import json

    folder = tiny.t5(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["MT5ForQuestionAnswering"]}))
    with pytest.raises(ModelError, match="was not trained for this"):
        do("question-answering", folder, question="where?", context="here")


def test_a_short_text_is_summarised_at_once(tmp_path: Path, generated: list[dict[str, Any]]) -> None:
    folder = tiny.bart(tmp_path, max_length=6, min_length=5, num_beams=2)
    assert do("summarization", folder, text="w1 w2 w3 .").text == "short short short short"
    assert read(folder, generated[0]) == ["<s> w1 w2 w3 . </s>"]
    # The model's own least length is for longer texts than these 6 tokens.
    assert generated[0]["min_length"] == 3


def test_a_long_text_is_summarised_in_pieces_and_then_the_summaries(
    tmp_path: Path, generated: list[dict[str, Any]]
) -> None:
    folder = tiny.bart(tmp_path, max_length=5, min_length=4)
    sentences = [" ".join(f"w{10 * row + i}" for i in range(10)) + " ." for row in range(5)] * 4
    draft = do("summarization", folder, text=" ".join(sentences))
    *pieces, summaries = [text for prompt in generated for text in read(folder, prompt)]
    assert draft.text == "short short short"
    assert len(pieces) > 3
    inner = (piece.removeprefix("<s> ").removesuffix(" </s>") for piece in pieces)
    assert " ".join(inner) == " ".join(sentences)
    assert summaries.count("short") == 3 * len(pieces)
    assert [prompt["min_length"] for prompt in generated] == [4] * len(generated)


def test_summaries_that_do_not_get_shorter_end(tmp_path: Path) -> None:
    folder = tiny.bart(tmp_path, max_length=30, min_length=30)
    text = " ".join(["w1 w2 ."] * 40)
    lines = do("summarization", folder, text=text).text.splitlines()
    assert len(lines) > 1
    assert all(line == " ".join(["short"] * 28) for line in lines)


def test_t5_is_told_what_to_do_as_its_configuration_says(
    tmp_path: Path, generated: list[dict[str, Any]]
) -> None:
    recipe = {"prefix": "summarize: ", "num_beams": 3, "max_length": 9, "no_repeat_ngram_size": 2}
    folder = tiny.t5(tmp_path, ["▁storm"], "▁storm", task_specific_params={"summarization": recipe})
    assert "storm" in do("summarization", folder, text="storm over the sea").text
    assert read(folder, generated[0]) == ["summarize: storm over the sea</s>"]
    assert (generated[0]["num_beams"], generated[0]["max_length"]) == (3, 9)
    assert "prefix" not in generated[0]


def test_the_engine_does_what_its_row_says() -> None:
    assert set(TASKS) == set(ENGINES["transformers"].tasks)


def test_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text is empty"):
        do("summarization", tmp_path, text=" \n")


@pytest.fixture
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


@pytest.mark.usefixtures("_no_workers_left")
async def test_in_a_worker(finder: Path, tmp_path: Path) -> None:
    inputs = {"question": "where ?", "context": "in gay Paree , France .", "text": "in Paree"}
    job = Job(task="question-answering", model=finder, inputs=inputs, out=tmp_path)
    draft = await workers.call("tiny/finder", run_job, ENGINES["transformers"], job)
    assert draft.text == "Paree , France"
    with pytest.raises(ModelError, match="cannot be loaded"):
        await workers.call(
            "tiny/finder",
            run_job,
            ENGINES["transformers"],
            job.model_copy(
                update={
                    "task": "image-to-image",
                    "inputs": {"image": str(Path(__file__).parent.parent / "examples" / "invoice.png")},
                }
            ),
        )
