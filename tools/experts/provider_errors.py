"""What went wrong with a server that runs models, as errors of ours."""

from dataclasses import dataclass

import httpx
from PIL import Image

from tools.errors import (
    AuthError,
    CreditError,
    HuggingGPTError,
    ModelError,
    NotServedError,
    RateLimitError,
    TimeLimitError,
    TransientError,
)

UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, OSError, RuntimeError, SyntaxError,
    Image.DecompressionBombError,
)  # fmt: skip
"""What the library, Pillow and the readers of replies raise for a reply of the wrong form."""
RAISE = "raise the time limit (HUGGINGGPT_TASK_TIMEOUT)"


@dataclass(frozen=True)
class Who:
    """Whom an error is about."""

    name: str
    """E.g. `a/model at fal-ai`."""
    secret: str = ""
    """The token that was sent; never said."""
    keyed: bool = True
    """Whether it may be sent HF_TOKEN."""

    def said(self, reason: object) -> str:
        """Return the first line of what a server or library said, without the token."""
        text = str(reason or "")
        if self.secret:
            text = text.replace(self.secret, "***")
        lines = text.strip().splitlines()
        return f": {lines[0][:200].rstrip('.')}" if lines else ""


def response_of(error: BaseException) -> httpx.Response | None:
    """Return the answer that an error is about, or None when there was none."""
    # The client's errors of text generation keep it in their cause.
    found = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return found if isinstance(found, httpx.Response) else None


def explained(error: BaseException, who: Who) -> HuggingGPTError:
    """Return the error of ours for one that the client raised."""
    response = response_of(error)
    if response is not None:
        return _refused(response.status_code, getattr(error, "server_message", None), who)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TimeLimitError(f"{who.name} did not answer in time; {RAISE} or try again later.")
    if isinstance(error, httpx.TransportError):
        return TransientError(f"{who.name} cannot be reached or cut the connection; try again.")
    return ModelError(f"{who.name} gave no usable reply{who.said(error)}.")


def _refused(status: int, message: str | None, who: Who) -> HuggingGPTError:
    meant = {**STATUSES, **({} if who.keyed else KEYLESS)}
    kind, sentence = meant.get(status, BUSY if status >= 500 else REFUSED)
    return kind(sentence.format(who=who.name, status=status, said=who.said(message)))


Meant = tuple[type[HuggingGPTError], str]
BUSY: Meant = (TransientError, "{who} is busy, starting or broken (status {status}); try again later.")
REFUSED: Meant = (ModelError, "{who} refused the request (status {status}){said}.")
NOT_SERVED: Meant = (NotServedError, "{who} is not served (status {status}); choose another model.")
NO_KEY: Meant = (
    AuthError,
    "{who} asks for a key, but HF_TOKEN is sent to Hugging Face alone; use an endpoint that needs none.",
)
STATUSES: dict[int, Meant] = {
    401: (AuthError, "Hugging Face refused the token for {who}; set HF_TOKEN to a valid one."),
    402: (
        CreditError,
        "The credit for inference providers is used up; add some at https://huggingface.co/settings/billing, or set "
        "HF_TOKEN to the token of another account.",
    ),
    403: (
        AuthError,
        "The token may not use {who}; set HF_TOKEN to one with the permission to call inference providers, and accept "
        "the model's terms on its page.",
    ),
    404: NOT_SERVED,
    405: NOT_SERVED,
    410: NOT_SERVED,
    408: BUSY,
    425: BUSY,
    413: (ModelError, "{who} takes no input as large as this; make it smaller or choose another model."),
    429: (RateLimitError, "{who} is asked too often; try again later or choose another model."),
}
"""What a status means. That of 401, 402 and 403 is the same for all providers."""
KEYLESS: dict[int, Meant] = {401: NO_KEY, 402: REFUSED, 403: NO_KEY}
"""The same for a server that HF_TOKEN is not sent to."""


def together(errors: list[ModelError]) -> ModelError:
    """Return one error for all servers that failed: of their common kind, with every reason once."""
    kinds = {type(error) for error in errors}
    if len(kinds) == 1:
        kind = kinds.pop()
    else:
        kind = TransientError if any(issubclass(one, TransientError) for one in kinds) else ModelError
    return kind(" ".join(dict.fromkeys(str(error) for error in errors)))
