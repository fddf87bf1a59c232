"""Questions about a page: its printed text is read first, then a chat model answers from it."""

from tools.chat import EMBEDDED
from tools.errors import ModelError
from tools.experts import workers
from tools.experts.chat import run_chat
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.printed_text import NOTHING
from tools.outputs import Draft

READER = "PP-OCR"
"""The worker that reads; the same one that serves image-to-text."""


async def run_document(job: Job, *, chat: str = EMBEDDED, timeout: float | None = None) -> Draft:
    """Answer `question` about the page `image`.

    Args:
        job: The task, with a local file for `image`.
        chat: Name of the chat model that answers.
        timeout: Seconds for each of the two steps.

    Returns:
        The answer; `data["page"]` is the text that was read.

    Raises:
        InputError: The file is no picture, or the question is empty.
        ModelError: There is no printed text on the page, or no answer came.
    """
    reading = Job(task="image-to-text", model=None, inputs={"image": job.inputs["image"]}, out=job.out)
    page = await workers.call(READER, run_job, ENGINES["rapidocr"], reading, timeout=timeout)
    if page.text == NOTHING:
        raise ModelError(NOTHING)
    asked = {"context": page.text, "question": job.inputs["question"]}
    answer = await run_chat("document-question-answering", chat, asked, timeout=timeout)
    return Draft(text=answer.text, data={"page": page.text})
