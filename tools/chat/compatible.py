"""Chat models behind OpenAI's protocol: OpenAI, Azure, any compatible server, and the embedded model."""

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx
from pydantic import SecretStr

from tools.chat.errors import translated
from tools.errors import SetupError
from tools.settings import settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

RETRIES = 2
"""How often a client asks again by itself when a server is busy or cannot be reached."""
CONNECT_SECONDS = 10.0
Kwargs = dict[str, Any]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str | None, bool], httpx.AsyncClient]] = (
    WeakKeyDictionary()
)


async def embedded(name: str, kwargs: Kwargs) -> "BaseChatModel":
    """Make a client for the embedded model, starting its server when it does not run."""
    from tools import llama

    url, key, uds = await llama.address()
    # A second try would queue behind the first, which the server still works on.
    limits: Kwargs = {"temperature": 0, "max_retries": 0, **kwargs}
    return await _client("", await http(uds), base_url=url, api_key=key, model=name, **limits)


async def openai(name: str, kwargs: Kwargs) -> "BaseChatModel":
    """Make a client for `openai:NAME`, at `HUGGINGGPT_BASE_URL` when that is set."""
    here, model = settings(), name.removeprefix("openai:")
    if here.base_url:
        return await _at(here.base_url, model, kwargs)
    key = _secret(here.openai_api_key)
    if not key:
        raise SetupError(f"{name} needs a key: set OPENAI_API_KEY, or HUGGINGGPT_BASE_URL to another server.")
    return await _client(
        "OPENAI_API_KEY", await http(), api_key=key, model=model, max_retries=RETRIES, **kwargs
    )


async def address(name: str, kwargs: Kwargs) -> "BaseChatModel":
    """Make a client for `http(s)://host/v1#model`; without a model, for the first one the server lists."""
    url, _, model = name.partition("#")
    return await _at(url, model or await _first_model(url), kwargs)


async def azure(name: str, kwargs: Kwargs) -> "BaseChatModel":
    """Make a client for `azure:DEPLOYMENT`, at the resource that the AZURE_OPENAI variables describe."""
    here, deployment = settings(), name.partition(":")[2]
    needed = {
        "AZURE_OPENAI_ENDPOINT": here.azure_openai_endpoint,
        "AZURE_OPENAI_API_KEY": _secret(here.azure_openai_api_key),
        "OPENAI_API_VERSION": here.openai_api_version,
    }
    if missing := [variable for variable, value in needed.items() if not value]:
        raise SetupError(f"{name} needs Azure OpenAI's settings: set {' and '.join(missing)}.")
    # httpx takes only the Authorization header away when it is sent on to another host, not Azure's `api-key`.
    client = await http(redirects=False)

    def make() -> "BaseChatModel":
        from langchain_openai import AzureChatOpenAI

        return AzureChatOpenAI(
            azure_endpoint=needed["AZURE_OPENAI_ENDPOINT"],
            azure_deployment=deployment,
            api_version=needed["OPENAI_API_VERSION"],
            api_key=SecretStr(str(needed["AZURE_OPENAI_API_KEY"])),
            model=deployment,
            max_retries=RETRIES,
            stream_usage=True,
            http_async_client=client,
            metadata={"key_variable": "AZURE_OPENAI_API_KEY"},
            **kwargs,
        )

    return await asyncio.to_thread(make)


async def http(uds: str | None = None, *, redirects: bool = True) -> httpx.AsyncClient:
    """Return the HTTP client of the running event loop: connections cannot be used from another one.

    Args:
        uds: Path of the Unix socket to use in place of the network.
        redirects: Whether to follow them.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if (uds, redirects) not in clients:
        # On a thread, since it reads all certificates that this machine trusts.
        made = await asyncio.to_thread(_made, uds, redirects)
        clients.setdefault((uds, redirects), made)
    return clients[uds, redirects]


def _made(uds: str | None, redirects: bool) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=uds) if uds else None
    # No time limit of its own: openai sets one per call.
    return httpx.AsyncClient(timeout=None, follow_redirects=redirects, transport=transport)  # noqa: S113


async def _at(url: str, model: str, kwargs: Kwargs) -> "BaseChatModel":
    common: Kwargs = {"base_url": url, "api_key": _key_for(url), "model": model, "max_retries": RETRIES}
    return await _client("HUGGINGGPT_API_KEY", await http(), **common, **kwargs)


def _key_for(url: str) -> str:
    """Return the key of the server the user gave it for; no other server sees it."""
    here = settings()
    if here.base_url and here.base_url.rstrip("/") == url.rstrip("/"):
        return _secret(here.api_key) or "none"
    return "none"


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


async def _first_model(url: str) -> str:
    """Ask an OpenAI-compatible server what it serves."""
    headers = {"Authorization": f"Bearer {_key_for(url)}"}
    with translated(name=url, key="HUGGINGGPT_API_KEY"):
        reply = await (await http()).get(
            f"{url.rstrip('/')}/models", headers=headers, timeout=CONNECT_SECONDS
        )
        reply.raise_for_status()
    try:
        return str(reply.json()["data"][0]["id"])
    except (ValueError, LookupError, TypeError) as error:
        raise SetupError(f"{url} lists no models; name one after a `#`: {url}#NAME.") from error


async def _client(key: str, client: httpx.AsyncClient, **kwargs: Any) -> "BaseChatModel":
    def make() -> "BaseChatModel":
        from langchain_openai import ChatOpenAI

        # Servers other than OpenAI's count the tokens of a streamed reply only when they are asked to.
        return ChatOpenAI(
            metadata={"key_variable": key}, http_async_client=client, stream_usage=True, **kwargs
        )

    # The first import takes a second.
    return await asyncio.to_thread(make)
