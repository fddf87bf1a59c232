"""Pictures that follow others: what a clause says about it, and where the condition image comes from."""

import hashlib

import pytest

from graph.files import message
from graph.meaning import files_meant
from graph.planners.retrieval_clauses import Clause, read
from graph.planners.retrieval_following import apart, guided, joined
from graph.planners.retrieval_guides import guide, kind_of
from graph.planners.retrieval_linking import Linker
from graph.planners.retrieval_matching import Pick
from graph.types import Input
from tools.outputs import Artifact
from tools.tasks import TASKS


def picture(name: str) -> Artifact:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Artifact(sha256=digest, media="image", mime="image/png", suffix=".png", name=name)


def clauses(request: str, *names: str) -> list[Clause]:
    return joined(list(apart(read(request, [picture(name) for name in names]).clauses)))


@pytest.mark.parametrize(
    ("request_", "kind", "rest"),
    [
        ("Paint a forest following these edges", "canny", "Paint a forest"),
        ("Paint a forest guided by the edge map at night", "canny", "Paint a forest at night"),
        ("Draw a knight in the same pose as the man in p.png", "openpose", "Draw a knight"),
        ("Draw a cat, and its pose is the same as the dog's", "openpose", "Draw a cat"),
        ("Draw Superman posing like the man in p.png", "openpose", "Draw Superman"),
        ("Make a hall with the same depth", "depth", "Make a hall"),
        (
            "Draw a village that follows the segmentation in the style of Klee",
            "seg",
            "Draw a village in the style of Klee",
        ),
        ("Create a statue from these surface normals", "normal", "Create a statue"),
        ("Draw an office matching the straight lines", "mlsd", "Draw an office"),
        ("Paint a castle from this sketch", "hed", "Paint a castle"),
        ("Use this scribble to paint a castle", "hed", "paint a castle"),
    ],
)
def test_what_is_followed_is_told_from_what_is_drawn(request_: str, kind: str, rest: str) -> None:
    found = guide(Clause(text=request_, plain=request_))
    assert found is not None
    assert (found.kinds[0], found.rest) == (kind, rest)


@pytest.mark.parametrize(
    "request_",
    [
        "Draw a woman in a yoga pose",
        "Draw a fish in the depths of the sea",
        "Draw a man in the pose of a thinker",
        "Draw 'a girl following the edges'",
        "Describe the picture",
    ],
)
def test_what_only_belongs_to_the_picture_is_not_followed(request_: str) -> None:
    (clause,) = clauses(request_)
    assert guide(clause) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("canny.png", "canny"),
        ("canny (1).png", "canny"),
        ("my_edge_map.png", "canny"),
        ("openpose.png", "openpose"),
        ("yoga_pose.png", None),
        ("layout.png", None),
        ("photo.png", None),
    ],
)
def test_a_condition_image_is_known_by_its_name(name: str, kind: str | None) -> None:
    assert kind_of(picture(name)) == kind


def test_what_is_to_be_followed_may_be_said_before_or_behind() -> None:
    before = clauses("Using the pose in p.png, draw a robot", "p.png")
    behind = clauses("Draw a robot, using the pose in p.png", "p.png")
    assert [clause.text.lower() for clause in before] == ["draw a robot, using the pose in p.png"]
    assert [clause.text.lower() for clause in behind] == ["draw a robot, using the pose in p.png"]
    assert before[0].files == (picture("p.png"),)


def steps(request: str, *names: str) -> list[str]:
    """Return the steps of the pictures that a request wants, as `name(source or value, ...)`."""
    files = [picture(name) for name in names]
    parts = read(request, files)
    picks: list[Pick] = []
    for clause in clauses(request, *names):
        row = guided(clause, TASKS, [pick.row for pick in picks], files)
        picks.append(Pick(clause, row or TASKS["text-to-image"], 1.0))
    named = {file.ref: file.name for file in files}

    def shown(item: Input) -> str:
        return f"<{item.source}>" if item.source else named.get(item.value or "", item.value or "")

    made = Linker(parts, files, TASKS).link(picks)
    return [f"{step.row.name}({', '.join(map(shown, step.inputs))})" for step in made]


def test_a_condition_image_is_made_unless_it_is_given() -> None:
    made = ["openpose-control(p.png)", "openpose-text-to-image(<0>, a robot)"]
    assert steps("Draw a robot in the pose of the man in p.png", "p.png") == made
    assert steps("Draw a robot from this skeleton", "p.png") == ["openpose-text-to-image(p.png, a robot)"]
    assert steps("Draw a robot in the same pose", "openpose.png", "image.png") == [
        "openpose-text-to-image(openpose.png, a robot)"
    ]


def test_the_condition_image_of_another_file_is_another_one() -> None:
    request = (
        "Draw a robot in the pose of the man in a.png, then draw a queen in the pose of the woman in b.png"
    )
    assert steps(request, "a.png", "b.png") == [
        "openpose-control(a.png)",
        "openpose-text-to-image(<0>, a robot)",
        "openpose-control(b.png)",
        "openpose-text-to-image(<2>, a queen)",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        "Draw a robot in the pose of a.png and a queen in the pose of b.png",
        "Draw a robot in the pose of the man in a.png, and a queen in the pose of the woman in b.png",
        "Draw a robot in the pose of a.png, a queen in the pose of b.png",
    ],
)
def test_one_verb_draws_each_thing_after_the_picture_that_is_named_with_it(request_: str) -> None:
    assert steps(request_, "a.png", "b.png") == [
        "openpose-control(a.png)",
        "openpose-text-to-image(<0>, a robot)",
        "openpose-control(b.png)",
        "openpose-text-to-image(<2>, a queen)",
    ]


def test_two_things_in_one_picture_follow_one_pose() -> None:
    assert steps("Draw a robot and a queen in the pose of a.png", "a.png") == [
        "openpose-control(a.png)",
        "openpose-text-to-image(<0>, a robot and a queen)",
    ]


def test_pose_and_content_come_from_two_pictures() -> None:
    assert steps(
        "Based on pose of a.png and content of b.png, please show me a new image", "a.png", "b.png"
    ) == [
        "openpose-control(a.png)",
        "image-to-text(b.png)",
        "openpose-text-to-image(<0>, <1>)",
    ]


@pytest.mark.parametrize("request_", ["Draw a robot in the same pose", "Draw a robot guided by it"])
def test_without_a_picture_nothing_is_followed(request_: str) -> None:
    assert [step.partition("(")[0] for step in steps(request_)] == ["text-to-image"]


def test_a_later_turn_finds_the_condition_image_among_newer_pictures() -> None:
    turns = [message("go", [picture("canny.png")]), message("go on", [picture("image.png")]), message("now")]
    files = [picture("canny.png"), picture("image.png")]
    assert files_meant("Paint a desert following the edges", files, turns) == [files[0]]
    assert files_meant("Describe it", files, turns) == [files[1]]
