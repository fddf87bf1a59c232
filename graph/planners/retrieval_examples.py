"""The rows' example phrases as vectors, computed once and kept on disk."""

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tools.settings import settings
from tools.tasks import TaskRow

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]
"""Turns texts into vectors of length 1, one row each."""

PROBE = "Which model embeds this sentence?"
"""Its vector tells models apart, so that vectors of another model are never taken from the cache."""

_kept: dict[str, Vectors] = {}
_probes: WeakKeyDictionary[Embed, Vectors] = WeakKeyDictionary()


@dataclass(frozen=True)
class Examples:
    """All example phrases of some rows."""

    names: tuple[str, ...]
    """The row each vector belongs to; vectors of a row stand together."""
    vectors: Vectors

    def scores(self, clauses: Vectors) -> list[dict[str, float]]:
        """Return for each clause the similarity of its closest example, by row.

        Args:
            clauses: One vector per clause.
        """
        # Not `@`: for so little, BLAS loses more time to its threads on a busy machine than it saves.
        similar = np.einsum("ij,kj->ik", clauses, self.vectors)
        firsts = [at for at, name in enumerate(self.names) if at == 0 or self.names[at - 1] != name]
        best = np.maximum.reduceat(similar, firsts, axis=1).tolist()
        return [dict(zip((self.names[at] for at in firsts), line, strict=True)) for line in best]


async def compare(texts: Sequence[str], rows: Mapping[str, TaskRow], embed: Embed) -> list[dict[str, float]]:
    """Compare texts with the rows' example phrases.

    Args:
        texts: Clauses of a request.
        rows: The task types to compare with.
        embed: The embedding model.

    Returns:
        For each text the similarity of its closest example, by row: -1 to 1.
    """
    known = _probes.get(embed)
    vectors = await embed([*([PROBE] if known is None else []), *texts])
    probe, vectors = (vectors[0], vectors[1:]) if known is None else (known, vectors)
    _probes[embed] = probe
    examples = await _examples(rows, embed, probe)
    return examples.scores(vectors) if texts else []


async def _examples(rows: Mapping[str, TaskRow], embed: Embed, probe: Vectors) -> Examples:
    pairs = [(name, phrase) for name, row in rows.items() for phrase in row.examples]
    phrases = [phrase for _, phrase in pairs]
    # Rounded, because the last digits differ between processors.
    key = hashlib.sha256("\n".join([str(np.round(probe, 2).tolist()), *phrases]).encode()).hexdigest()
    if key not in _kept:
        file = settings().cache_dir / "planner" / f"{key}.npy"
        stored = await asyncio.to_thread(_load, file, len(phrases))
        if stored is None:
            stored = await embed(phrases)
            await asyncio.to_thread(_save, file, stored)
        _kept[key] = stored
    return Examples(tuple(name for name, _ in pairs), _kept[key])


def _load(file: Path, count: int) -> Vectors | None:
    """Return the vectors of a cache file, or None when it is missing or damaged."""
    try:
        vectors: Vectors = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if len(vectors) == count else None


def _save(file: Path, vectors: Vectors) -> None:
    """Write in one step, so that another process never reads half a file; a full disk only costs the cache."""
    buffer = io.BytesIO()
    np.save(buffer, vectors)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(buffer.getvalue())
        Path(name).replace(file)
    except OSError:
        return
