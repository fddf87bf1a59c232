"""Captions, questions about pictures and enlarging, with tiny models on disk, through the engine."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_direct as tiny
from PIL import Image

from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.direct.enhancing import TILE, tiles
from tools.experts.direct.seeing import DESCRIBE
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

SIDE = 32
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 16,
}
SIZE = {"height": SIDE, "width": SIDE}
WORDS = ["a", "red", "square", "what", "is", "it", "?", *DESCRIBE.replace(".", " .").split()]
SPECIALS = ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "red.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return str(path)


def do(task: str, folder: Path, out: Path, **inputs: str) -> Draft:
    return run_job(ENGINES["transformers"], Job(task=task, model=folder, inputs=inputs, out=out))


def words() -> Any:
    return tiny.wordlevel(SPECIALS, WORDS, "[SEP]")


def only(model: Any, tokenizer: Any, *said: str) -> None:
    """Have a model write these tokens only, by what its generation config may say."""
    bias = [[[tokenizer.convert_tokens_to_ids(word)], 1000.0] for word in said]
    model.generation_config.update(sequence_bias=bias, max_new_tokens=3, eos_token_id=None)


def blip_config(tokenizer: Any) -> Any:
    from transformers import BlipConfig

    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "encoder_hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "sep_token_id": 2,
    }
    return BlipConfig(text_config=text, vision_config=VISION, projection_dim=16)


def captioner(folder: Path) -> Path:
    from transformers import BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

    tokenizer = words()
    model = BlipForConditionalGeneration(blip_config(tokenizer))
    model.text_decoder.cls.predictions.bias.data[tokenizer.convert_tokens_to_ids("red")] = 1000.0
    model.save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size=SIZE), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return captioner(tmp_path_factory.mktemp("blip"))


def test_blip_captions(blip: Path, image: str, tmp_path: Path) -> None:
    text = do("image-to-text", blip, tmp_path, image=image).text
    assert text.split() == ["red"] * len(text.split())
    assert len(text.split()) == 60


def paired(folder: Path, tokenizer: Any, *said: str, **generation: Any) -> Path:
    """Save a ViT joined with a GPT-2."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
        ViTModel,
    )

    decoder = GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, add_cross_attention=True, is_decoder=True
    )
    model = VisionEncoderDecoderModel(encoder=ViTModel(ViTConfig(**VISION)), decoder=GPT2LMHeadModel(decoder))
    model.config.decoder_start_token_id = 0
    model.generation_config.update(decoder_start_token_id=0, pad_token_id=1, bos_token_id=0)
    only(model, tokenizer, *said)
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ViTImageProcessor(size=SIZE).save_pretrained(folder)
    return folder


def squares(folder: Path) -> Path:
    return paired(folder, words(), "square")


def test_a_picture_model_joined_with_a_text_model_captions(image: str, tmp_path: Path) -> None:
    draft = do("image-to-text", squares(tmp_path / "model"), tmp_path, image=image)
    assert (draft.text, draft.data) == ("square square square", None)


def test_forms_keep_their_fields(image: str, tmp_path: Path) -> None:
    tokenizer = words()
    tags = ["<s_receipt>", "<s_total>", "</s_total>"]
    tokenizer.add_special_tokens({"additional_special_tokens": tags})
    first = [[tokenizer.convert_tokens_to_ids(tags[:1]), 2000.0]]
    steps = [["<s_receipt>", "<s_total>"], ["<s_receipt>", "<s_total>", "red"]]
    steps += [["<s_receipt>", "<s_total>", "red", "</s_total>"]]
    bias = [*first, *([tokenizer.convert_tokens_to_ids(step), 3000.0] for step in steps)]
    folder = paired(tmp_path / "model", tokenizer, sequence_bias=bias, max_new_tokens=4)
    draft = do("image-to-text", folder, tmp_path, image=image)
    assert (draft.text, draft.data) == ("red", [{"label": "total", "text": "red"}])


def test_git_captions(image: str, tmp_path: Path) -> None:
    from transformers import CLIPImageProcessor, GitConfig, GitForCausalLM, GitProcessor

    tokenizer = words()
    config = GitConfig(
        vision_config=VISION,
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    model = GitForCausalLM(config)
    only(model, tokenizer, "a")
    model.save_pretrained(tmp_path / "model")
    GitProcessor(CLIPImageProcessor(size=SIZE, crop_size=SIZE), tokenizer).save_pretrained(tmp_path / "model")
    assert do("image-to-text", tmp_path / "model", tmp_path, image=image).text == "a a a"


TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)


