"""What can be set for a single run."""

from functools import cache
from typing import Any, Literal

from langgraph.runtime import Runtime
from pydantic import Field, GetJsonSchemaHandler, ValidationInfo, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_settings import SettingsConfigDict

from prompts import PROMPTS, check
from tools.chat import EMBEDDED
from tools.models import Mode
from tools.settings import Variables

PlannerName = Literal["auto", "retrieval", "llm"]
Approval = Literal["never", "plan", "models"]
EDITABLE = ("plan", "replan", "select", "respond", "report", "converse")
"""Prompts that a run may have in its own words: the field `plan_prompt` stands for `prompts/plan.md`."""


def at(*nodes: str) -> dict[str, Any]:
    """Return what has Studio show a field on these nodes of the graph."""
    return {"langgraph_nodes": list(nodes)}


def prompt_at(*nodes: str) -> dict[str, Any]:
    """Return what has Studio show a field as a prompt on these nodes."""
    return {**at(*nodes), "langgraph_type": "prompt"}


class Context(Variables):
    """Settings of one run. An argument wins over the variable `HUGGINGGPT_<NAME>`, which wins over the default."""

    model_config = SettingsConfigDict(
        env_prefix="HUGGINGGPT_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    model: str = Field(
        default=EMBEDDED,
        title="Chat model",
        description="`embedded`, `openai:NAME`, `azure:DEPLOYMENT`, `huggingface:OWNER/NAME`, an OpenAI-compatible "
        "address, or any `provider:model` string that LangChain knows.",
        json_schema_extra=at("plan", "select", "execute", "replan", "respond"),
    )
    planner: PlannerName = Field(
        default="auto",
        title="Planner",
        description="`retrieval` needs no language model, `llm` asks the chat model; `auto` takes `retrieval` for the "
        "embedded chat model and `llm` for any other.",
        json_schema_extra=at("plan"),
    )
    k: int = Field(
        default=5,
        ge=1,
        le=50,
        title="Candidates",
        description="Candidate models per task.",
        json_schema_extra=at("select"),
    )
    mode: Mode = Field(
        default="hybrid",
        title="Where experts run",
        description="`local`: on this machine only; `providers`: remote models only; `hybrid`: both, local ones first.",
        json_schema_extra=at("select", "execute"),
    )
    device: str = Field(
        default="auto",
        title="Device",
        description="Where local experts run: `auto`, or a device of torch such as `cpu`, `cuda:1` or `mps`.",
        json_schema_extra=at("select", "execute"),
    )
    task_timeout: float = Field(
        default=600,
        gt=0,
        title="Task time limit",
        description="Seconds one call of an expert may take.",
        json_schema_extra=at("execute"),
    )
    chat_timeout: float = Field(
        default=120,
        gt=0,
        title="Chat time limit",
        description="Seconds one call of the chat model may take.",
        json_schema_extra=at("plan", "select", "replan", "respond"),
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        title="Attempts",
        description="Calls made for one task before it counts as failed.",
        json_schema_extra=at("execute"),
    )
    max_replans: int = Field(
        default=0,
        ge=0,
        le=5,
        title="Plans anew",
        description="How often a chat model that plans may plan the rest anew when tasks failed for good.",
        json_schema_extra=at("replan"),
    )
    approve: Approval = Field(
        default="never",
        title="Approval",
        description="Whether the user is asked before tasks run: `plan` asks before models are chosen, `models` after "
        "it, with downloads and memory.",
        json_schema_extra=at("plan"),
    )
    cache_results: bool = Field(
        default=False,
        title="Reuse results",
        description="Take the output of a deterministic local expert from an earlier run with the same inputs.",
        json_schema_extra=at("execute"),
    )

    plan_prompt: str = Field(
        default=PROMPTS["plan"],
        title="Prompt: plan",
        description="Has the chat model plan a request; not used by the `retrieval` planner.",
        json_schema_extra=prompt_at("plan", "replan"),
    )
    replan_prompt: str = Field(
        default=PROMPTS["replan"],
        title="Prompt: plan anew",
        description="Tells the chat model which tasks failed, and has it plan the rest anew.",
        json_schema_extra=prompt_at("replan"),
    )
    select_prompt: str = Field(
        default=PROMPTS["select"],
        title="Prompt: choose models",
        description="Has the chat model choose among the candidates; not used by the embedded one.",
        json_schema_extra=prompt_at("select"),
    )
    respond_prompt: str = Field(
        default=PROMPTS["respond"],
        title="Prompt: answer",
        description="The system prompt with which results are told.",
        json_schema_extra=prompt_at("respond"),
    )
    report_prompt: str = Field(
        default=PROMPTS["report"],
        title="Prompt: results",
        description="The message that holds the request and the results.",
        json_schema_extra=prompt_at("respond"),
    )
    converse_prompt: str = Field(
        default=PROMPTS["converse"],
        title="Prompt: conversation",
        description="The system prompt with which a message that needs no task is answered.",
        json_schema_extra=prompt_at("respond"),
    )

    @field_validator(*(f"{name}_prompt" for name in EDITABLE))
    @classmethod
    def _can_be_filled(cls, text: str, info: ValidationInfo) -> str:
        check(str(info.field_name).removesuffix("_prompt"), text)
        return text

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Show as each field's default what a run gets that says nothing, the environment's values among them."""
        schema = handler(core_schema)
        for name, value in cls().model_dump(mode="json").items():
            handler.resolve_ref_schema(schema)["properties"][name]["default"] = value
        return schema

    def record(self) -> dict[str, Any]:
        """Return the settings as plain JSON to keep with a run; of the prompts only those that differ from ours."""
        shipped = {f"{name}_prompt": PROMPTS[name] for name in EDITABLE}
        return {
            name: value for name, value in self.model_dump(mode="json").items() if value != shipped.get(name)
        }

    @property
    def uses_llm_planner(self) -> bool:
        """Whether the chat model makes the plan."""
        return self.planner == "llm" or (self.planner == "auto" and self.model != EMBEDDED)


def context_of(runtime: Runtime[Context]) -> Context:
    """Return the run's context, or the one made of environment and defaults when the caller gave none."""
    # In a graph around this one with settings of its own, those arrive here.
    return runtime.context if isinstance(runtime.context, Context) else default_context()


@cache
def default_context() -> Context:
    """Return the context of runs that bring none. Tests call `default_context.cache_clear()`."""
    return Context()
