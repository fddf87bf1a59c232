"""Replies that answer another question than their task asks: the chosen label, the distance of two embeddings."""

from typing import Any

import numpy as np

from tools.experts import provider_replies as read
from tools.experts.engine import Job
from tools.experts.labels import labels_of
from tools.outputs import Draft


def label(reply: Any, job: Job) -> Draft:
    """The label that a chat model chose; it gives no score.

    Raises:
        ValueError: It named none of the labels, or several.
    """
    said = read.said(reply, job).text.strip("\"'`*. \n").lower()
    labels = {one.lower(): one for one in labels_of(job.inputs["labels"])}
    if said not in labels:
        raise ValueError("none of the labels was chosen")
    return Draft(text=labels[said], data=[{"label": labels[said], "score": None}])


def closeness(reply: Any, job: Job) -> Draft:
    """The cosine of the embeddings of two texts.

    Raises:
        ValueError: They are no two vectors.
    """
    one, other = np.asarray(reply, dtype=np.float64)
    length = np.linalg.norm(one) * np.linalg.norm(other)
    if one.ndim != 1 or not length > 0:
        raise ValueError("no two embeddings")
    return read.similarity([float(one @ other / length)], job)
