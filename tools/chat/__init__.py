"""Chat models by name: their clients, and the clients' errors in our words."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tools.chat.compatible import RETRIES, Kwargs, address, azure, embedded, openai
from tools.chat.errors import RefusedError, first_line, translated
from tools.chat.router import huggingface
from tools.errors import InputError, SetupError
from tools.usage import UsageRecorder

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["EMBEDDED", "RETRIES", "RefusedError", "chat_model", "check_name", "name_of", "translated"]

EMBEDDED = "embedded"
"""Name of the chat model that needs neither key nor network."""
FORMS = (
    "`embedded`, `openai:NAME`, `azure:DEPLOYMENT`, `huggingface:OWNER/NAME`, the address of an OpenAI-compatible "
    "server such as `http://localhost:8000/v1`, or `provider:model` of a LangChain integration"
)


async def chat_model(
    name: str, *, max_tokens: int | None = None, timeout: float | None = None
) -> "BaseChatModel":
    """Make a client for a chat model; its calls are counted by `tools.usage`.

    Args:
        name: `embedded`; `openai:NAME`, asked at `HUGGINGGPT_BASE_URL` when that is set; `azure:DEPLOYMENT` of Azure
            OpenAI; `huggingface:OWNER/NAME` through the inference providers, with `:PROVIDER` or a policy such as
            `:cheapest` after it if one is wanted; `http(s)://host/v1` or `http(s)://host/v1#model` of an
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
    chat = await make(name, kwargs)
    chat.metadata = {**(chat.metadata or {}), "chat_model": name}
    chat.callbacks = [UsageRecorder(name)]
    return chat


def name_of(chat: "BaseChatModel") -> str:
    """Return the name that a client was made for; one that others made goes by its class and its model."""
    named = (chat.metadata or {}).get("chat_model")
    return str(named or f"{type(chat).__name__} {getattr(chat, 'model_name', '')}")


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


async def _other(name: str, kwargs: Kwargs) -> "BaseChatModel":
    def make() -> "BaseChatModel":
        from langchain.chat_models import init_chat_model

        return init_chat_model(name, **kwargs)

    try:
        return await asyncio.to_thread(make)
    except ImportError as error:
        raise SetupError(f"{name} needs another package: {first_line(error)}") from error
    except ValueError as error:
        raise SetupError(
            f"The chat model {name!r} cannot be used ({first_line(error)}); use {FORMS}."
        ) from error


MAKERS: dict[str, Callable[[str, Kwargs], Awaitable["BaseChatModel"]]] = {
    EMBEDDED: embedded,
    "openai": openai,
    "azure": azure,
    "azure_openai": azure,
    "huggingface": huggingface,
    "http": address,
    "https": address,
}
"""How a client is made, by what stands before the first colon of the name."""