def llava(folder: Path) -> Path:
    """A LLaVA that says "red" three times."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = words()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=128,
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config)
    only(model, tokenizer, "red")
    model.save_pretrained(folder)
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIZE),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def chatter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llava(tmp_path_factory.mktemp("chatter"))


def read(folder: Path, given: Any) -> str:
    from transformers import AutoTokenizer

    return str(AutoTokenizer.from_pretrained(folder).decode(given["input_ids"][0], skip_special_tokens=True))


def test_a_chat_model_that_sees(
    chatter: Path, image: str, tmp_path: Path, generated: list[dict[str, Any]]
) -> None:
    assert do("image-to-text", chatter, tmp_path, image=image).text == "red red red"
    draft = do("visual-question-answering", chatter, tmp_path, image=image, question="what is it ?")
    assert (draft.text, draft.data) == ("red red red", [{"answer": "red red red", "score": None}])
    assert [read(chatter, given) for given in generated] == [DESCRIBE.replace(".", " ."), "what is it ?"]
    assert all(given["pixel_values"].shape == (1, 3, SIDE, SIDE) for given in generated)


def test_blip_answers(image: str, tmp_path: Path) -> None:
    from transformers import BlipForQuestionAnswering, BlipImageProcessor, BlipProcessor

    tokenizer = words()
    model = BlipForQuestionAnswering(blip_config(tokenizer))
    model.text_decoder.cls.predictions.bias.data[tokenizer.convert_tokens_to_ids("square")] = 1000.0
    model.text_decoder.generation_config.max_new_tokens = 2
    model.save_pretrained(tmp_path / "model")
    BlipProcessor(BlipImageProcessor(size=SIZE), tokenizer).save_pretrained(tmp_path / "model")
    draft = do("visual-question-answering", tmp_path / "model", tmp_path, image=image, question="what ?")
    assert isinstance(draft.data, list)
    assert draft.text.split()[0] == "square"
    assert draft.data == [{"answer": draft.text, "score": None}]


def chooser(folder: Path) -> Path:
    """A ViLT that is sure of "red", thinks "blue" possible and the others not."""
    import torch
    from transformers import ViltConfig, ViltForQuestionAnswering, ViltImageProcessor, ViltProcessor

    tokenizer = words()
    names = dict(enumerate(["blue", "red", "two", "three", "four", "five", "six"]))
    config = ViltConfig(
        **VISION,
        vocab_size=len(tokenizer),
        max_position_embeddings=40,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    model = ViltForQuestionAnswering(config)
    with torch.no_grad():
        model.classifier[-1].weight.zero_()
        model.classifier[-1].bias.copy_(torch.tensor([0.0, 5, -1, -2, -3, -4, -5]))
    model.save_pretrained(folder)
    ViltProcessor(ViltImageProcessor(size={"shortest_edge": SIDE}), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chooser(tmp_path_factory.mktemp("vilt"))


def test_vilt_chooses(vilt: Path, image: str, tmp_path: Path) -> None:
    draft = do("visual-question-answering", vilt, tmp_path, image=image, question="what is it ?")
    assert draft.text == "red"
    assert isinstance(draft.data, list)
    assert draft.data[:2] == [{"answer": "red", "score": 0.9933}, {"answer": "blue", "score": 0.5}]
    assert len(draft.data) == 5


def test_a_question_longer_than_the_model_reads(vilt: Path, image: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="question is too long"):
        do("visual-question-answering", vilt, tmp_path, image=image, question="what is it ? " * 30)


def test_models_that_do_not_answer(blip: Path, vilt: Path, image: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="question is empty"):
        do("visual-question-answering", vilt, tmp_path, image=image, question=" ")
    with pytest.raises(ModelError, match="cannot be loaded"):
        do("image-to-text", vilt, tmp_path, image=image)
    with pytest.raises(ModelError, match="not trained for this"):
        do("visual-question-answering", blip, tmp_path, image=image, question="what ?")
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        do("image-to-text", blip, tmp_path, image=str(bad))


def swin2sr(folder: Path) -> Path:
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

    config = Swin2SRConfig(
        image_size=16, embed_dim=12, depths=[1], num_heads=[2], window_size=4, upscale=2, mlp_ratio=1.0
    )
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    Swin2SRImageProcessor(size_divisor=4).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def enlarger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return swin2sr(tmp_path_factory.mktemp("enlarger"))


def test_pictures_become_larger(enlarger: Path, tmp_path: Path) -> None:
    Image.new("RGB", (21, 10), "red").save(tmp_path / "small.png")
    draft = do("image-to-image", enlarger, tmp_path, image=str(tmp_path / "small.png"))
    assert draft.text == "A picture of 42 x 20 pixels."
    with Image.open(draft.files[0]) as made:
        assert (made.size, made.mode, made.format) == ((42, 20), "RGB", "PNG")


def test_an_instruction_is_for_another_model(enlarger: Path, image: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot follow an instruction"):
        do("image-to-image", enlarger, tmp_path, image=image, instruction="make it blue")


def test_large_pictures_are_done_in_tiles_without_seams(
    enlarger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Swin2SRForImageSuperResolution

    shapes: list[tuple[int, ...]] = []

    def doubled(self: Any, pixel_values: Any) -> Any:
        """Stand for the weights: make each pixel four."""
        shapes.append(tuple(pixel_values.shape))
        made = pixel_values.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return SimpleNamespace(reconstruction=made)

    monkeypatch.setattr(Swin2SRForImageSuperResolution, "forward", doubled)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (TILE + 30, 2 * TILE + 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    draft = do("image-to-image", enlarger, tmp_path, image=str(tmp_path / "large.png"))
    with Image.open(draft.files[0]) as made:
        assert (np.asarray(made) == pixels.repeat(2, 0).repeat(2, 1)).all()
    assert len(shapes) == 6
    assert TILE + 8 < max(max(shape) for shape in shapes) < TILE + 40


@pytest.mark.parametrize("size", [(1, 1), (TILE, TILE), (TILE + 1, 3 * TILE)])
def test_tiles_cover_every_pixel_once(size: tuple[int, int]) -> None:
    hits = np.zeros((size[1], size[0]), int)
    for left, top, right, bottom in tiles(size):
        hits[top:bottom, left:right] += 1
    assert (hits == 1).all()


@pytest.fixture
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


@pytest.mark.usefixtures("_no_workers_left")
async def test_in_a_worker(vilt: Path, image: str, tmp_path: Path) -> None:
    inputs = {"image": image, "question": "what is it ?"}
    job = Job(task="visual-question-answering", model=vilt, inputs=inputs, out=tmp_path)
    assert (await workers.call("tiny/vilt", run_job, ENGINES["transformers"], job)).text == "red"
