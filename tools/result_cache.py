"""Outputs of deterministic experts, kept across runs: the same model on the same inputs makes the same output."""

from collections.abc import Mapping

from pydantic import ValidationError

from tools.assets import ASSETS
from tools.models import Way, find
from tools.outputs import Output
from tools.results import is_whole, keep, kept, key_of

FOLDER, OUTPUT = "cache", "output"
"""Where outputs are kept in the store."""
DETERMINISTIC = frozenset(
    {
        "conditions",
        "faster-whisper",
        "minilm",
        "pipeline",
        "rapidocr",
        "sentence-transformers",
        "skops",
        "spacy",
        "u2net",
    }
)
"""Engines that make the same output of the same inputs. Chat models, providers, voices and diffusion do not."""
SAMPLED = frozenset({"conversational", "text-generation", "text-to-audio", "text-to-speech"})
"""Tasks for which even those engines draw random numbers."""


def cache_key(task: str, id_: str, inputs: Mapping[str, str]) -> str | None:
    """Return the key of an output in the cache, or None when it must not be taken from there.

    Args:
        task: Name of a task row.
        id_: Id of the model.
        inputs: Slot name to text or artifact reference; a reference is a digest of the content.
    """
    model = find(task, id_)
    way = model.ways[0] if model and model.ways else None
    if way is None or way.engine not in DETERMINISTIC or task in SAMPLED:
        return None
    version = version_of(way)
    return key_of("output", task, id_, way.engine, version, dict(inputs)) if version else None


def version_of(way: Way) -> str | None:
    """Return what tells versions of a model apart: digests or the commit of its files; None when neither is known."""
    if way.asset:
        asset = ASSETS[way.asset]
        return key_of(asset.revision, [file.sha256 for file in asset.files])
    if way.folder and way.folder.parent.name == "snapshots":
        return way.folder.name
    return way.revision


def cached(key: str) -> Output | None:
    """Return the output that was kept under a key, if all of its files are still there. Blocking."""
    text = kept(f"{FOLDER}/{key}").get(OUTPUT)
    try:
        output = Output.model_validate_json(text) if text else None
    except ValidationError:
        # Another version wrote it.
        return None
    return output if output and is_whole(output) else None


def cache(key: str, output: Output) -> None:
    """Keep an output, unless another engine had to make it. Blocking."""
    if output.by in DETERMINISTIC:
        keep(f"{FOLDER}/{key}", OUTPUT, output.model_dump_json())
