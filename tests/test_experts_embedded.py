"""Every embedded model on real inputs, from the store to the store."""

import re
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tools import llama
from tools.artifacts import store
from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.run import run
from tools.models import Model, embedded_models
from tools.outputs import Output

pytestmark = pytest.mark.embedded
MEDIA = Path(__file__).parent.parent.parent / "shared" / "media"
needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason="the shared test media are not here")
SPOKEN = {  # as the recordings' README has it
    "237-134500-0000.flac": "Frank read English slowly, and the more he read about this divorce case, "
    "the angrier he grew.",
    "8224-274384-0000.flac": "He passed through Henley, Saint Albans, and came so near to London "
    "as Harrow on the Hill.",
    "1284-1180-0003.flac": "For a long time he had wished to explore the beautiful Land of Oz "
    "in which they lived.",
    "61-70968-0000.flac": "He began a confused complaint against the wizard, who had vanished "
    "behind the curtain on the left.",
}
PAGE = (
    "INVOICE 2041",
    "Brandt Logistics GmbH, Hamburg",
    "Widgets 120.00",
    "Shipping 22.80",
    "Total due 142.80 EUR",
)


@pytest.fixture(autouse=True, scope="module")
def _end_models() -> Iterator[None]:
    yield
    workers.shutdown()
    llama.shutdown()


def model_for(task: str) -> Model:
    return next(model for model in embedded_models() if task in model.tasks)


async def do(task: str, **inputs: str | Path) -> Output:
    values = {
        name: store().put(value).ref if isinstance(value, Path) else value for name, value in inputs.items()
    }
    return await run(task, model_for(task), values, store=store(), timeout=300)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower().replace("st.", "saint"))


def misses(said: str, heard: str) -> int:
    """Count the words of one text that the other lacks, either way."""
    first, second = words(said), words(heard)
    return max(len([w for w in first if w not in second]), len([w for w in second if w not in first]))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    image = Image.new("RGB", (900, 500), "white")
    font = ImageFont.load_default(size=36)
    for number, line in enumerate(PAGE):
        ImageDraw.Draw(image).text((60, 40 + 80 * number), line, fill="black", font=font)
    image.save(tmp_path / "page.png")
    return tmp_path / "page.png"


@needs_media
@pytest.mark.parametrize("name", SPOKEN)
async def test_speech_is_written_down(name: str) -> None:
    output = await do("automatic-speech-recognition", audio=MEDIA / name)
    assert misses(SPOKEN[name], output.text) <= 1
    assert isinstance(output.data, dict)
    assert output.data["language"] == "en"
    segments = output.data["segments"]
    assert isinstance(segments, list)
    assert " ".join(segment["text"] for segment in segments if isinstance(segment, dict)) == output.text  # type: ignore[misc]


async def test_spoken_text_is_heard_again() -> None:
    text = (
        "Maria Jensen will travel from Paris to Berlin. David Miller, our chief engineer in Boston, will lead "
        "the project. Please send him your questions by Friday."
    )
    spoken = await do("text-to-speech", text=text)
    audio = spoken.file("audio")
    assert audio is not None
    with wave.open(str(store().path(audio.ref))) as file:
        assert 3 < file.getnframes() / file.getframerate() < 15
    heard = await do("automatic-speech-recognition", audio=store().path(audio.ref))
    # Piper speaks with some randomness, so a few of the 25 words may be heard wrong.
    assert misses(text, heard.text) <= 3


async def test_long_text_is_spoken_whole() -> None:
    one = await do("text-to-speech", text="This sentence is read aloud again and again.")
    many = await do("text-to-speech", text="This sentence is read aloud again and again. " * 60)
    assert isinstance(one.data, dict)
    assert isinstance(many.data, dict)
    assert float(str(many.data["seconds"])) > 45 * float(str(one.data["seconds"]))


async def test_silence_and_what_is_no_sound(tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16000 * 5))
    assert (await do("automatic-speech-recognition", audio=silence)).text == "(no speech was heard)"
    (tmp_path / "fake.wav").write_bytes(silence.read_bytes()[:44] + b"")
    with pytest.raises(InputError):
        await do("automatic-speech-recognition", audio=tmp_path / "fake.wav")
    with pytest.raises(InputError, match="no text to read"):
        await do("text-to-speech", text=" ... ")


