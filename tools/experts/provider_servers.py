"""The servers that run models of others: inference providers and endpoints."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tools.errors import AuthError, SetupError
from tools.experts.provider_errors import Who
from tools.settings import settings

KEYED = (".huggingface.co", ".endpoints.huggingface.cloud")
"""Ends of the names of hosts that HF_TOKEN is sent to."""


def own_token(model: str) -> str:
    """Return HF_TOKEN for the inference providers.

    Raises:
        AuthError: It is not set, or is no token of Hugging Face.
    """
    token = settings().hf_token
    if not token:
        raise AuthError(f"{model} is run by inference providers: set HF_TOKEN to a Hugging Face token.")
    # The library would send any other key straight to the provider's own address.
    if not token.get_secret_value().startswith("hf_"):
        raise AuthError("HF_TOKEN is no Hugging Face token, which starts with hf_; set it to one.")
    return token.get_secret_value()


def token_for(url: str) -> str | None:
    """Return HF_TOKEN when an address may be sent it: a host of Hugging Face, over TLS."""
    address, token = httpx.URL(url), settings().hf_token
    keyed = address.scheme == "https" and f".{address.host}".endswith(KEYED)
    return token.get_secret_value() if token and keyed else None


@dataclass(frozen=True)
class Server:
    """Who runs a model: an inference provider or an endpoint."""

    name: str
    """What it is remembered by."""
    who: Who
    model: str
    """The model's Hub id, or the endpoint's address."""
    options: dict[str, Any] = field(repr=False)
    """For `AsyncInferenceClient`."""

    async def reply(self, method: str, arguments: dict[str, Any]) -> Any:
        """Ask once."""
        from huggingface_hub import AsyncInferenceClient

        async with AsyncInferenceClient(self.model, **self.options) as client:
            return await getattr(client, method)(**arguments)


def provider(name: str, model: str, token: str) -> Server:
    """Return an inference provider as the server of a model."""
    return Server(name, Who(f"{model} at {name}", token), model, {"provider": name, "token": token})


def endpoint(url: str) -> Server:
    """Return the server at an address; it is sent HF_TOKEN only if `token_for` says so.

    Raises:
        SetupError: It is no address.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise SetupError(
            "The address of an endpoint starts with https:// or http:// and a host; change the model's."
        )
    # Without user, path and query, which may hold secrets.
    name = address.netloc.decode()
    token = token_for(url)
    keyed = f".{address.host}".endswith(KEYED)
    # Told nothing, the client would send the token that is stored on this machine.
    options: dict[str, Any] = {"token": token} if token else {"headers": {"authorization": None}}
    return Server(name, Who(f"Endpoint {name}", token or "", keyed), url, options)
