"""How vectors and their likeness are told, whichever engine made them."""

from collections.abc import Sequence

from tools.outputs import Draft


def likeness(score: float) -> Draft:
    """Return the output of a comparison; data is `{"score": ...}`.

    Args:
        score: Cosine similarity, from -1 to 1.
    """
    score = round(score, 4)
    text = f"Similarity {score:.2f} (1 is the same meaning, 0 is unrelated)."
    return Draft(text=text, data={"score": score})


def vector(numbers: Sequence[float]) -> Draft:
    """Return the output that one vector is; data lists its numbers."""
    data = [round(float(number), 6) for number in numbers]
    start = ", ".join(f"{number:.3f}" for number in data[:4])
    return Draft(text=f"Vector of {len(data)} numbers: {start}, ...", data=data)
