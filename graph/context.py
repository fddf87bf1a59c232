"""What can be set for a single run."""

from typing import Literal

from langgraph.runtime import Runtime
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tools.chat import EMBEDDED
from tools.models import Mode

PlannerName = Literal["auto", "retrieval", "llm"]
Approval = Literal["never", "plan", "models"]


class Context(BaseSettings):
    """Settings of one run. An argument wins over the variable `HUGGINGGPT_<NAME>`, which wins over the default."""

    model_config = SettingsConfigDict(env_prefix="HUGGINGGPT_", extra="ignore", frozen=True)

    model: str = Field(
        default=EMBEDDED,
        title="Chat model",
        description="`embedded`, `openai:NAME`, `azure:DEPLOYMENT`, `huggingface:OWNER/NAME`, an OpenAI-compatible "
        "address, or any `provider:model` string that LangChain knows.",
    )
    planner: PlannerName = Field(
        default="auto",
        title="Planner",
        description="`retrieval` needs no language model, `llm` asks the chat model; `auto` takes `retrieval` for the "
        "embedded chat model and `llm` for any other.",
    )
    k: int = Field(default=5, ge=1, le=50, title="Candidates", description="Candidate models per task.")
    mode: Mode = Field(
        default="hybrid",
        title="Where experts run",
        description="`local`: on this machine only; `providers`: remote models only; `hybrid`: both, local ones first.",
    )
    device: str = Field(
        default="auto",
        title="Device",
        description="Where local experts run: `auto`, or a device of torch such as `cpu`, `cuda:1` or `mps`.",
    )
    task_timeout: float = Field(
        default=600, gt=0, title="Task time limit", description="Seconds one call of an expert may take."
    )
    chat_timeout: float = Field(
        default=120, gt=0, title="Chat time limit", description="Seconds one call of the chat model may take."
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        title="Attempts",
        description="Calls made for one task before it counts as failed.",
    )
    max_replans: int = Field(
        default=0,
        ge=0,
        le=5,
        title="Plans anew",
        description="How often a chat model that plans may plan the rest anew when tasks failed for good.",
    )
    approve: Approval = Field(
        default="never",
        title="Approval",
        description="Whether the user is asked before tasks run: `plan` asks before models are chosen, `models` after "
        "it, with downloads and memory.",
    )
    cache_results: bool = Field(
        default=False,
        title="Reuse results",
        description="Take the output of a deterministic local expert from an earlier run with the same inputs.",
    )

    @property
    def uses_llm_planner(self) -> bool:
        """Whether the chat model makes the plan."""
        return self.planner == "llm" or (self.planner == "auto" and self.model != EMBEDDED)


def context_of(runtime: Runtime[Context]) -> Context:
    """Return the run's context, or the one made of environment and defaults when the caller gave none."""
    return runtime.context or Context()
