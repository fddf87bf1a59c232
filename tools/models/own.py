"""Models that need no search: those of the embedded profile, chat models, and engines that need none."""

from collections.abc import Iterator
from functools import cache

from tools.assets import ASSETS
from tools.chat import EMBEDDED
from tools.experts.engines import CHAT_TASKS, ENGINES
from tools.models.fit import missing_library
from tools.models.model import Model, Way
from tools.tasks import TASKS

CHAT_ENGINES = {**dict.fromkeys(CHAT_TASKS, "chat"), "document-question-answering": "document"}
"""Engines through which a chat model does a task."""
LOCAL_CHATS = ("http://127.0.0.1", "http://localhost", "ollama:")
"""How names of chat models begin that run on this machine."""


@cache
def embedded_models() -> tuple[Model, ...]:
    """Return the models of the embedded profile, installed or not, and the methods that need no model."""
    return (*map(_embedded, ASSETS), *(_method(*row) for row in METHODS))


METHODS = (
    ("opencv/canny", "canny-control", "Canny's edge detector: thin edges of all things."),
    ("opencv/line-segments", "mlsd-control", "Straight line segments, found by their gradients."),
    ("opencv/soft-edges", "hed-control", "Soft edges: strength of the gradient at several scales."),
)
"""What OpenCV does without a model: name, task and description."""


def _embedded(key: str) -> Model:
    asset = ASSETS[key]
    return _here(
        Model(
            id=asset.model,
            tasks=tuple(asset.tasks),
            about=asset.about,
            source="embedded",
            license=asset.license,
            size=asset.size or None,
        ),
        Way(engine=asset.engine, asset=key),
    )


def _method(id_: str, task: str, about: str) -> Model:
    model = Model(id=id_, tasks=(task,), about=about, source="embedded", license="Apache-2.0")
    return _here(model, Way(engine="conditions"))


def methods(task: str) -> Iterator[Model]:
    """Yield the engines that do a task without any model, as experts of their own."""
    for key, engine in ENGINES.items():
        if task in engine.tasks and not engine.libraries:
            yield _here(
                Model(id=key, tasks=(task,), about=TASKS[task].about, source="engine"), Way(engine=key)
            )


def _here(model: Model, way: Way) -> Model:
    lacking = missing_library(way.engine)
    return model.model_copy(update={"obstacles": (lacking,)} if lacking else {"ways": (way,)})


def chat_expert(task: str, name: str) -> Model | None:
    """Return a chat model as an expert, or None for a task it cannot do."""
    if task not in CHAT_ENGINES:
        return None
    way = Way(engine=CHAT_ENGINES[task], local=name == EMBEDDED or name.startswith(LOCAL_CHATS))
    about = "General chat model; follows instructions and knows many languages."
    return _here(Model(id=name, tasks=(task,), about=about, source="chat"), way)
