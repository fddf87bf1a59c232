"""Make the example inputs again: `python examples/make_examples.py`. Needs the extra `embedded`."""

import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tools.assets import resolve

HERE = Path(__file__).parent
RATE = 16_000
"""Sampling rate of the briefing, in hertz: what speech recognition works with."""

BRIEFING = """
Good morning. This is the Monday briefing of the Atlas Energy Group.
On the third of March, Maria Jensen will travel from Paris to Berlin.
She will sign a contract for fifty new turbines, worth twelve million euros.
The first turbines will reach Hamburg in September.
David Miller, our chief engineer in Boston, will lead the project.
Please send him your questions by Friday. Thank you.
"""

ITEMS = (
    ("Rotor bearing RB-220", 4, 310.00),
    ("Hydraulic oil, 20 litres", 6, 85.50),
    ("Inspection and repair, hours", 12, 95.00),
)
"""Lines of the invoice: article, quantity, price of one in euros."""
VAT = 0.20
INK, PALE = 40, 130


def make_briefing(path: Path) -> None:
    """Read `BRIEFING` aloud into a mono 16 kHz WAV file."""
    import av
    from piper import PiperVoice, SynthesisConfig

    folder = resolve("piper-joe")
    assert folder is not None  # noqa: S101 - this asset has files
    voice = PiperVoice.load(folder / "en_US-joe-medium.onnx")
    pause = np.zeros(voice.config.sample_rate // 3, dtype=np.int16)
    calm = SynthesisConfig(length_scale=1.1)
    sentences = voice.synthesize(" ".join(BRIEFING.split()), calm)
    speech = np.concatenate([part for sentence in sentences for part in (sentence.audio_int16_array, pause)])
    frame = av.AudioFrame.from_ndarray(speech[None], format="s16", layout="mono")
    frame.sample_rate = voice.config.sample_rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(part.to_ndarray().tobytes() for part in frames))


def make_invoice(path: Path) -> None:
    """Draw an invoice and make it look scanned: grey paper, a slight turn, blur and noise."""
    page = Image.new("L", (1000, 1300), 226)
    draw = ImageDraw.Draw(page)
    _letterhead(draw)
    _table(draw, top=520)
    page = page.rotate(0.8, resample=Image.Resampling.BICUBIC, fillcolor=200)
    page = page.filter(ImageFilter.GaussianBlur(0.7))
    noise = np.random.default_rng(7).normal(0, 4, (page.height, page.width))
    shade = np.linspace(6, -10, page.width)
    grey = np.clip(np.asarray(page, dtype=float) + noise + shade, 0, 255)
    # 26 grey levels keep the file small; the noise hides the steps.
    Image.fromarray((grey // 10 * 10).astype(np.uint8)).save(path, optimize=True)


def _letterhead(draw: ImageDraw.ImageDraw) -> None:
    _write(draw, 80, 90, "Harbor Machine Works Ltd", 44)
    _write(draw, 80, 150, "14 Quay Street, Bristol BS1 4QA", 24)
    _write(draw, 80, 250, "INVOICE", 56)
    _write(draw, 80, 340, "Invoice number: HM-2047", 26)
    _write(draw, 80, 380, "Date: 12 May 2026", 26)
    _write(draw, 560, 340, "Bill to: Atlas Energy Group", 26)
    _write(draw, 560, 380, "8 Mill Lane, Leeds LS1 3AB", 26)


def _table(draw: ImageDraw.ImageDraw, top: int) -> None:
    net = sum(count * price for _, count, price in ITEMS)
    _row(draw, top, ("Description", "Qty", "Price", "Amount"))
    draw.line((80, top + 44, 920, top + 44), fill=PALE, width=2)
    for number, (name, count, price) in enumerate(ITEMS, 1):
        _row(draw, top + 60 * number, (name, str(count), f"{price:,.2f}", f"{count * price:,.2f}"))
    below = top + 60 * len(ITEMS) + 60
    draw.line((80, below, 920, below), fill=PALE, width=2)
    for number, (name, amount) in enumerate((("Subtotal", net), ("VAT 20%", net * VAT))):
        _row(draw, below + 24 + 46 * number, ("", "", name, f"{amount:,.2f}"))
    _write(draw, 520, below + 140, f"Total due: EUR {net * (1 + VAT):,.2f}", 36)
    _write(draw, 80, below + 280, "Please pay within 30 days to Severn Bank, account 20481193.", 24)
    _write(draw, 80, below + 320, "Thank you for your business.", 24)


def _row(draw: ImageDraw.ImageDraw, top: int, cells: tuple[str, str, str, str]) -> None:
    for left, text in zip((80, 540, 640, 800), cells, strict=True):
        _write(draw, left, top, text, 26)


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, text: str, size: int) -> None:
    draw.text((left, top), text, fill=INK, font=ImageFont.load_default(size))


if __name__ == "__main__":
    make_briefing(HERE / "briefing.wav")
    make_invoice(HERE / "invoice.png")
