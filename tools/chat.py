"""Chat models by name, and their errors in our words."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import httpx

from tools.errors import HuggingGPTError, InputError, ModelError, SetupError, TransientError
from tools.settings import settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EMBEDDED = "embedded"
"""Name of the chat model that needs neither key nor network."""
RETRIES = 2
"""How often a client asks again by itself when a server is busy or cannot be reached."""
CONNECT_SECONDS = 10.0
FORMS = (
    "`embedded`, `openai:NAME`, `huggingface:OWNER/NAME`, the address of an OpenAI-compatible server such as "
    "`http://localhost:8000/v1`, or `provider:model` of a LangChain integration"
)
Kwargs = dict[str, Any]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str | None, httpx.AsyncClient]] = (
    WeakKeyDictionary()
)


async def chat_model(
    name: str, *, max_tokens: int | None = None, timeout: float | None = None
) -> "BaseChatModel":
    """Make a client for a chat model.

    Args:
        name: `embedded`; `openai:NAME`, asked at `HUGGINGGPT_BASE_URL` when that is set; `huggingface:REPO`
            through the inference providers; `http(s)://host/v1` or `http(s)://host/v1#model` of an
            OpenAI-compatible server; or any `provider:model` that LangChain's `init_chat_model` knows.
        max_tokens: Most tokens of a reply; None for the model's own limit.
        timeout: Seconds to wait for a reply; None for the client's own limit.

    Returns:
        The client. Wrap calls in `translated(chat)` to get errors of this application.

    Raises:
        InputError: The name has none of these forms.
        SetupError: There is no such model, or a key or a package is missing.
        TransientError: The server at the address cannot be reached.
    """
    limits = {"max_tokens": max_tokens, "timeout": timeout}
    kwargs = {key: value for key, value in limits.items() if value is not None}
    check_name(name)
    make = MAKERS.get(name.partition(":")[0], _other)
    return await make(name, kwargs)


def check_name(name: str) -> None:
    """Refuse a name that has none of the known forms.

    Raises:
        InputError: It has none.
    """
    kind, _, rest = name.partition(":")
    if name != EMBEDDED and (kind == EMBEDDED or not kind or not rest.strip("/ ")):
        raise InputError(f"There is no chat model {name!r}; use {FORMS}.")
    if kind in ("http", "https") and "@" in rest.partition("#")[0]:
        # The name is kept in state and shown in messages.
        raise InputError(
            "An address of a chat model must hold no user name or password; set HUGGINGGPT_API_KEY."
        )


async def _embedded(name: str, kwargs: Kwargs) -> "BaseChatModel":
    from tools import llama

    url, key, uds = await llama.address()
    # A second try would queue behind the first, which the server still works on.
    limits: Kwargs = {"temperature": 0, "max_retries": 0, **kwargs}
    return await _openai_client("", uds, base_url=url, api_key=key, model=name, **limits)


async def _openai(name: str, kwargs: Kwargs) -> "BaseChatModel":
    here, model = settings(), name.removeprefix("openai:")
    if here.base_url:
        return await _at(here.base_url, model, kwargs)
    if here.openai_api_key is None:
        raise SetupError(f"{name} needs a key: set OPENAI_API_KEY, or HUGGINGGPT_BASE_URL to another server.")
    key = here.openai_api_key.get_secret_value()
    return await _openai_client("OPENAI_API_KEY", api_key=key, model=model, max_retries=RETRIES, **kwargs)


async def _address(name: str, kwargs: Kwargs) -> "BaseChatModel":
    url, _, model = name.partition("#")
    return await _at(url, model or await _first_model(url), kwargs)


async def _at(url: str, model: str, kwargs: Kwargs) -> "BaseChatModel":
    common: Kwargs = {"base_url": url, "api_key": _key_for(url), "model": model, "max_retries": RETRIES}
    return await _openai_client("HUGGINGGPT_API_KEY", **common, **kwargs)


def _key_for(url: str) -> str:
    """Return the key of the server the user gave it for; no other server sees it."""
    here = settings()
    if here.api_key and here.base_url and here.base_url.rstrip("/") == url.rstrip("/"):
        return here.api_key.get_secret_value()
    return "none"


async def _first_model(url: str) -> str:
    """Ask an OpenAI-compatible server what it serves."""
    headers = {"Authorization": f"Bearer {_key_for(url)}"}
    with translated(name=url, key="HUGGINGGPT_API_KEY"):
        reply = await _http().get(f"{url.rstrip('/')}/models", headers=headers, timeout=CONNECT_SECONDS)
        reply.raise_for_status()
    try:
        return str(reply.json()["data"][0]["id"])
    except (ValueError, LookupError, TypeError) as error:
        raise SetupError(f"{url} lists no models; name one after a `#`: {url}#NAME.") from error


async def _openai_client(key: str, uds: str | None = None, **kwargs: Any) -> "BaseChatModel":
    http = _http(uds)

    def make() -> "BaseChatModel":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(metadata={"key_variable": key}, http_async_client=http, **kwargs)

    # The first import takes a second.
    return await asyncio.to_thread(make)


def _http(uds: str | None = None) -> httpx.AsyncClient:
    """Return the HTTP client of the running event loop: connections cannot be used from another one."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if uds not in clients:
        transport = httpx.AsyncHTTPTransport(uds=uds) if uds else None
        # No time limit of its own: openai sets one per call.
        clients[uds] = httpx.AsyncClient(timeout=None, follow_redirects=True, transport=transport)  # noqa: S113
    return clients[uds]


