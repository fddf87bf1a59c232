"""Text tasks of the pipeline engine, with tiny random models loaded from disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from device_cases import CASES, built, do
from tiny_models import BYTES, SIZES, WORDS, bytes_tokenizer, rows, run, save, scripted, words_tokenizer

from tools.errors import InputError, ModelError, SetupError
from tools.experts import adapters, workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.pipelines import generation
from tools.experts.pipelines.generation import whole
from tools.experts.pipelines.loading import load
from tools.experts.pipelines.tables import _table, computed, linear

pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = "Anna  lives in Berliner, the CAT sat."
CHAT = "{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"


def bert(head: str, labels: tuple[str, ...] = ("LABEL_0", "LABEL_1")) -> Any:
    import transformers

    names = dict(enumerate(labels))
    config = transformers.BertConfig(**SIZES, id2label=names, label2id={name: i for i, name in names.items()})
    return getattr(transformers, f"Bert{head}")(config)


def tapas() -> tuple[Any, ...]:
    from transformers import TapasConfig, TapasForQuestionAnswering

    config = TapasConfig(
        **SIZES,
        type_vocab_sizes=[3, 256, 256, 2, 256, 256, 10],
        num_aggregation_labels=4,
        aggregation_labels={0: "NONE", 1: "SUM", 2: "AVERAGE", 3: "COUNT"},
    )
    model = TapasForQuestionAnswering(config)
    # The random model would choose no cell; this one chooses all cells of its best column.
    model.output_bias.data.fill_(50.0)
    model.column_output_bias.data.fill_(0.0)
    return (model,)


def gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    ids = {name: BYTES[name] for name in ("bos_token_id", "eos_token_id")}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=260, n_embd=16, n_layer=1, n_head=2, n_positions=600, pad_token_id=2, **ids)
    )


def bart() -> Any:
    from transformers import BartConfig, BartForConditionalGeneration

    sizes = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    wide = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_position_embeddings": 600}
    return BartForConditionalGeneration(
        BartConfig(vocab_size=260, d_model=16, forced_eos_token_id=1, **sizes, **wide, **BYTES)
    )


def t5() -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    sizes = {"vocab_size": 260, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(**sizes, **BYTES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a model, which is made when it is first asked for."""
    import torch

    root = tmp_path_factory.mktemp("models")
    chat = bytes_tokenizer()
    chat.chat_template = CHAT
    words = words_tokenizer()
    makers: dict[str, Callable[[], tuple[Any, ...]]] = {
        "sentiment": lambda: (bert("ForSequenceClassification", ("bad", "good", "so so")), words),
        "nli": lambda: (bert("ForSequenceClassification", ("contradiction", "neutral", "entailment")), words),
        "entities": lambda: (bert("ForTokenClassification", ("O", "B-PER", "I-PER", "B-LOC")), words),
        "mask": lambda: (bert("ForMaskedLM"), words),
        "plain": lambda: (bert("Model"), words),
        "gpt2": lambda: (gpt2(), bytes_tokenizer()),
        "chat": lambda: (gpt2(), chat),
        "bart": lambda: (bart(), bytes_tokenizer()),
        "t5": lambda: (t5(), bytes_tokenizer()),
        "tapas": lambda: (*tapas(), _tapas_tokenizer(root)),
    }

    def make(name: str) -> Path:
        if not (root / name).is_dir():
            torch.manual_seed(0)
            save(root / name, *makers[name]())
        return root / name

    return make


def _tapas_tokenizer(root: Path) -> Any:
    from transformers import TapasTokenizer

    (root / "vocab.txt").write_text("\n".join(WORDS))
    return TapasTokenizer(vocab_file=str(root / "vocab.txt"))


Folder = Callable[[str], Path]


def test_labels_are_ranked(folder: Folder, tmp_path: Path) -> None:
    draft = run("text-classification", folder("sentiment"), tmp_path, text=TEXT)
    scores = [one["score"] for one in rows(draft)]
    assert {one["label"] for one in rows(draft)} == {"bad", "good", "so so"}
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-3)
    assert draft.text.startswith(f"{rows(draft)[0]['label']} {scores[0]:.2f}, ")


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("text-classification", "sentiment"),
        ("zero-shot-classification", "nli"),
        ("feature-extraction", "plain"),
    ],
)
def test_long_texts_are_cut_to_what_the_model_takes(
    folder: Folder, tmp_path: Path, task: str, model: str
) -> None:
    inputs: dict[str, Any] = {"labels": "sport, art"} if task.startswith("zero") else {}
    assert run(task, folder(model), tmp_path, text=TEXT * 100, **inputs).text


def test_given_labels_are_ranked(folder: Folder, tmp_path: Path) -> None:
    draft = run("zero-shot-classification", folder("nli"), tmp_path, text=TEXT, labels="sport, art, cat")
    assert {one["label"] for one in rows(draft)} == {"sport", "art", "cat"}


