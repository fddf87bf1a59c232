"""Audio tasks of the pipeline engine, with tiny random models loaded from disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_models import BYTES, bytes_tokenizer, rows, run, save, scripted

from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.pipelines import speaking
from tools.experts.pipelines.audio import CLIP, cut
from tools.experts.pipelines.loading import load
from tools.experts.whisper import NOTHING

pytestmark = pytest.mark.filterwarnings("ignore")
SPEECH = sorted((Path(__file__).parent.parent.parent / "shared" / "media").glob("*.flac"))
LETTERS = "_ abcdefghijklmnopqrstuvwxyz'-.,"
SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>",
    "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip
TIMES = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
WHISPER = {token: number for number, token in enumerate(["a", "b", "\u0120", *SPECIAL, *TIMES])}
"""Whisper's vocabulary with two letters and a space."""
Folder = Callable[[str], Path]


def whisper(root: Path) -> tuple[Any, ...]:
    import transformers

    side = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
    sizes = {f"{part}_{name}": size for part in ("encoder", "decoder") for name, size in side.items()}
    end = WHISPER["<|endoftext|>"]
    config = transformers.WhisperConfig(
        vocab_size=len(WHISPER), num_mel_bins=8, d_model=16, pad_token_id=end, bos_token_id=end, eos_token_id=end,
        decoder_start_token_id=WHISPER["<|startoftranscript|>"], suppress_tokens=[], begin_suppress_tokens=[], **sizes,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config)
    settings = {
        "_from_model_config": False,  # its own settings, not what transformers derives
        "is_multilingual": True,
        "lang_to_id": {token: WHISPER[token] for token in ("<|en|>", "<|de|>")},
        "task_to_id": {task: WHISPER[f"<|{task}|>"] for task in ("translate", "transcribe")},
        "no_timestamps_token_id": WHISPER["<|notimestamps|>"],
        "prev_sot_token_id": WHISPER["<|startofprev|>"],
        "max_initial_timestamp_index": 50,
        "num_beams": 1,
        "max_length": 448,
    }
    for name, value in settings.items():
        setattr(model.generation_config, name, value)
    tokenizer = transformers.WhisperTokenizer(vocab=dict(WHISPER), merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL[1:])})
    features = transformers.WhisperFeatureExtractor(feature_size=8)
    return model, transformers.WhisperProcessor(features, tokenizer)


def wav2vec2(head: str, **options: Any) -> Any:
    """Return a model that gives a vector for every 320 samples."""
    import transformers

    config = transformers.Wav2Vec2Config(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(16, 16, 16), conv_stride=(5, 8, 8), conv_kernel=(10, 8, 8), num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2, num_feat_extract_layers=3, **options,
    )  # fmt: skip
    return getattr(transformers, f"Wav2Vec2For{head}")(config)


def ctc(root: Path) -> tuple[Any, ...]:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    tokens = ("<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C")
    (root / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    tokenizer = Wav2Vec2CTCTokenizer(str(root / "vocab.json"))
    return wav2vec2("CTC"), Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer)


def sounds(root: Path) -> tuple[Any, ...]:
    from transformers import Wav2Vec2FeatureExtractor

    names = dict(enumerate(("rain", "dog", "song", "siren", "laughter", "speech", "wind")))
    return wav2vec2("SequenceClassification", id2label=names), Wav2Vec2FeatureExtractor()


def clap(root: Path) -> tuple[Any, ...]:
    import transformers

    text = {"vocab_size": 260, "intermediate_size": 16, "max_position_embeddings": 66, "pad_token_id": 2}
    text |= {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 16}
    audio = {
        "hidden_size": 32,
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
    }
    audio |= {"num_hidden_layers": 2, "projection_dim": 16, "num_classes": 3}
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=16)
    features = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    return transformers.ClapModel(config), features, bytes_tokenizer()