async def _huggingface(name: str, kwargs: Kwargs) -> "BaseChatModel":
    token = settings().hf_token
    if token is None:
        raise SetupError(f"{name} needs a token of the Hugging Face Hub: set HF_TOKEN.")

    def make() -> "BaseChatModel":
        from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint

        llm = HuggingFaceEndpoint(  # type: ignore[call-arg]
            repo_id=name.removeprefix("huggingface:"),
            task="conversational",
            provider="auto",
            huggingfacehub_api_token=token.get_secret_value(),
            timeout=int(kwargs.get("timeout", 120)),
        )
        return ChatHuggingFace(
            llm=llm, max_tokens=kwargs.get("max_tokens"), metadata={"key_variable": "HF_TOKEN"}
        )

    return await asyncio.to_thread(make)


async def _other(name: str, kwargs: Kwargs) -> "BaseChatModel":
    def make() -> "BaseChatModel":
        from langchain.chat_models import init_chat_model

        return init_chat_model(name, **kwargs)

    try:
        return await asyncio.to_thread(make)
    except ImportError as error:
        raise SetupError(f"{name} needs another package: {_first_line(error)}") from error
    except ValueError as error:
        raise SetupError(
            f"The chat model {name!r} cannot be used ({_first_line(error)}); use {FORMS}."
        ) from error


MAKERS: dict[str, Callable[[str, Kwargs], Awaitable["BaseChatModel"]]] = {
    EMBEDDED: _embedded,
    "openai": _openai,
    "huggingface": _huggingface,
    "http": _address,
    "https": _address,
}
"""How a client is made, by what stands before the first colon of the name."""


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
        ModelError: The server refused the request for another reason.
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
        if isinstance(status, int):
            return self._from_status(status, _first_line(error))
        names = {base.__name__ for base in type(error).__mro__}
        if names & TIMEOUTS:
            return TransientError(f"{self.name} did not answer in time; raise the time limit or try again.")
        if names & UNREACHABLE:
            return TransientError(f"{self.name} cannot be reached; check the network and the address.")
        if names & REFUSALS:
            return ModelError(f"{self.name} gave no usable answer: {_first_line(error)}")
        return None

    def _from_status(self, status: int, said: str) -> HuggingGPTError:
        if status == 402 or "insufficient_quota" in said:
            return SetupError(
                f"The quota for {self.name} is used up; add credit, or set {self.key} to another key."
            )
        if "exceed_context_size" in said or "context_length" in said:
            return InputError(
                f"The request is too long for {self.name}; shorten it or choose a model with a longer context."
            )
        for first, last, make in STATUS:
            if first <= status <= last:
                return make(self, status)
        return ModelError(f"{self.name} refused the request (status {status}): {said}")


TIMEOUTS = {"APITimeoutError", "TimeoutException", "TimeoutError"}
UNREACHABLE = {"APIConnectionError", "TransportError", "ConnectionError"}
REFUSALS = {"OpenAIError", "APIError", "HTTPError"}
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


def _first_line(error: BaseException) -> str:
    """Return the first line of a message with anything that looks like a key taken out."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    keys = (settings().api_key, settings().openai_api_key, settings().hf_token)
    for key in keys:
        line = line.replace(key.get_secret_value(), "***") if key and key.get_secret_value() else line
    return re.sub(r"\b(?:sk|hf|gsk|key)[-_][\w*-]{4,}|(?<=Bearer )\S+", "***", line)[:300]
