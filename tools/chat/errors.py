"""Errors of chat clients in our words."""

import re
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tools.errors import HuggingGPTError, InputError, ModelError, SetupError, TransientError
from tools.settings import settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class RefusedError(ModelError):
    """The server does not take this request as it is: it may take it in another form."""


class translated:  # noqa: N801 - read as a verb: `with translated(chat): ...`
    """Turn errors of chat clients into errors of this application while the block runs.

    It goes by the errors' status codes and class names, which the clients of all providers share, so that
    none of them has to be imported. Messages never hold keys.

    Args:
        chat: The model that is asked; its name and the variable of its key are named in messages.
        name: The model's name, when there is no client yet.
        key: The variable that holds its key.

    Raises:
        SetupError: A key is wrong or missing, a quota is used up, or there is no such model.
        TransientError: The server is busy, broken or cannot be reached, or did not answer in time.
        InputError: The request is longer than the model's context.
        RefusedError: The server refused the request for another reason.
        ModelError: Its answer is of no use.
    """

    def __init__(self, chat: "BaseChatModel | None" = None, *, name: str = "", key: str = "") -> None:
        metadata = getattr(chat, "metadata", None) or {}
        self.name = (
            name or getattr(chat, "model_name", "") or getattr(chat, "model_id", "") or "the chat model"
        )
        self.key = key or metadata.get("key_variable") or "the provider's key"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, HuggingGPTError):
            return
        if ours := self._ours(error):
            raise ours from None

    def _ours(self, error: BaseException) -> HuggingGPTError | None:
        status = getattr(error, "status_code", None) or getattr(
            getattr(error, "response", None), "status_code", None
        )
        # Clients put the response also on what they raise for a good one that they cannot read.
        if isinstance(status, int) and status >= 300:
            return self._from_status(status, first_line(error))
        names = {base.__name__ for base in type(error).__mro__}
        if names & TIMEOUTS:
            return TransientError(f"{self.name} did not answer in time; raise the time limit or try again.")
        if names & UNREACHABLE:
            return TransientError(f"{self.name} cannot be reached; check the network and the address.")
        if names & REFUSALS:
            return ModelError(f"{self.name} gave no usable answer: {first_line(error)}")
        if names & UNREADABLE:
            return ModelError(
                f"{self.name} answered in a form that its client cannot read; check the address of the server."
            )
        return None

    def _from_status(self, status: int, said: str) -> HuggingGPTError:
        if status == 402 or "insufficient_quota" in said:
            return SetupError(
                f"The quota for {self.name} is used up; add credit, or set {self.key} to another key."
            )
        if TOO_LONG.search(said):
            return InputError(
                f"The request is too long for {self.name}; shorten it or choose a model with a longer context."
            )
        for first, last, make in STATUS:
            if first <= status <= last and not (status == 404 and OF_THE_FORM.search(said)):
                return make(self, status)
        return RefusedError(f"{self.name} refused the request (status {status}): {said}")


TIMEOUTS = {"APITimeoutError", "TimeoutException", "TimeoutError"}
UNREACHABLE = {"APIConnectionError", "TransportError", "ConnectionError"}
REFUSALS = {"OpenAIError", "APIError", "HTTPError"}
UNREADABLE = {"ValueError", "LookupError", "TypeError", "AttributeError"}
"""What clients raise for a reply of the wrong form, such as a web page."""
TOO_LONG = re.compile(r"context[_ ](?:size|length|window)", re.IGNORECASE)
"""How servers say that a request does not fit into the model's context."""
OF_THE_FORM = re.compile(r"response.?format|schema|\btools?\b|tool.?choice|parameter", re.IGNORECASE)
"""How servers that answer 404 say that it is not the model that is missing but something it should do."""
Make = Callable[[translated, int], HuggingGPTError]
STATUS: tuple[tuple[int, int, Make], ...] = (
    (401, 401, lambda at, _: SetupError(f"{at.name} did not accept the key; set {at.key} to a valid one.")),
    (
        403,
        403,
        lambda at, _: SetupError(f"The key is not allowed to use {at.name}; set {at.key} to another one."),
    ),
    (
        404,
        404,
        lambda at, _: SetupError(f"There is no model {at.name} there; set HUGGINGGPT_MODEL to another one."),
    ),
    (408, 408, lambda at, _: TransientError(f"{at.name} did not answer in time; try again.")),
    (
        429,
        429,
        lambda at, _: TransientError(f"{at.name} has too many requests at the moment; try again later."),
    ),
    (
        500,
        599,
        lambda at, status: TransientError(f"The server of {at.name} failed with status {status}; try again."),
    ),
)
"""What a status code means: first and last code, and the error."""


def first_line(error: BaseException) -> str:
    """Return the first line of a message with anything that looks like a key taken out."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    here = settings()
    for key in (here.api_key, here.openai_api_key, here.azure_openai_api_key, here.hf_token):
        line = line.replace(key.get_secret_value(), "***") if key and key.get_secret_value() else line
    return re.sub(r"\b(?:sk|hf|gsk|key)[-_][\w*-]{4,}|(?<=Bearer )\S+", "***", line)[:300]