def vits(root: Path) -> tuple[Any, ...]:
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    (root / "letters.json").write_text(json.dumps({letter: number for number, letter in enumerate(LETTERS)}))
    tokenizer = VitsTokenizer(str(root / "letters.json"), phonemize=False, pad_token="_", unk_token="_")
    config = VitsConfig(
        vocab_size=len(LETTERS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, window_size=2, ffn_dim=16,
        flow_size=16, spectrogram_bins=9, upsample_initial_channel=32, upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]],
        prior_encoder_num_flows=1, prior_encoder_num_wavenet_layers=1, posterior_encoder_num_wavenet_layers=1,
        depth_separable_num_layers=1, duration_predictor_num_flows=1, duration_predictor_filter_channels=16,
        sampling_rate=22_050,
    )  # fmt: skip
    return VitsModel(config), tokenizer


def speecht5(root: Path) -> tuple[Any, ...]:
    import sentencepiece
    import transformers

    (root / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 5)
    sentencepiece.SentencePieceTrainer.train(
        input=str(root / "text.txt"), model_prefix=str(root / "letters"), model_type="char", vocab_size=32,
        hard_vocab_limit=False, bos_id=0, pad_id=1, eos_id=2, unk_id=3, minloglevel=2,
    )  # fmt: skip
    tokenizer = transformers.SpeechT5Tokenizer(str(root / "letters.model"))
    config = transformers.SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=8, speaker_embedding_dim=12,
        speech_decoder_prenet_units=16, speech_decoder_postnet_units=16, speech_decoder_postnet_layers=1,
    )  # fmt: skip
    features = transformers.SpeechT5FeatureExtractor(num_mel_bins=8)
    return transformers.SpeechT5ForTextToSpeech(config), transformers.SpeechT5Processor(features, tokenizer)


def vocoder(root: Path) -> tuple[Any, ...]:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    config = SpeechT5HifiGanConfig(
        model_in_dim=8, upsample_initial_channel=16, upsample_rates=[16, 16], upsample_kernel_sizes=[32, 32],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]], sampling_rate=16_000,
    )  # fmt: skip
    return (SpeechT5HifiGan(config),)


