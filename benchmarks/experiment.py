"""The planning benchmark as a LangSmith experiment, with TaskBench's metrics as its evaluators.

`python -m benchmarks.experiment DATA.jsonl` plans every request of a sample file with a production planner, through
langsmith's `evaluate`, and prints the scores; it needs neither a key nor a network. With `--upload` the samples become
a dataset of LangSmith, once, and the predictions an experiment on it.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from langsmith import Client, evaluate, traceable, tracing_context
from langsmith.evaluation import EvaluationResult, EvaluationResults
from langsmith.schemas import Example, Run
from langsmith.utils import LangSmithError

from benchmarks.taskbench import parser, prepared
from benchmarks.taskbench_predict import Kept, Planner
from benchmarks.taskbench_scores import Scored, comparable, summary
from graph.nodes import wait_for
from tools.errors import HuggingGPTError, InputError, ModelError, SetupError
from tools.trace_client import without_secrets

SCORES = ("n_f1", "e_f1", "t_f1", "v_f1")
INPUTS = ("id", "user_request")
"""What the planner sees of a sample, and the sample's name; the rest is what is true."""


def examples(samples: Sequence[Mapping[str, Any]], name: str) -> list[Example]:
    """Return samples as the examples of a dataset that is not there yet; the same samples have the same ids."""
    return [
        Example(
            id=uuid5(NAMESPACE_URL, f"{name}/{number}"),
            dataset_id=uuid5(NAMESPACE_URL, name),
            inputs={key: sample[key] for key in INPUTS if key in sample},
            outputs={key: value for key, value in sample.items() if key not in INPUTS},
        )
        for number, sample in enumerate(samples)
    ]


def name_of(data: Path) -> str:
    """Return the name of the dataset: that of the file, and a digest, so that other samples are another dataset."""
    return f"taskbench-{data.stem}-{hashlib.sha256(data.read_bytes()).hexdigest()[:8]}"


def each(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> EvaluationResults:
    """Score one prediction; one whose sample's arguments cannot be compared has no t-F1 and v-F1."""
    return _scores([(outputs, reference_outputs)], "")


def together(runs: Sequence[Run], examples: Sequence[Example]) -> EvaluationResults:
    """Score all predictions as the benchmark does: micro-averaged, which is not the mean of each one's scores."""
    scored = [(run.outputs or {}, example.outputs or {}) for run, example in zip(runs, examples, strict=True)]
    return _scores(scored, "micro_")


def _scores(scored: Scored, prefix: str) -> EvaluationResults:
    result = summary(scored)
    told = SCORES if any(comparable(true) for _, true in scored) else SCORES[:2]
    return {"results": [EvaluationResult(key=f"{prefix}{key}", score=result[key]) for key in told]}


def experiment(
    data: Sequence[Example], planner: Planner, kept: Kept, client: Client | None = None
) -> dict[str, Any]:
    """Run an experiment.

    Args:
        data: The samples.
        planner: Makes the plans.
        kept: Where predictions are kept.
        client: Uploads the experiment; None to keep it here.

    Returns:
        The number of `samples` and the `micro_...` scores.

    Raises:
        ModelError: A sample could not be planned for a reason that says nothing of the planner.
    """
    found: dict[str, Any] = {}

    @traceable(name="plan")
    def plan(inputs: dict[str, Any]) -> dict[str, Any]:
        # Offline nothing is traced below the prediction: LangChain would send it.
        with tracing_context(enabled=client is not None):
            return wait_for(kept.predict(inputs, planner))

    def overall(runs: Sequence[Run], examples: Sequence[Example]) -> EvaluationResults:
        scores = together(runs, examples)
        found.update({score.key: score.score for score in scores["results"]})
        return scores

    # `aevaluate` sends the predictions to LangSmith also when it is told to upload nothing (0.15).
    results = evaluate(
        plan,
        data=data,
        evaluators=[each],
        summary_evaluators=[overall],
        # One after the other: the benchmark's tools stand in for the task table while a plan is made.
        max_concurrency=0,
        experiment_prefix="-".join(filter(None, kept.run[:2])),
        metadata=kept.run._asdict(),
        client=client or Client(api_url="http://127.0.0.1:9", auto_batch_tracing=False, info={}),
        upload_results=client is not None,
    )
    rows = list(results)
    if error := next((row["run"].error for row in rows if row["run"].error), None):
        raise ModelError(f"The experiment says nothing, as a sample could not be planned: {error}")
    return {"samples": len(rows), **found}


def uploaded(data: Sequence[Example], name: str, client: Client) -> list[Example]:
    """Return examples as those of a dataset of LangSmith, where what is missing of them is made."""
    if client.has_dataset(dataset_name=name):
        dataset = client.read_dataset(dataset_name=name)
    else:
        dataset = client.create_dataset(
            name, description="TaskBench, Hugging Face domain (arXiv 2311.18760)."
        )
    ours = [
        example.model_copy(update={"id": uuid5(dataset.id, str(number)), "dataset_id": dataset.id})
        for number, example in enumerate(data)
    ]
    there = {example.id for example in client.list_examples(dataset_id=dataset.id)}
    missing = [
        {"id": example.id, "inputs": example.inputs, "reference_outputs": example.outputs}
        for example in ours
        if example.id not in there
    ]
    if missing:
        client.create_examples(dataset_id=dataset.id, examples=missing)
    return ours


def _run(options: argparse.Namespace) -> dict[str, Any]:
    if options.upload and not os.environ.get("LANGSMITH_API_KEY"):
        raise SetupError("--upload needs a key of LangSmith: set LANGSMITH_API_KEY.")
    samples, planner, kept = wait_for(prepared(options))
    if not samples:
        raise InputError(f"{options.data} holds no samples.")
    name = name_of(options.data)
    data, client = examples(samples, name), None
    if options.upload:
        client = Client()
        client.session.auth = without_secrets
        data = uploaded(data, name, client)
    return experiment(data, planner, kept, client)


def main() -> None:
    """Read the arguments, run the experiment, print its scores."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--upload", action="store_true", help="make the dataset and the experiment in LangSmith"
    )
    options = arguments.parse_args()
    try:
        # langsmith prints where an experiment is to be seen.
        with redirect_stdout(sys.stderr):
            result = _run(options)
    except (HuggingGPTError, LangSmithError, OSError) as error:
        sys.exit(f"{error}")
    scores = "   ".join(f"{key[6]}-F1 {value:5.1f}" for key, value in result.items() if key != "samples")
    print(json.dumps(result) if options.json else f"{scores}   ({result['samples']} samples)")


if __name__ == "__main__":
    main()
