"""Azure OpenAI: what the real client sends to a loopback resource, and where its key goes."""

from collections.abc import Callable

import pytest
from chat_server import ChatServer, Reply, Script

from tools.chat import chat_model, translated
from tools.errors import HuggingGPTError, SetupError
from tools.settings import settings

Serve = Callable[[Script], ChatServer]
KEY = "azure-secret-of-an-odd-form"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[ChatServer], None]:
    """Make a server the Azure resource."""

    def connect(server: ChatServer) -> None:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1"))
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
        # The variable that LangChain takes for Azure's key.
        monkeypatch.setenv("OPENAI_API_KEY", "the-key-for-openai")
        settings.cache_clear()

    return connect


async def ask(name: str = "azure:my-gpt") -> str:
    chat = await chat_model(name, max_tokens=9)
    with translated(chat):
        return str((await chat.ainvoke("Hello")).text)


@pytest.mark.parametrize("name", ["azure:my-gpt", "azure_openai:my-gpt"])
async def test_deployment_version_and_key_arrive(
    chat_server: Serve, use: Callable[[ChatServer], None], name: str
) -> None:
    server = chat_server(lambda body: "Fine.")
    use(server)
    assert await ask(name) == "Fine."
    assert server.paths == ["/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"]
    assert server.headers[0]["api-key"] == KEY
    assert 9 in (server.requests[0].get("max_tokens"), server.requests[0].get("max_completion_tokens"))
    assert "the-key-for-openai" not in str(server.headers)


async def test_the_key_does_not_follow_a_redirect(
    chat_server: Serve, use: Callable[[ChatServer], None]
) -> None:
    other = chat_server(lambda body: "Thanks for the key.")
    server = chat_server(
        lambda body: Reply(status=307, headers={"Location": f"{other.url}/chat/completions"})
    )
    use(server)
    with pytest.raises(HuggingGPTError, match="status 307"):
        await ask()
    assert other.headers == []


async def test_a_refused_key_is_named_and_not_shown(
    chat_server: Serve, use: Callable[[ChatServer], None]
) -> None:
    use(chat_server(lambda body: Reply(f"bad key {KEY}", 401)))
    with pytest.raises(SetupError, match="my-gpt did not accept the key; set AZURE_OPENAI_API_KEY"):
        await ask()
    use(chat_server(lambda body: Reply(f"bad key {KEY}", 400)))
    with pytest.raises(HuggingGPTError, match=r"bad key \*\*\*"):
        await ask()


async def test_openais_key_never_stands_in_for_azures(
    chat_server: Serve, use: Callable[[ChatServer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(chat_server(lambda body: "Fine."))
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    settings.cache_clear()
    with pytest.raises(SetupError, match="set AZURE_OPENAI_API_KEY"):
        await ask()