def musicgen(root: Path) -> tuple[Any, ...]:
    import transformers

    text = transformers.T5Config(
        vocab_size=260, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, **BYTES
    )
    codec = transformers.EncodecConfig(
        target_bandwidths=[0.25], sampling_rate=16_000, hidden_size=8, num_filters=2, codebook_size=32,
        upsampling_ratios=[8, 5, 4, 10], num_lstm_layers=1,
    )  # fmt: skip
    decoder = transformers.MusicgenDecoderConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, num_codebooks=2,
        pad_token_id=32, bos_token_id=32,
    )  # fmt: skip
    parts = {"text_encoder": text, "audio_encoder": codec, "decoder": decoder}
    config = transformers.MusicgenConfig(**{name: part.to_dict() for name, part in parts.items()})
    model = transformers.MusicgenForConditionalGeneration(config)
    model.generation_config.update(
        decoder_start_token_id=32, pad_token_id=32, bos_token_id=32, max_length=1500, do_sample=True
    )
    features = transformers.EncodecFeatureExtractor(sampling_rate=16_000)
    return model, transformers.MusicgenProcessor(features, bytes_tokenizer())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return the folder of a model, which is made when it is first asked for."""
    import torch

    root = tmp_path_factory.mktemp("models")
    makers = (whisper, ctc, sounds, clap, vits, speecht5, vocoder, musicgen)

    def make(name: str) -> Path:
        if not (root / name).is_dir():
            torch.manual_seed(0)
            maker = next(maker for maker in makers if maker.__name__ == name)
            save(root / name, *maker(root))
        return root / name

    return make


@pytest.fixture
def recording(tmp_path: Path) -> Callable[[float], str]:
    """Write a recording of so many seconds: a rising tone at 22,050 samples a second, in stereo."""

    def write(seconds: float) -> str:
        time = np.arange(int(seconds * 22_050)) / 22_050
        tone = 0.4 * np.sin(2 * np.pi * (200 + 50 * time) * time)
        soundfile.write(tmp_path / "in.flac", np.stack([tone, tone], axis=1), 22_050)
        return str(tmp_path / "in.flac")

    return write


@pytest.mark.parametrize(("seconds", "windows"), [(3, 1), (70, 3)])
def test_whisper_hears_recordings_of_any_length(
    folder: Folder, tmp_path: Path, recording: Callable[[float], str], seconds: int, windows: int
) -> None:
    model = load("automatic-speech-recognition", folder("whisper"), "cpu").model
    spoken = ["<|0.00|>", "a", "b", "<|2.00|>", "<|endoftext|>"]
    said = [WHISPER[token] for token in spoken]
    model.proj_out = scripted([WHISPER["<|de|>"], *said * windows], len(WHISPER))
    draft = run("automatic-speech-recognition", folder("whisper"), tmp_path / "out", audio=recording(seconds))
    assert draft.text.replace(" ", "") == "ab" * windows
    assert draft.data == {
        "seconds": pytest.approx(seconds, abs=0.01),
        "language": "de",
        "segments": [{"start": 30.0 * n, "end": 30.0 * n + 2, "text": "ab"} for n in range(windows)],
    }


def test_whisper_without_settings_for_time_stamps(
    folder: Folder, tmp_path: Path, recording: Callable[[float], str]
) -> None:
    model = tmp_path / "old"
    save(model, *whisper(tmp_path))
    (model / "generation_config.json").unlink()
    loaded = load("automatic-speech-recognition", model, "cpu").model
    loaded.proj_out = scripted([WHISPER["a"], WHISPER["b"], WHISPER["<|endoftext|>"]], len(WHISPER))
    draft: Any = run("automatic-speech-recognition", model, tmp_path / "out", audio=recording(40))
    assert set(draft.text) == set("ab")
    assert draft.data == {"seconds": pytest.approx(40, abs=0.01)}


@pytest.mark.parametrize("seconds", [2, 65])
def test_ctc_hears_recordings_of_any_length(
    folder: Folder, tmp_path: Path, recording: Callable[[float], str], seconds: int
) -> None:
    import torch

    model = load("automatic-speech-recognition", folder("ctc"), "cpu").model
    heard: list[int] = []

    class Layer(torch.nn.Module):  # type: ignore[misc]
        """Hears "A" at the 50th vector of each chunk, nothing else."""

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            heard.append(states.shape[1])
            logits = torch.zeros(*states.shape[:-1], 8)
            logits[..., 0] = 1.0
            logits[:, 50, 5] = 2.0
            return logits

    model.lm_head = Layer()
    draft: Any = run(
        "automatic-speech-recognition", folder("ctc"), tmp_path / "out", audio=recording(seconds)
    )
    # Chunks of 30 seconds overlap by 10; what the overlap hears twice is written once.
    assert len(heard) == (1 if seconds < 30 else 3)
    assert max(heard) <= 30 * 50
    assert draft.text == "A"
    assert draft.data == {"seconds": pytest.approx(seconds, abs=0.01)}


def test_nothing_is_heard(folder: Folder, tmp_path: Path, recording: Callable[[float], str]) -> None:
    model = load("automatic-speech-recognition", folder("ctc"), "cpu").model
    model.lm_head = scripted([0], 8)
    draft = run("automatic-speech-recognition", folder("ctc"), tmp_path / "out", audio=recording(2))
    assert draft.text == NOTHING


@pytest.mark.skipif(not SPEECH, reason="no recordings beside this checkout")
def test_real_speech_is_heard_at_the_models_rate(folder: Folder, tmp_path: Path) -> None:
    draft: Any = run("automatic-speech-recognition", folder("ctc"), tmp_path / "out", audio=str(SPEECH[0]))
    assert draft.data["seconds"] == pytest.approx(soundfile.info(SPEECH[0]).duration, abs=0.01)


@pytest.mark.parametrize("task", ["automatic-speech-recognition", "audio-classification"])
def test_what_is_no_sound(folder: Folder, tmp_path: Path, task: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    model = folder("ctc" if task.startswith("auto") else "sounds")
    with pytest.raises(InputError, match=r"^a\.wav cannot be read as sound"):
        run(task, model, tmp_path / "out", audio=str(tmp_path / "a.wav"))


@pytest.mark.parametrize(
    ("task", "model", "labels"),
    [
        ("audio-classification", "sounds", ("rain", "dog", "song", "siren", "laughter", "speech", "wind")),
        ("zero-shot-audio-classification", "clap", ("rain", "a barking dog", "music")),
    ],
)
def test_sounds_are_classified(  # noqa: PLR0917
    folder: Folder,
    tmp_path: Path,
    recording: Callable[[float], str],
    task: str,
    model: str,
    labels: tuple[str, ...],
) -> None:
    inputs = {"labels": ", ".join(labels)} if model == "clap" else {}
    draft = run(task, folder(model), tmp_path / "out", None, audio=recording(12.5), **inputs)
    scores = [one["score"] for one in rows(draft)]
    assert {one["label"] for one in rows(draft)} == set(labels)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-3)
    assert draft.text.startswith(f"{rows(draft)[0]['label']} {scores[0]:.2f}")


def test_zero_shot_does_not_depend_on_chance(
    folder: Folder, tmp_path: Path, recording: Callable[[float], str]
) -> None:
    """CLAP's own feature extractor takes ten seconds at random from a longer recording."""
    inputs = {"audio": recording(12), "labels": "rain, dog"}
    first, second = (
        run("zero-shot-audio-classification", folder("clap"), tmp_path / "out", None, **inputs)
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("seconds", "lengths"), [(0.5, [0.5]), (10, [10]), (10.5, [10]), (11.5, [10, 1.5]), (30, [10, 10, 10])]
)
def test_clips(seconds: float, lengths: list[float]) -> None:
    clips = cut(np.zeros(int(seconds * 100), np.float32), 100)
    assert [len(clip) / 100 for clip in clips] == lengths
    assert CLIP == 10