@pytest.mark.parametrize(
    ("task", "model", "inputs", "said"),
    [
        ("text-classification", "sentiment", {"text": TEXT, "labels": "a, b"}, "labels of its own"),
        ("zero-shot-classification", "sentiment", {"text": TEXT, "labels": "a, b"}, "no label entailment"),
        (
            "text-classification",
            "plain",
            {"text": TEXT},
            r"BertModel\) was not trained for text-classification",
        ),
        ("text-generation", "gpt2", {"text": "Hello" * 200}, "1000 tokens long, and this model takes 598"),
        ("image-to-text", "gpt2", {}, "cannot do image-to-text"),
    ],
)
def test_what_a_model_cannot_do(  # noqa: PLR0917
    folder: Folder, tmp_path: Path, task: str, model: str, inputs: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        run(task, folder(model), tmp_path, **inputs)


def test_entities_are_the_words_of_the_text(folder: Folder, tmp_path: Path) -> None:
    text = f"  {TEXT} " * 20
    draft = run("token-classification", folder("entities"), tmp_path, text=text)
    first, *_, last = rows(draft)
    for one in rows(draft):
        assert set(one) == {"text", "label", "start", "end", "score"}
        assert text[one["start"] : one["end"]] == one["text"]
        assert one["label"] in ("PER", "LOC")
    # The model takes 62 tokens at once: what comes later is read too.
    assert last["start"] > len(text) * 0.9
    assert draft.text.startswith(f"{first['text']} ({first['label']})")


@pytest.mark.parametrize("mask", ["[MASK]", "<mask>"])
def test_gap_is_filled(folder: Folder, tmp_path: Path, mask: str) -> None:
    draft = run("fill-mask", folder("mask"), tmp_path, text=f"the {mask} sat .")
    assert len(rows(draft)) == 5
    assert draft.text.replace(" ", "") == f"the{rows(draft)[0]['word']}sat."


@pytest.mark.parametrize(("text", "gaps"), [("the cat sat.", 0), ("the [MASK] <mask>.", 2)])
def test_number_of_gaps(folder: Folder, tmp_path: Path, text: str, gaps: int) -> None:
    with pytest.raises(InputError, match=rf"{gaps} \[MASK\]"):
        run("fill-mask", folder("mask"), tmp_path, text=text)


def test_vector_is_the_mean_of_the_tokens(folder: Folder, tmp_path: Path) -> None:
    import torch
    from transformers import BertModel

    draft = run("feature-extraction", folder("plain"), tmp_path, text=TEXT)
    with torch.inference_mode():
        states = BertModel.from_pretrained(folder("plain"))(**words_tokenizer()(TEXT, return_tensors="pt"))
    expected = torch.nn.functional.normalize(states.last_hidden_state[0].mean(0), dim=0)
    assert draft.text == "An embedding of 16 numbers."
    assert draft.data == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("task", "model"),
    [("text-generation", "gpt2"), ("conversational", "chat"), ("text-generation", "t5")],
)
def test_new_text_only(folder: Folder, tmp_path: Path, task: str, model: str) -> None:
    pipe = load("text-generation", folder(model), "cpu")
    # Whatever it reads, it writes three letters and ends.
    pipe.model.generation_config.update(do_sample=False, num_beams=1, forced_eos_token_id=None)
    pipe.model.lm_head = scripted([*pipe.tokenizer("bbb")["input_ids"], BYTES["eos_token_id"]], 260)
    assert run(task, folder(model), tmp_path, text="Once upon a time").text == "bbb"


def test_text_that_reaches_the_limit_ends_with_a_whole_sentence(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(generation.MAX_NEW_TOKENS, "text-generation", 12)
    pipe = load("text-generation", folder("gpt2"), "cpu")
    pipe.model.lm_head = scripted(pipe.tokenizer("It is so. But then more")["input_ids"], 260)
    assert run("text-generation", folder("gpt2"), tmp_path, text="Once").text == "It is so."


def test_chat_template_is_used_where_there_is_one(folder: Folder) -> None:
    chat, plain = (load("text-generation", folder(name), "cpu").tokenizer for name in ("chat", "gpt2"))
    assert generation._prompt(chat, "Hello") == ([{"role": "user", "content": "Hello"}], 8)
    assert generation._prompt(plain, "Hello") == ("Hello", 5)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. Two! And thr", "One. Two!"),
        ('He said "no." Then', 'He said "no."'),
        ("A. " + "long " * 9, "A. " + "long " * 9),
        ("It cost 3.50 and", "It cost 3.50 and"),
        ("\u4f60\u597d\u3002\u6211", "\u4f60\u597d\u3002"),
    ],
)
def test_unfinished_sentences_are_cut(text: str, kept: str) -> None:
    assert whole(text) == kept


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "people.csv"
    path.write_text("\ufeffname,age\nAnna,36\nBob,41\nthe cat,\n", encoding="utf-8")
    return str(path)


