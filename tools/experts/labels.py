"""Labels that a text is sorted by."""

from tools.errors import InputError


def labels_of(text: str, least: int = 1) -> list[str]:
    """Split labels at commas, semicolons or line ends; each once.

    Args:
        text: For example `sport, politics, weather`.
        least: Fewest labels that make a choice.

    Raises:
        InputError: There are fewer.
    """
    parts = text.replace(";", ",").replace("\n", ",").split(",")
    labels = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not labels:
        raise InputError("There are no labels to choose from; give some, separated by commas.")
    if len(labels) < least:
        raise InputError(f"There must be at least {least} labels to choose from, separated by commas.")
    return labels
