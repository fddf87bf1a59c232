"""Task rows for controlled image generation: make a condition image, or make an image that follows one."""

from tools.tasks.row import Slot, TaskRow

SCENE = Slot(name="image", media="image", about="The image to take the condition from.")
CONDITION = Slot(name="image", media="image", about="The condition image that sets the layout.")
PROMPT = Slot(name="text", about="Description of the image to make.")


def _control(key: str, thing: str, *examples: str) -> TaskRow:
    """Return the row that turns an image into the condition image of one kind."""
    return TaskRow(
        name=f"{key}-control",
        about=f"Turns an image into {thing} that can guide image generation.",
        examples=examples,
        slots=(SCENE,),
        makes=("image",),
    )


def _guided(key: str, thing: str, *examples: str) -> TaskRow:
    """Return the row that makes an image from a text and a condition image of one kind."""
    return TaskRow(
        name=f"{key}-text-to-image",
        about=f"Makes an image from a description, following the layout of {thing}.",
        examples=examples,
        slots=(CONDITION, PROMPT),
        makes=("image",),
    )


ROWS = (
    _control(
        "canny",
        "a map of its canny edges",
        "Find the canny edges of the image",
        "Run the Canny edge detector on this picture",
        "Make a canny edge map of the photo",
        "Find the edges of this picture",
        "Show me the outlines in the photo",
    ),
    _control(
        "hed",
        "a map of its soft HED edges",
        "Find the soft HED edges of the image",
        "Make a HED boundary map of the picture",
        "Run holistically-nested edge detection on this photo",
    ),
    _control(
        "mlsd",
        "a map of its straight lines",
        "Find the straight lines in the image with MLSD",
        "Detect the line segments of this building",
        "Make an MLSD line map of the room",
        "Find the straight lines in this picture",
    ),
    _control(
        "normal",
        "a map of its surface normals",
        "Compute the normal map of the image",
        "Estimate the surface normals in this photo",
        "Show the surface orientation of the scene",
    ),
    _control(
        "openpose",
        "a drawing of the poses of its people",
        "Find the pose of the person in the image",
        "Make an openpose skeleton of the dancer",
        "Detect the body keypoints in this photo",
    ),
    _guided(
        "canny",
        "a canny edge map",
        "Generate an image that follows the canny edges",
        "Create a picture from this canny edge map and a description",
        "Paint a new image guided by the edge map",
    ),
    _guided(
        "depth",
        "a depth map",
        "Generate an image that follows the depth map",
        "Create a picture with the same depth as this depth map",
        "Make a new scene guided by the depth image",
    ),
    _guided(
        "hed",
        "a map of soft HED edges",
        "Generate an image that follows the HED boundaries",
        "Create a picture from this HED map and a description",
        "Paint a new image guided by the soft edges",
    ),
    _guided(
        "mlsd",
        "a map of straight lines",
        "Generate an image that follows the straight lines",
        "Create a room from this MLSD line map and a description",
        "Make a new building guided by the line segments",
    ),
    _guided(
        "normal",
        "a normal map",
        "Generate an image that follows the normal map",
        "Create a picture from these surface normals and a description",
        "Make a new image guided by the normal map",
    ),
    _guided(
        "openpose",
        "a drawing of poses",
        "Generate an image of a person in the same pose",
        "Create a picture from this openpose skeleton and a description",
        "Draw somebody else in the pose of the person in this image",
    ),
    _guided(
        "seg",
        "a segmentation map",
        "Generate an image that follows the segmentation map",
        "Create a picture from these segments and a description",
        "Make a new scene guided by the segmentation",
    ),
)