def test_table_is_answered_from_cells(folder: Folder, tmp_path: Path, table: str) -> None:
    draft = run(
        "table-question-answering", folder("tapas"), tmp_path, table=table, question="How old is Bob?"
    )
    data: Any = draft.data
    assert set(data) == {"answer", "cells"}
    assert draft.text == data["answer"]
    assert data["cells"]
    assert set(data["cells"]) <= {"Anna", "Bob", "the cat", "36", "41", ""}


def test_table_is_answered_in_words(folder: Folder, tmp_path: Path, table: str) -> None:
    pipe = load("table-question-answering", folder("bart"), "cpu")
    pipe.model.generation_config.update(num_beams=1, forced_eos_token_id=None)
    pipe.model.lm_head = scripted([*pipe.tokenizer("bbb")["input_ids"], BYTES["eos_token_id"]], 260)
    draft = run("table-question-answering", folder("bart"), tmp_path, table=table, question="How old is Bob?")
    assert (draft.text, draft.data) == ("bbb", {"answer": "bbb", "cells": []})


def test_cells_are_texts_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\tcountry\n007\tNA\n1.50\t\n")
    assert _table(str(tmp_path / "t.tsv")).values.tolist() == [["007", "NA"], ["1.50", ""]]


def test_table_in_one_line() -> None:
    assert linear("Who?", ["Name", "Age"], [["Anna", "36"], ["Bob", ""]]) == (
        "who? col : name | age row 1 : anna | 36 row 2 : bob | "
    )


@pytest.mark.parametrize(
    ("aggregator", "cells", "answer"),
    [
        ("NONE", ["a", "b"], "a, b"),
        ("SUM", ["1,200 kg", "-0.5"], "1199.5"),
        ("AVERAGE", ["1", "2"], "1.5"),
        ("COUNT", ["a", "b"], "2"),
        ("COUNT", [], "0"),
        ("SUM", ["1", "many"], "1, many"),
        ("NONE", [], "No cell of the table answers this."),
    ],
)
def test_aggregators(aggregator: str, cells: list[str], answer: str) -> None:
    assert computed(aggregator, cells) == answer


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b\n1,2,3\n1,2,3,4\n\xff"])
def test_what_is_no_table(folder: Folder, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"^t\.csv"):
        run(
            "table-question-answering",
            folder("bart"),
            tmp_path,
            table=str(tmp_path / "t.csv"),
            question="Who?",
        )


@pytest.mark.parametrize(
    "task",
    ["text-classification", "token-classification", "fill-mask", "feature-extraction", "text-generation"],
)
def test_empty_text(folder: Folder, tmp_path: Path, task: str) -> None:
    with pytest.raises(InputError, match="text is empty"):
        run(task, folder("plain"), tmp_path, text=" \n")


@pytest.mark.parametrize(
    ("others", "said"), [((), "no weights in the safetensors format"), (("extra",), "cannot be loaded")]
)
def test_pickled_weights_are_refused(tmp_path: Path, others: tuple[str, ...], said: str) -> None:
    import torch

    weights = bert("ForMaskedLM")
    model = save(tmp_path / "pickled", weights, words_tokenizer())
    (model / "model.safetensors").unlink()
    torch.save(weights.state_dict(), model / "pytorch_model.bin")
    for name in others:
        (model / f"{name}.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=said):
        run("fill-mask", model, tmp_path / "out", text="the [MASK]")


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    model = save(tmp_path / "model", bert("ForMaskedLM"), words_tokenizer())
    (model / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((model / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModelForMaskedLM": "evil.Model"},
    }
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        run("fill-mask", model, tmp_path / "out", text="the [MASK]")
    assert not (tmp_path / "ran").exists()


def test_broken_weights_are_a_sentence(tmp_path: Path) -> None:
    model = save(tmp_path / "model", bert("ForMaskedLM"), words_tokenizer())
    (model / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"^This model cannot be loaded: [^\n]+$"):
        run("fill-mask", model, tmp_path / "out", text="the [MASK]")


def test_model_is_loaded_once(folder: Folder) -> None:
    assert load("fill-mask", folder("mask"), "cpu") is load("fill-mask", folder("mask"), "cpu")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text("{}")
    return tmp_path / "lora"


def test_adapters_need_a_base_and_a_library(
    folder: Folder, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="as its base"):
        run("fill-mask", adapter, adapter, text="the [MASK]")
    monkeypatch.setattr(adapters, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install .hugginggpt\[adapters"):
        run("fill-mask", adapter, adapter, base=folder("mask"), text="the [MASK]")


def test_an_adapter_is_loaded_where_its_model_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    case = CASES["adapter"]
    folders = built(case, tmp_path)
    # As on a machine with a GPU.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert rows(do(case, folders, tmp_path, tmp_path / "out", "cpu"))


async def test_in_a_worker_process(folder: Folder, tmp_path: Path) -> None:
    job = Job(task="text-classification", model=folder("sentiment"), inputs={"text": TEXT}, out=tmp_path)
    try:
        draft = await workers.call("tiny", run_job, ENGINES["pipeline"], job)
    finally:
        workers.shutdown()
    assert draft == run("text-classification", folder("sentiment"), tmp_path, text=TEXT)
