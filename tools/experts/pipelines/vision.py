"""Pictures: labels, objects and vectors; more in the modules that the table names."""

from tools.experts.engine import Job, Run
from tools.experts.files import picture
from tools.experts.labels import labels_of
from tools.experts.pipelines.depth import depth
from tools.experts.pipelines.documents import answer
from tools.experts.pipelines.embedding import embedding
from tools.experts.pipelines.loading import pipe_of
from tools.experts.pipelines.masks import masks, segments
from tools.experts.provider_replies import objects, ranked
from tools.outputs import Draft

GROUNDED = ("grounding-dino", "mm-grounding-dino")
"""Types of model that look for a phrase: lower case with a full stop, as they were trained. They score all
of their 900 boxes, and the authors keep those from about 0.3."""
GROUNDED_THRESHOLD = 0.3


def _labels(job: Job) -> Draft:
    """Sort `image` into the model's own classes."""
    return ranked(pipe_of(job)(picture(job.inputs["image"])), job)


def _chosen_labels(job: Job) -> Draft:
    """Sort `image` by `labels`; CLIP shares 1 out among them, SigLIP scores each on its own."""
    labels = labels_of(job.inputs["labels"], least=2)
    return ranked(pipe_of(job)(picture(job.inputs["image"]), candidate_labels=labels), job)


def _objects(job: Job) -> Draft:
    """Find objects of the model's own classes in `image`."""
    return objects(pipe_of(job)(picture(job.inputs["image"])), job)


def _named_objects(job: Job) -> Draft:
    """Find objects that `labels` name in `image`."""
    pipe, image = pipe_of(job), picture(job.inputs["image"])
    labels = labels_of(job.inputs["labels"])
    if pipe.model.config.model_type not in GROUNDED:
        return objects(pipe(image, candidate_labels=labels), job)
    phrases = {f"{label.lower().rstrip('.')}.": label for label in labels}
    found = pipe(image, candidate_labels=list(phrases), threshold=GROUNDED_THRESHOLD)
    return objects([{**one, "label": phrases[one["label"]]} for one in found], job)


TASKS: dict[str, Run] = {
    "image-classification": _labels,
    "zero-shot-image-classification": _chosen_labels,
    "object-detection": _objects,
    "zero-shot-object-detection": _named_objects,
    "image-segmentation": segments,
    "mask-generation": masks,
    "depth-estimation": depth,
    "document-question-answering": answer,
    "image-feature-extraction": embedding,
}
"""What this engine can do with pictures, by task row."""
