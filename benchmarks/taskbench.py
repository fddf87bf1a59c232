"""Score a planner on TaskBench, Hugging Face domain (Shen et al., arXiv 2311.18760).

`python -m benchmarks.taskbench DATA.jsonl` plans every request of a sample file with a production planner and prints
node, edge and argument F1 beside the published figures. The planner gets the benchmark's 23 tools and nothing else, as
the published models did. Predictions are kept, so that a run that was cut off goes on where it stopped.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.taskbench_predict import Kept, Planner, Run, by_chat_model, by_retrieval, version
from benchmarks.taskbench_predict import predict as predict_once
from benchmarks.taskbench_scores import Scored, edges, nodes, summary
from graph.planners.retrieval import Embed
from tools.chat import EMBEDDED
from tools.errors import HuggingGPTError, InputError

OUT = Path(__file__).parent / "out" / "taskbench.jsonl"
PUBLISHED = {
    "gpt-4": (81.54, 54.70),
    "claude-2": (79.00, 43.51),
    "gpt-3.5-turbo": (69.49, 33.36),
    "text-davinci-003": (59.38, 29.37),
    "codellama-13b": (53.16, 14.64),
    "llama-2-13b-chat": (48.47, 7.30),
}
"""n-F1 and e-F1 on the full Hugging Face set."""


async def score(
    samples: Sequence[Mapping[str, Any]], planner: Planner, kept: Kept, progress: Console | None = None
) -> tuple[dict[str, Any], Scored]:
    """Return the scores, and the predictions they are of.

    Args:
        samples: Lines of a sample file.
        planner: Makes the plans.
        kept: Where predictions are kept.
        progress: Where the progress bar goes, if anywhere.
    """
    shown = track(samples, "Planning", console=progress, disable=progress is None)
    predicted = [await kept.predict(sample, planner) for sample in shown]
    scored = list(zip(predicted, samples, strict=True))
    count = max(len(samples), 1)
    cost = {
        "ms_per_request": round(sum(one["ms"] for one in predicted) / count, 1),
        "prompt_tokens": round(sum(one["prompt_tokens"] for one in predicted) / count),
    }
    return {**summary(scored), **cost}, scored


def report(result: Mapping[str, Any]) -> str:
    """Return the scores as lines of text, with the published figures."""
    scores = "   ".join(f"{key[0]}-F1 {result[key]:5.1f}" for key in ("n_f1", "e_f1", "t_f1", "v_f1"))
    lines = [f"{'overall':16} {scores}   ({result['samples']} samples)"]
    lines += [
        f"{name:16} n-F1 {row['n_f1']:5.1f}   e-F1 {row['e_f1']:5.1f}"
        for name, row in result["by_type"].items()
    ]
    lines += [f"{result['ms_per_request']} ms and {result['prompt_tokens']} prompt tokens per request"]
    lines += ["", "Published, on the full set:"]
    lines += [f"{name:16} n-F1 {n:5.1f}   e-F1 {e:5.1f}" for name, (n, e) in PUBLISHED.items()]
    return "\n".join(lines)


def errors(scored: Scored, count: int) -> str:
    """Return the first samples that were planned wrong, in readable form."""
    wrong = [(p, s) for p, s in scored if nodes(p) != nodes(s) or edges(p) != edges(s)]
    return "\n\n".join(_error(predicted, sample) for predicted, sample in wrong[:count])


def _error(predicted: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    more, fewer = nodes(predicted) - nodes(sample), nodes(sample) - nodes(predicted)
    lines = [f"{sample.get('id')} ({sample['type']}): {sample['user_request']}"]
    lines += [f"  no plan: {predicted['error']}"] if predicted.get("error") else []
    lines += [f"  + {name}" for name in sorted(more)] + [f"  - {name}" for name in sorted(fewer)]
    for sign, links in (("+", edges(predicted) - edges(sample)), ("-", edges(sample) - edges(predicted))):
        lines += [f"  {sign} {source} -> {target}" for source, target in sorted(links)]
    return "\n".join(lines)


def embedder() -> Embed:
    """Return the embedding model of the embedded profile, in this process and on one core."""
    import torch

    from tools.assets import resolve
    from tools.embeddings import embed

    torch.set_num_threads(1)
    folder = resolve("minilm")
    assert folder is not None, "the manifest lists files for this model"  # noqa: S101

    async def embed_here(texts: Sequence[str]) -> Any:
        return embed(folder, texts)

    return embed_here


def samples_of(data: Path) -> list[dict[str, Any]]:
    """Return the samples of a file, one JSON object a line.

    Raises:
        InputError: A line is no JSON.
    """
    samples = []
    for number, line in enumerate(data.read_text(encoding="utf-8").splitlines(), 1):
        try:
            samples += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            raise InputError(f"{data} is not JSON in line {number}: {error}.") from None
    return samples


async def prepared(options: argparse.Namespace) -> tuple[list[dict[str, Any]], Planner, Kept]:
    """Return the samples, the planner and the kept predictions that arguments of `parser` name."""
    samples = await asyncio.to_thread(samples_of, options.data)
    retrieval = options.planner == "retrieval"
    planner = by_retrieval(embedder()) if retrieval else by_chat_model(options.model, embedder())
    if retrieval and samples:
        await predict_once(samples[0], planner)  # loads the model
    kept = Kept(options.out, Run(options.planner, "" if retrieval else options.model, version()))
    return samples, planner, kept


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser of what samples are planned, and by whom."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("data", type=Path, help="TaskBench samples, one JSON object a line")
    made.add_argument("--planner", choices=["retrieval", "llm"], default="retrieval")
    made.add_argument(
        "--model", default=EMBEDDED, help="the chat model of --planner llm (default: %(default)s)"
    )
    made.add_argument(
        "--out", type=Path, default=OUT, help="where predictions are kept (default: %(default)s)"
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


async def _run(options: argparse.Namespace) -> tuple[dict[str, Any], Scored]:
    samples, planner, kept = await prepared(options)
    return await score(samples, planner, kept, Console(stderr=True))


def main() -> None:
    """Read the arguments, score, print."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--errors", type=int, default=0, metavar="N", help="show N samples that were planned wrong"
    )
    options = arguments.parse_args()
    try:
        result, scored = asyncio.run(_run(options))
    except (HuggingGPTError, OSError) as error:
        sys.exit(f"{error}")
    if options.errors:
        print(errors(scored, options.errors), end="\n\n", file=sys.stderr if options.json else sys.stdout)
    print(json.dumps(result) if options.json else report(result))


if __name__ == "__main__":
    main()