def test_vits_speaks_long_texts(folder: Folder, tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 12
    draft: Any = run("text-to-speech", folder("vits"), tmp_path, text=text)
    sound, rate = soundfile.read(draft.files[0])
    assert [path.name for path in draft.files] == ["speech.wav"]
    assert rate == 22_050
    assert draft.data == {"seconds": round(len(sound) / rate, 2)}
    assert draft.text == f"Speech of {len(sound) / rate:.1f} seconds."
    assert 0 < np.abs(sound).max() <= 1
    # Three pieces with two pauses of a fifth of a second between them.
    silent = "".join("s" if value == 0 else "-" for value in sound)
    assert silent.count("s" * 4000) == 2


def test_speecht5_speaks_with_its_vocoder(folder: Folder, tmp_path: Path) -> None:
    draft = run("text-to-speech", folder("speecht5"), tmp_path, folder("vocoder"), text="the lazy dog")
    sound, rate = soundfile.read(draft.files[0])
    assert rate == 16_000
    assert len(sound) >= 256
    assert np.abs(sound).max() > 0


@pytest.mark.parametrize(
    ("base", "said"), [(None, "has to be given as its base"), ("vits", "has to be a vocoder")]
)
def test_speecht5_needs_a_vocoder(folder: Folder, tmp_path: Path, base: str | None, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        run(
            "text-to-speech",
            folder("speecht5"),
            tmp_path,
            folder(base) if base else None,
            text="the lazy dog",
        )


@pytest.mark.parametrize(("task", "text"), [("text-to-speech", " ...! "), ("text-to-audio", " ")])
def test_nothing_to_sound(folder: Folder, tmp_path: Path, task: str, text: str) -> None:
    with pytest.raises(InputError, match="text"):
        run(task, folder("vits"), tmp_path, text=text)


def test_musicgen_makes_a_sound_of_known_length(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "SOUND", 2)
    draft: Any = run("text-to-audio", folder("musicgen"), tmp_path, text="Calm piano music")
    sound, rate = soundfile.read(draft.files[0])
    assert [path.name for path in draft.files] == ["sound.wav", "spectrogram.png"]
    assert rate == 16_000
    assert len(sound) / rate == pytest.approx(2, abs=0.2)
    assert draft.data == {"seconds": round(len(sound) / rate, 2)}
    assert np.abs(sound).max() > 0
    with Image.open(draft.files[1]) as picture:
        assert picture.format == "PNG"
        assert picture.height == 512


async def test_in_a_worker_process(folder: Folder, tmp_path: Path) -> None:
    job = Job(task="text-to-speech", model=folder("vits"), inputs={"text": "the lazy dog"}, out=tmp_path)
    try:
        draft = await workers.call("tiny", run_job, ENGINES["pipeline"], job)
    finally:
        workers.shutdown()
    assert soundfile.info(draft.files[0]).samplerate == 22_050
