"""Sentence vectors with tiny models of sentence-transformers on disk, through the engine."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_direct as tiny

from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.sentences import TASKS
from tools.outputs import Draft

pytest.importorskip("sentence_transformers")
WORDS = ["tea", "coffee", "I", "like", "love", "rain"]


def saved(root: Path) -> Path:
    """Save a BERT without layers, mean pooling, and a dense layer that makes 8 numbers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS) + 4,
        hidden_size=16,
        num_hidden_layers=0,
        num_attention_heads=1,
        intermediate_size=4,
    )
    BertModel(config).save_pretrained(root / "bert")
    tiny.wordlevel(["[CLS]", "[PAD]", "[SEP]", "[UNK]"], WORDS, "[SEP]").save_pretrained(root / "bert")
    layers = [Transformer(str(root / "bert")), Pooling(16), Dense(16, 8)]
    SentenceTransformer(modules=layers, device="cpu").save_pretrained(str(root / "model"))
    return root / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("sentences"))


def do(task: str, model: Path | None, **inputs: str) -> Draft:
    job = Job(task=task, model=model, inputs=inputs, out=Path(), device="cpu")
    return run_job(ENGINES["sentence-transformers"], job)


def score(model: Path, one: str, other: str) -> float:
    draft = do("sentence-similarity", model, text=one, other_text=other)
    assert isinstance(draft.data, dict)
    found = draft.data["score"]
    assert isinstance(found, float)
    assert draft.text == f"Similarity {found:.2f} (1 is the same meaning, 0 is unrelated)."
    return found


def test_similarity(folder: Path) -> None:
    assert score(folder, "I like tea", "I like tea") == pytest.approx(1, abs=1e-3)
    near, far = score(folder, "I like tea", "I love tea"), score(folder, "I like tea", "rain")
    assert far < near < 1


def test_a_text_is_like_itself_in_half_precision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from tools.experts import sentences

    monkeypatch.setattr(sentences, "dtype_for", lambda device: torch.bfloat16)
    sentences._model.cache_clear()
    assert score(folder, "I like tea", "I like tea") == pytest.approx(1, abs=1e-4)
    sentences._model.cache_clear()


def test_similarity_is_that_of_the_vectors(folder: Path) -> None:
    one, other = (do("feature-extraction", folder, text=text).data for text in ("I like tea", "rain"))
    product = float(np.array(one, float) @ np.array(other, float))
    assert score(folder, "I like tea", "rain") == pytest.approx(product, abs=1e-3)


def test_a_text_becomes_one_vector(folder: Path) -> None:
    draft = do("feature-extraction", folder, text="I like tea")
    assert isinstance(draft.data, list)
    assert len(draft.data) == 8
    assert np.linalg.norm(np.array(draft.data, float)) == pytest.approx(1, abs=1e-4)
    assert draft.text.startswith(f"Vector of 8 numbers: {draft.data[0]:.3f}, ")


@pytest.mark.parametrize(("text", "other", "empty"), [(" ", "rain", "text"), ("rain", "", "other_text")])
def test_empty_texts(folder: Path, text: str, other: str, empty: str) -> None:
    with pytest.raises(InputError, match=f"The {empty} is empty"):
        do("sentence-similarity", folder, text=text, other_text=other)


def test_the_engine_does_what_its_row_says() -> None:
    assert set(TASKS) == set(ENGINES["sentence-transformers"].tasks)


def test_tasks_and_folders_of_others(folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot do summarization"):
        do("summarization", folder, text="rain")
    with pytest.raises(ModelError, match="cannot do feature-extraction"):
        do("feature-extraction", None, text="rain")
    with pytest.raises(ModelError, match=r"has no modules\.json"):
        do("feature-extraction", folder.parent / "bert", text="rain")


@pytest.mark.parametrize("module", [".", "2_Dense"])
def test_pickled_weights_are_not_loaded(folder: Path, tmp_path: Path, module: str) -> None:
    import torch
    from safetensors.torch import load_file

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / module / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    assert do("feature-extraction", copy, text="rain").data
    copy = copy.rename(tmp_path / "pickled")
    (copy / module / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no safetensors"):
        do("feature-extraction", copy, text="rain")


def test_code_that_comes_with_a_model_is_not_run(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Layer: pass\n")
    modules = json.loads((copy / "modules.json").read_text())
    modules[-1]["type"] = "evil.Layer"
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="cannot be loaded"):
        do("feature-extraction", copy, text="rain")
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


@pytest.mark.usefixtures("_no_workers_left")
async def test_in_a_worker(folder: Path, tmp_path: Path) -> None:
    job = Job(task="feature-extraction", model=folder, inputs={"text": "tea"}, out=tmp_path, device="cpu")
    draft = await workers.call("tiny/sentences", run_job, ENGINES["sentence-transformers"], job)
    assert draft == do("feature-extraction", folder, text="tea")
