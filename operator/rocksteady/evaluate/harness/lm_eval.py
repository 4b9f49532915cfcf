"""lm-evaluation-harness: how it is started, and what its files say.

Formats: results_*.json and samples_*.jsonl of lm-eval 0.4.13 (`loggers/evaluation_tracker.py`).
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rocksteady.api.v1alpha1.runner import LMEval, LMEvalApi
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.harness.items import Item, Judged, by_value
from rocksteady.evaluate.harness.process import Folders
from rocksteady.evaluate.harness.start import Start

MODELS: Final = {
    LMEvalApi.COMPLETIONS: ("local-completions", "completions"),
    LMEvalApi.CHAT_COMPLETIONS: ("local-chat-completions", "chat/completions"),
}
"""What the harness calls each endpoint, and its path."""

PROBE_SECONDS: Final = 5.0
_FILE: Final = re.compile(r"^samples_(.+)_\d{4}-\d{2}-\d{2}T[-.\d]+\.jsonl$")


def check(start: Start) -> None:
    """Refuse what the harness cannot do.

    Raises:
        EvaluationError: The suite asks for it.
    """
    if start.suite.sampling.samples_per_item != 1:
        raise EvaluationError(
            "sampling.samplesPerItem must be 1 for runner LMEval: a task says itself how often"
            " (repeats)"
        )


def prepare(start: Start, folders: Folders, root: Path) -> list[str]:
    """Write the harness's configuration, and return its command."""
    tasks = _tasks(start)
    remote = tasks.api is LMEvalApi.COMPLETIONS and shows_tokenizer(start.base_url)
    file = root / "lm-eval.json"
    text = json.dumps(configuration(start, folders, remote_tokenizer=remote))
    file.write_text(text, encoding="utf-8")  # JSON is YAML, and quotes whatever is in a name
    return ["lm_eval", "run", "--config", str(file)]


def configuration(start: Start, folders: Folders, *, remote_tokenizer: bool) -> dict[str, Any]:
    """Return what `lm_eval run --config` reads.

    Args:
        start: How the run is started.
        folders: Where the harness works.
        remote_tokenizer: The server shows its tokenizer, which tasks that compare likelihoods need.
    """
    tasks, sampling, limits = _tasks(start), start.suite.sampling, start.suite.limits
    model, path = MODELS[tasks.api]
    temperature = float(sampling.temperature)
    return {
        "model": model,
        "model_args": {
            "model": start.model,
            "base_url": f"{start.base_url}/{path}",
            "num_concurrent": limits.concurrency,
            "max_retries": limits.retries + 1,  # it counts attempts
            "timeout": limits.item_timeout_seconds,
            "seed": start.seed,
            "tokenizer_backend": "remote" if remote_tokenizer else None,
            "tokenized_requests": False,
            "max_gen_toks": sampling.max_tokens,
        },
        "tasks": list(tasks.tasks),
        "num_fewshot": tasks.few_shot,
        "limit": tasks.max_items_per_task,
        "gen_kwargs": {
            "do_sample": temperature > 0,
            "temperature": temperature,
            "top_p": float(sampling.top_p),
            "max_gen_toks": sampling.max_tokens,
        },
        "apply_chat_template": tasks.api is LMEvalApi.CHAT_COMPLETIONS,
        "include_path": str(folders.tasks) if start.task_files else None,
        "output_path": str(folders.output),
        "log_samples": True,
        "seed": [start.seed] * 4,
    }


def environment(start: Start) -> dict[str, str]:
    """Return further variables for the harness, which takes the key from OPENAI_API_KEY itself."""
    del start
    return {}


def shows_tokenizer(base_url: str) -> bool:
    """Ask the server whether it shows its tokenizer, as vLLM does when it is told to."""
    url = base_url.removesuffix("/v1") + "/tokenizer_info"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:  # noqa: S310 - http only
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def read(start: Start, folders: Folders) -> Judged:
    """Read what a run left.

    Raises:
        EvaluationError: It left no results, or no samples of a task, or they lack the metric.
    """
    report = _report(folders.output)
    counts = {task: int(n["effective"]) for task, n in report["n-samples"].items()}
    rows: dict[str, list[dict[str, Any]]] = {task: [] for task in counts}
    for task, row in samples(folders.output):
        rows.setdefault(task, []).append(row)
    metric, _, wanted = _tasks(start).metric.partition("@")
    found: list[Item] = []
    for task, of_task in rows.items():
        judged = _judged(task, _filtered(task, of_task, wanted), metric)
        if len(judged) < counts.get(task, 0):
            raise EvaluationError(
                f"lm-eval wrote {len(judged)} samples of task {task}, and ran {counts[task]}"
            )
        found += judged
    return Judged(tuple(found), f"lm-eval {report.get('lm_eval_version', '')}".strip())


def samples(output: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every sample that a run wrote, with its task."""
    for file in sorted(output.rglob("samples_*.jsonl")):
        name = _FILE.match(file.name)
        for line in file.read_text(encoding="utf-8").split("\n") if name else ():
            if name and line:
                yield name[1], json.loads(line)


def artifacts(output: Path) -> Iterator[dict[str, Any]]:
    """Give what is worth keeping: every sample as the harness wrote it."""
    for task, row in samples(output):
        yield {"task": task, **row}


def _tasks(start: Start) -> LMEval:
    if start.suite.runner.lm_eval is None:
        raise EvaluationError("the suite has no runner.lmEval")
    return start.suite.runner.lm_eval


def _report(output: Path) -> dict[str, Any]:
    files = sorted(output.rglob("results_*.json"))
    if not files:
        raise EvaluationError("lm-eval ended well and wrote no results")
    report: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
    return report


def _filtered(task: str, rows: list[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """The rows of one filter: a task that has several writes each item once for each."""
    names = list(dict.fromkeys(str(row["filter"]) for row in rows))
    if wanted and rows and wanted not in names:
        raise EvaluationError(f"task {task} has no filter {wanted}: it has {', '.join(names)}")
    return [row for row in rows if row["filter"] == (wanted or names[0])]


def _judged(task: str, rows: Iterable[Mapping[str, Any]], metric: str) -> list[Item]:
    judged = list(rows)
    if judged and not any(metric in row for row in judged):
        has = sorted({name for row in judged for name in row.get("metrics", ())})
        raise EvaluationError(f"task {task} has no metric {metric}: it has {', '.join(has)}")
    return [
        Item(
            task=task,
            # The number tells apart documents that are the same.
            identity=f"{row['doc_hash']} {row['doc_id']}",
            content=f"{row['prompt_hash']} {row['target_hash']}",
            result=by_value(row.get(metric)),
        )
        for row in judged
    ]
