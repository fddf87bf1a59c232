"""A plugin: the task `palette` and an engine that does it without a model, and hangs when a test tells it to."""

import time
from pathlib import Path

from tools import tasks
from tools.experts import engines
from tools.experts.engine import Engine, Job
from tools.outputs import Draft
from tools.tasks import Slot, TaskRow

PALETTE = TaskRow(
    name="palette",
    about="Finds the dominant colours of a picture.",
    examples=("Make a palette of the picture", "Which colours dominate this image?", "Find its main colours"),
    slots=(Slot(name="image", media="image"),),
    makes=("image",),
    aliases=("dominant-colours",),
)
tasks.register(PALETTE)
engines.register("quantize", Engine(module=__name__, requires="PIL", tasks=("palette",)))


def run(job: Job) -> Draft:
    from PIL import Image

    # <test>/data/artifacts/<digits>/<file>
    notes = Path(job.inputs["image"]).parents[3]
    with (notes / "calls").open("a") as calls:
        calls.write(".")
    if (notes / "hang").exists() and (notes / "calls").read_text() == "..":
        time.sleep(60)
    with Image.open(job.inputs["image"]) as image:
        colour = image.convert("RGB").resize((1, 1))
    made = job.out / "palette.png"
    colour.resize((8, 8)).save(made)
    return Draft(text=f"#{colour.tobytes().hex()}", files=(made,))
