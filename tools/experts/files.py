"""Reading input files inside a worker."""

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from tools.errors import InputError, ModelError


def picture(path: str, mode: str = "RGB") -> Image.Image:
    """Open a picture the right way up.

    Args:
        path: The file.
        mode: Pillow's name of the colour mode wanted.

    Raises:
        InputError: It is no picture that can be read.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert(mode)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{Path(path).name} cannot be read as a picture: {error}.") from error


def only(folder: Path | None, pattern: str) -> Path:
    """Return the one file of a model's folder that matches.

    Raises:
        ModelError: There is none.
    """
    if folder is None or not (found := sorted(folder.glob(pattern))):
        raise ModelError(f"The model's folder holds no {pattern} file; delete it to have it fetched again.")
    return found[0]
