"""Recipes of SpeechBrain's models are read, never run, whoever wrote them."""

from pathlib import Path

import pytest

from tools.errors import ModelError
from tools.experts.hyperparams import Hyperparams


def params(folder: Path, text: str) -> Hyperparams:
    (folder / "hyperparams.yaml").write_text(text)
    return Hyperparams(folder / "hyperparams.yaml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: !new:subprocess.Popen [[touch, {mark}]]", "!new:subprocess.Popen"),
        ("a: !apply:os.system ['touch {mark}']", "!apply:os.system"),
        ("a: !applyref:os.system ['touch {mark}']", "!applyref:os.system"),
        ("a: !name:os.system", "!name:os.system"),
        ("a: !module:os", "!module:os"),
        ("a: !include:/etc/passwd", "!include:/etc/passwd"),
        ("a: !!python/object/apply:os.system ['touch {mark}']", "python/object/apply:os.system"),
        ("a: !!python/name:os.system", "python/name:os.system"),
        ("a: [1, {{b: !new:os._exit [1]}}]", "!new:os._exit"),
        ("? !new:os._exit [1]\n: 1", "!new:os._exit"),
        ("a: !new:speechbrain.nnet.CNN.torch.hub.os.system [id]", "speechbrain.nnet.CNN.torch.hub.os.system"),
        ("a: !new:speechbrain.lobes.models.dual_path.SBRNNBlock", "SBRNNBlock"),
        ("a: !name:speechbrain.lobes.models.dual_path.Encoder", "!name:speechbrain"),
        ("a: !new:torch.hamming_window [3]", "!new:torch.hamming_window"),
        ("a: !new:torch.nn.Module.__subclasses__", "__subclasses__"),
        ("a: !PLACEHOLDER", "!PLACEHOLDER"),
        ("a: !copy <b>\nb: 1", "!copy"),
    ],
)
def test_what_is_no_speech_model_is_named_and_not_built(tmp_path: Path, text: str, named: str) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(ModelError, match=r"is not loaded: its hyperparams\.yaml has ") as caught:
        params(tmp_path, text.format(mark=mark))
    assert named in str(caught.value)
    assert not mark.exists()


def test_texts_that_hyperpyyaml_would_run_stay_texts(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    found = params(
        tmp_path, f"a: (!!python/object/apply:os.system ['touch {mark}'],)\nb: 1e-8\nc: [1, on, ~]"
    )
    assert found["a"] == f"(!!python/object/apply:os.system ['touch {mark}'],)"
    assert (found["b"], found["c"]) == (1e-8, [1, True, None])
    assert not mark.exists()


@pytest.mark.parametrize("expression", ["<b> * 1000", "<b.__class__>", "<b[c]>", "b", "<b>/save"])
def test_references_are_names_and_nothing_else(tmp_path: Path, expression: str) -> None:
    with pytest.raises(ModelError, match="which is not done here"):
        params(tmp_path, f"a: !ref {expression}\nb: 1")["a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: !ref <b>\nb: !ref <a>", "no 'a' that can be built"),
        ("b: 1", "no 'a' that can be built"),
        ("a: &x [*x]", "has an alias"),
        (
            "a: !ref <p>\np: !new:speechbrain.utils.parameter_transfer.Pretrainer",
            "Pretrainer, which is not built",
        ),
        ("- 1", "holds no names"),
        ("a: [", "cannot be read"),
        ("", "holds no names"),
    ],
)
def test_files_that_make_no_model(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        params(tmp_path, text)["a"]


def test_values_are_built_once(tmp_path: Path) -> None:
    found = params(
        tmp_path, "a: !new:torch.nn.PReLU\nb: !ref <a>\nc: {x: !ref <b>, y: !name:torch.hann_window }"
    )
    assert found["c"]["x"] is found["a"]
    assert found["c"]["y"](4).shape == (4,)
    assert found.__contains__("a")
    assert not found.__contains__("d")
