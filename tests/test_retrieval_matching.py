"""What corrects the similarities, with the similarities given."""

import hashlib

import pytest

from graph.planners.retrieval_clauses import read
from graph.planners.retrieval_matching import Matcher
from tools.outputs import Artifact
from tools.tasks import TASKS

PICTURE = Artifact(
    sha256=hashlib.sha256(b"p").hexdigest(), media="image", mime="image/png", suffix=".png", name="p.png"
)


@pytest.mark.parametrize(
    ("request_", "similar", "chosen"),
    [
        ("Enhance it", {"audio-to-audio": 0.7, "image-to-image": 0.5}, "image-to-image"),
        ("Generate a video of it", {"text-to-image": 0.6, "text-to-video": 0.5}, "text-to-video"),
        (
            "Use image segmentation on it",
            {"object-detection": 0.6, "image-segmentation": 0.5},
            "image-segmentation",
        ),
        (
            "Label it",
            {"zero-shot-image-classification": 0.9, "image-classification": 0.5},
            "image-classification",
        ),
        ("Run it", {"canny-control": 0.9, "depth-estimation": 0.5}, "depth-estimation"),
        (
            "Who is that?",
            {"question-answering": 0.2, "visual-question-answering": 0.1},
            "visual-question-answering",
        ),
        (
            "Read the invoice",
            {"document-question-answering": 0.9, "image-to-text": 0.4},
            "image-to-text",
        ),
        ("Make this photo sharp", {"text-to-image": 0.52, "image-to-image": 0.5}, "image-to-image"),
        ("Go away", {"image-to-text": 0.3, "image-segmentation": 0.2}, None),
    ],
)
def test_what_is_there_and_what_is_wanted_outweigh_a_little_likeness(
    request_: str, similar: dict[str, float], chosen: str | None
) -> None:
    rows = {name: TASKS[name] for name in similar}
    request = read(request_, [PICTURE])
    picks = Matcher(request, [PICTURE], rows).choose({clause.plain: similar for clause in request.clauses})
    assert [pick.row.name for pick in picks] == ([chosen] if chosen else [])
