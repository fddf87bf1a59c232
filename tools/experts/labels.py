"""Labels that a text is sorted by."""

from tools.errors import InputError


def labels_of(text: str) -> list[str]:
    """Split labels at commas, semicolons or line ends; each once.

    Args:
        text: For example `sport, politics, weather`.

    Raises:
        InputError: There is none.
    """
    parts = text.replace(";", ",").replace("\n", ",").split(",")
    labels = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not labels:
        raise InputError("There are no labels to choose from; give some, separated by commas.")
    return labels
