"""Task rows for video."""

from tools.tasks.row import Slot, TaskRow

ROWS = (
    TaskRow(
        name="video-classification",
        about="Assigns a label such as an action to a video.",
        examples=(
            "Classify this video",
            "What happens in this video clip?",
            "Which sport is played in the video?",
            "Recognise the action in the clip",
            "Determine the category of the video",
            "What kind of video is this?",
            "Which activity does the video show?",
        ),
        slots=(Slot(name="video", media="video", about="The video to look at."),),
        makes=("text",),
        aliases=("action-recognition",),
    ),
    TaskRow(
        name="text-to-video",
        about="Makes a video from a description.",
        examples=(
            "Make a video of a dog running on the beach",
            "Generate a video from this text",
            "Create a short clip of waves at night",
            "Turn the description into a video",
            "Produce a video based on the story",
            "Film a spaceship landing in the desert",
            "Create an animation of the text",
            "Generate a video that illustrates the answer",
            "Create a video from the summary",
            "Turn the paragraph into a short video",
            "I want a video that shows a rocket launch",
            "Make a clip of falling snow",
            "Make a film from the poem",
            "Generate a video explanation",
            "Visualise the story as a video",
            "Produce a short movie about the topic",
            "Turn my text into a video",
            "Turn this description into a video",
        ),
        slots=(Slot(name="text", about="Description of the video."),),
        makes=("video",),
        aliases=("video-generation",),
    ),
    TaskRow(
        name="image-to-video",
        about="Sets a still image in motion.",
        examples=(
            "Animate this photo",
            "Turn the picture into a video",
            "Make the image move",
            "Bring this drawing to life as a clip",
            "Create a video starting from this image",
            "Make a clip out of this photo",
            "Set the picture in motion",
        ),
        slots=(
            Slot(name="image", media="image", about="The image the video starts from."),
            Slot(name="text", required=False, about="Description of the motion."),
        ),
        makes=("video",),
        aliases=("image-animation",),
    ),
)
