"""Chat models that Hugging Face inference providers serve, through their router.

The router speaks OpenAI's protocol and picks the provider: the one named after the model (`OWNER/NAME:groq`), the one
that a policy there says (`:fastest`, `:cheapest`), or the user's own preference. `ChatHuggingFace` reaches it through
huggingface_hub's inference client, which blocks the event loop in places and asks only once; here openai's client does
that part, so that retries, time limits and connections are those of all other chat models.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tools.chat.compatible import RETRIES, Kwargs, http
from tools.errors import SetupError
from tools.settings import settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

ROUTER = "https://router.huggingface.co/v1"
"""The one address that chat requests with HF_TOKEN go to."""
DEFAULT_SECONDS = 120.0


async def huggingface(name: str, kwargs: Kwargs) -> "BaseChatModel":
    """Make a client for `huggingface:OWNER/NAME`, with `:PROVIDER` or `:POLICY` after it if one is wanted."""
    token = settings().hf_token
    if not token or not token.get_secret_value().startswith("hf_"):
        raise SetupError(
            f"{name} needs a token of the Hugging Face Hub, which starts with hf_: set HF_TOKEN to one."
        )
    model = name.removeprefix("huggingface:")
    return await asyncio.to_thread(_make, model, token.get_secret_value(), await http(), kwargs)


def _make(model: str, token: str, client: Any, kwargs: Kwargs) -> "BaseChatModel":
    from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint
    from openai import AsyncOpenAI

    seconds = kwargs.get("timeout", DEFAULT_SECONDS)
    # The chat model takes over what the endpoint has: without these, 512 tokens at a temperature of 0.8.
    llm = HuggingFaceEndpoint(  # type: ignore[call-arg]
        repo_id=model,
        task="conversational",
        provider="auto",
        huggingfacehub_api_token=token,
        timeout=math.ceil(seconds),
        max_new_tokens=0,
        temperature=None,
    )
    llm.async_client = RouterClient(
        AsyncOpenAI(base_url=ROUTER, api_key=token, timeout=seconds, max_retries=RETRIES, http_client=client)
    )
    return ChatHuggingFace(
        llm=llm,
        max_tokens=kwargs.get("max_tokens"),
        stream_usage=True,
        metadata={"key_variable": "HF_TOKEN"},
    )


class RouterClient:
    """What `ChatHuggingFace` needs of an inference client.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: "AsyncOpenAI") -> None:
        self._client = client

    async def chat_completion(self, messages: list[dict[str, Any]], **params: Any) -> Any:
        """Ask the router.

        Args:
            messages: The conversation in OpenAI's form.
            **params: OpenAI's parameters; None means not given.

        Returns:
            The reply as plain JSON; with `stream`, an iterator of its chunks.
        """
        given = {name: value for name, value in params.items() if value is not None}
        if "response_format" in given:
            given["response_format"] = _response_format(given["response_format"])
        reply: Any = await self._client.chat.completions.create(messages=messages, **given)  # type: ignore[arg-type]
        return _chunks(reply) if given.get("stream") else reply.model_dump(exclude_none=True)


def _response_format(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return OpenAI's form of a wanted JSON schema for that of text-generation-inference, which LangChain writes."""
    if "schema" not in wanted:
        return wanted
    schema = wanted["schema"]
    return {"type": "json_schema", "json_schema": {"name": schema.get("title", "answer"), "schema": schema}}


async def _chunks(stream: "AsyncStream[ChatCompletionChunk]") -> AsyncIterator[dict[str, Any]]:
    async with stream:
        async for chunk in stream:
            yield chunk.model_dump(exclude_none=True)
