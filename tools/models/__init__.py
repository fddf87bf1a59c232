"""Models: which can do a task here, which is best, and how each is run."""

from tools.models.candidates import candidates, find, recent, shortlist, why_none
from tools.models.model import Mode, Model, Way
from tools.models.own import chat_expert, embedded_models

__all__ = [
    "Mode",
    "Model",
    "Way",
    "candidates",
    "chat_expert",
    "embedded_models",
    "find",
    "recent",
    "shortlist",
    "why_none",
]
