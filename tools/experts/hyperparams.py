"""Reading the `hyperparams.yaml` of SpeechBrain's models without running what is in it.

HyperPyYAML, which SpeechBrain reads these files with, imports and calls whatever a file names, even from inside of
tuples and references. Here a file is parsed to a tree, every tag in it is checked, and only what is asked for is
built, from a fixed list of classes.
"""

import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from tools.errors import ModelError

MODELS = "speechbrain.lobes.models"
CLASSES = frozenset(
    {
        *(
            f"{MODELS}.dual_path.{name}"
            for name in ("Encoder", "Decoder", "SBTransformerBlock", "Dual_Path_Model")
        ),
        f"{MODELS}.resepformer.SBTransformerBlock_wnormandskip",
        f"{MODELS}.resepformer.ResourceEfficientSeparator",
        f"{MODELS}.conv_tasnet.MaskNet",
        f"{MODELS}.MetricGAN.EnhancementGenerator",
        f"{MODELS}.MetricGAN_U.EnhancementGenerator",
        f"{MODELS}.EnhanceResnet.EnhanceResnet",
        "speechbrain.processing.features.STFT",
        "speechbrain.processing.features.ISTFT",
        *(f"torch.nn.{name}" for name in ("ReLU", "LeakyReLU", "PReLU", "GELU", "Sigmoid", "Tanh")),
    }
)
"""What `!new:` may build: layers that only compute. Names are whole: behind a prefix a file could reach any module that
is imported there. Blocks that take names of classes as arguments are left out."""
FUNCTIONS = frozenset(
    {
        "speechbrain.processing.features.spectral_magnitude",
        "speechbrain.processing.signal_processing.resynthesize",
        "speechbrain.nnet.normalization.BatchNorm2d",
        "torch.hamming_window",
        "torch.hann_window",
    }
)
"""What `!name:` may hand over."""
PRETRAINER = "speechbrain.utils.parameter_transfer.Pretrainer"
"""Says which file each part is loaded from; it is read, never built."""
REFERENCE = re.compile(r"<(\w+)>")
PLAIN = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp")
)
"""Tags of values that are nothing but themselves."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no types
    """Knows numbers such as `1e-8`, as YAML 1.2 does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


class Hyperparams:
    """The values of a file by name; each is built when it is first asked for, and once."""

    def __init__(self, path: Path) -> None:
        """Parse and check a file.

        Raises:
            ModelError: It cannot be parsed, or names something that is not built here.
        """
        try:
            root = yaml.compose(path.read_text("utf-8"), Loader=_Loader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ModelError(
                f"The model's {path.name} cannot be read: {' '.join(str(error).split())}."
            ) from error
        if not isinstance(root, yaml.MappingNode):
            raise ModelError(f"The model's {path.name} holds no names with values.")
        for node in _nodes(root):
            _check(node)
        self._nodes = {str(key.value): node for key, node in root.value}
        self._built: dict[str, Any] = {}
        self._begun: set[str] = set()
        self._loader = _Loader("")

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __getitem__(self, name: str) -> Any:
        """Return a value.

        Raises:
            ModelError: There is no such name, it leads back to itself, or it is computed from others.
        """
        if name in self._built:
            return self._built[name]
        if name not in self._nodes or name in self._begun:
            raise ModelError(f"The model's hyperparams.yaml has no {name!r} that can be built.")
        self._begun.add(name)
        self._built[name] = self._value(self._nodes[name])
        return self._built[name]

    def loadables(self) -> dict[str, Any]:
        """Return the parts that have a file with weights, by the file's name without `.ckpt`."""
        if "pretrainer" not in self:
            return dict(self["modules"])
        found = {str(key.value): node for key, node in self._nodes["pretrainer"].value}
        return dict(self._value(found["loadables"])) if "loadables" in found else dict(self["modules"])

    def _value(self, node: yaml.Node) -> Any:
        kind, _, name = node.tag.partition(":")
        if kind == "!ref":
            return self._referred(node)
        if kind not in ("!new", "!name"):
            return self._plain(node)
        target, (args, named) = _target(name), self._arguments(node)
        return target(*args, **named) if kind == "!new" else partial(target, *args, **named)

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): self._value(value) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(value) for value in node.value]
        return self._loader.construct_object(node)

    def _arguments(self, node: yaml.Node) -> tuple[list[Any], dict[str, Any]]:
        values = [] if isinstance(node, yaml.ScalarNode) else self._plain(node)
        return ([], values) if isinstance(values, dict) else (values, {})

    def _referred(self, node: yaml.Node) -> Any:
        if not (found := REFERENCE.fullmatch(str(node.value).strip())):
            raise ModelError(
                f"The model's hyperparams.yaml computes {str(node.value)[:80]!r}, which is not done here."
            )
        return self[found[1]]


def _target(name: str) -> Any:
    if name not in CLASSES | FUNCTIONS:
        raise ModelError(f"The model's hyperparams.yaml uses {name}, which is not built here.")
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Yield all nodes of a tree. Aliases, which could make it endless or very large, are not taken."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            raise ModelError(
                "The model is not loaded: its hyperparams.yaml has an alias (*), use !ref instead."
            )
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _check(node: yaml.Node) -> None:
    kind, _, name = node.tag.partition(":")
    allowed = {"!new": CLASSES | {PRETRAINER}, "!name": FUNCTIONS}
    if node.tag == "!ref" or name in allowed.get(kind, ()):
        return
    if node.tag not in PLAIN:
        raise ModelError(
            f"The model is not loaded: its hyperparams.yaml has {node.tag} in line {node.start_mark.line + 1}, and "
            "only the classes of speech models are built from such files."
        )
