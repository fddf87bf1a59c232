"""The pipeline engine on questions about pages."""

from pathlib import Path
from typing import Any

import pytest
import tiny_documents as tiny
from PIL import Image, ImageDraw, ImageFont
from tiny_vision import do

from tools.errors import InputError, ModelError
from tools.experts import printed_text
from tools.experts.engine import Job
from tools.experts.pipelines.documents import split

TASK, QUESTION = "document-question-answering", "What is the total?"
LINES = ("INVOICE 2041", "Widgets 120.00", "Total due 142.80 EUR")
WORDS = " ".join(LINES)


def page(path: Path, lines: tuple[str, ...] = LINES, stain: str = "white") -> Path:
    """Draw a page; the stain is far from its text."""
    image = Image.new("RGB", (640, 400), "white")
    image.paste(stain, (0, 320, 640, 400))
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text(
            (40, 30 + 70 * number), line, fill="black", font=ImageFont.load_default(size=32)
        )
    image.save(path)
    return path


def answers(data: Any) -> list[Any]:
    assert isinstance(data, list)
    return data


def test_layoutlm_answers_with_words_of_the_page(tmp_path: Path) -> None:
    draft = do(TASK, tiny.layoutlm(tmp_path / "model"), page(tmp_path / "page.png"), question=QUESTION)
    found = answers(draft.data)
    assert draft.text == found[0]["answer"]
    assert all(one["answer"] in WORDS and 0 < one["score"] < 1 for one in found)
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len({one["answer"] for one in found}) == len(found)


def test_layoutlmv3_reads_without_tesseract_and_looks_at_the_page(tmp_path: Path) -> None:
    model = tiny.layoutlmv3(tmp_path / "model")
    pages = [page(tmp_path / f"{stain}.png", stain=stain) for stain in ("white", "red")]
    read = [
        printed_text.run(Job(task="x", model=None, inputs={"image": str(p)}, out=tmp_path)).data
        for p in pages
    ]
    assert read[0] == read[1]
    found = []
    for one in pages:
        draft = do(TASK, model, one, question=QUESTION)
        assert draft.text in WORDS
        found.append(answers(draft.data))
    assert found[0] != found[1]


def test_donut_reads_the_page_itself(tmp_path: Path) -> None:
    draft = do(TASK, tiny.donut(tmp_path / "model"), page(tmp_path / "page.png"), question=QUESTION)
    assert draft.text == "total total"
    assert draft.data == [{"answer": "total total", "score": None}]


def test_no_answer_is_told(tmp_path: Path) -> None:
    model = tiny.donut(tmp_path / "model", closes=False)
    with pytest.raises(ModelError, match="found no answer"):
        do(TASK, model, page(tmp_path / "page.png"), question=QUESTION)


def test_a_page_without_text_is_told(tmp_path: Path) -> None:
    model = tiny.layoutlm(tmp_path / "model")
    with pytest.raises(ModelError, match="No printed text"):
        do(TASK, model, page(tmp_path / "page.png", ()), question=QUESTION)


def test_a_question_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="question is empty"):
        do(TASK, tiny.layoutlm(tmp_path / "model"), page(tmp_path / "page.png"), question=" ")


def test_a_line_is_divided_among_its_words() -> None:
    corners = [[100, 50], [200, 50], [200, 60], [100, 60]]
    assert split("ab cde ab", corners, (1000, 100)) == [
        ("ab", [100, 500, 122, 600]),
        ("cde", [133, 500, 167, 600]),
        ("ab", [178, 500, 200, 600]),
    ]


def test_boxes_stay_on_the_page() -> None:
    assert split("word", [[-5, -5], [1010, -5], [1010, 120], [-5, 120]], (1000, 100)) == [
        ("word", [0, 0, 1000, 1000])
    ]