async def test_named_entities() -> None:
    text = "Anna Schmidt met Bob Miller of Siemens in Berlin."
    output = await do("token-classification", text=text)
    assert "Anna Schmidt (PERSON)" in output.text
    assert "Berlin (GPE)" in output.text
    assert isinstance(output.data, list)
    for entity in output.data:
        assert isinstance(entity, dict)
        assert text[int(str(entity["start"])) : int(str(entity["end"]))] == entity["text"]
    assert "no named entities" in (await do("token-classification", text="it rains")).text


async def test_printed_text(page: Path, tmp_path: Path) -> None:
    output = await do("image-to-text", image=page)
    assert misses("\n".join(PAGE), output.text) == 0
    assert output.text.splitlines()[0] == PAGE[0]
    Image.new("RGB", (200, 200), "white").save(tmp_path / "empty.png")
    assert "No printed text" in (await do("image-to-text", image=tmp_path / "empty.png")).text


async def test_questions_about_a_page(page: Path, tmp_path: Path) -> None:
    output = await do("document-question-answering", image=page, question="What is the total due?")
    assert "142.80" in output.text
    Image.new("RGB", (200, 200), "white").save(tmp_path / "empty.png")
    with pytest.raises(ModelError, match="No printed text"):
        await do(
            "document-question-answering", image=tmp_path / "empty.png", question="What is the total due?"
        )


async def test_foreground_is_cut_out(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 300), "skyblue")
    ImageDraw.Draw(image).ellipse((120, 60, 280, 240), fill="darkred")
    image.save(tmp_path / "ball.png")
    output = await do("image-segmentation", image=tmp_path / "ball.png")
    cutout, mask = (Image.open(store().path(file.ref)) for file in output.files)
    assert (cutout.mode, cutout.size, mask.mode, mask.size) == ("RGBA", (400, 300), "L", (400, 300))
    assert isinstance(inside := mask.getpixel((200, 150)), int)
    assert isinstance(outside := mask.getpixel((20, 20)), int)
    assert inside > 200
    assert outside < 50
    assert cutout.getchannel("A").tobytes() == mask.tobytes()


async def test_sentence_vectors() -> None:
    near = await do(
        "sentence-similarity", text="A cat sits on the mat.", other_text="A kitten is on the rug."
    )
    far = await do("sentence-similarity", text="A cat sits on the mat.", other_text="Shares fell on Monday.")
    assert isinstance(near.data, dict)
    assert isinstance(far.data, dict)
    assert float(str(near.data["score"])) > 0.5
    assert float(str(far.data["score"])) < 0.2
    vector = (await do("feature-extraction", text="A cat")).data
    assert isinstance(vector, list)
    assert sum(float(str(x)) ** 2 for x in vector) == pytest.approx(1, abs=1e-3)
    chosen = await do(
        "zero-shot-classification", text="The striker scored twice.", labels="politics, sport, weather"
    )
    assert chosen.text.startswith("sport")


BRIDGE = (
    "The city council of Leeds approved 4.2 million pounds on Monday to repair the Victoria Bridge, which has been "
    "closed since a lorry struck it in March. Work begins on 3 June and takes eight months."
)


@pytest.mark.parametrize(
    ("task", "inputs", "expected"),
    [
        ("summarization", {"text": BRIDGE}, "Victoria Bridge"),
        ("translation", {"text": "The cat is black.", "target_language": "French"}, "chat est noir"),
        ("question-answering", {"context": BRIDGE, "question": "When does work begin?"}, "June"),
        ("text-classification", {"text": "The hotel was dirty and the staff were rude."}, "negative"),
        ("text-generation", {"text": "Write one sentence about the sea."}, "sea|ocean|wave"),
        ("conversational", {"text": "Hello! Who are you?"}, "[Hh]ello|I am|I'm"),
    ],
)
async def test_language_tasks(task: str, inputs: dict[str, str], expected: str) -> None:
    assert re.search(expected, (await do(task, **inputs)).text)
