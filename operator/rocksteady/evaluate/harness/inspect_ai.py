"""inspect_ai: how it is started, and what its logs say.

Format: the JSON of an EvalLog, version 2, of inspect_ai 0.3.285 (`log/_log.py`).
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.api.v1alpha1.runner import Inspect
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.harness.items import Item, Judged, by_value, of_samples
from rocksteady.evaluate.harness.process import Folders
from rocksteady.evaluate.harness.start import Start
from rocksteady.evaluate.harness.trouble import why_ended

PROVIDER: Final = "served"
"""What the harness calls the server; its address and key are SERVED_BASE_URL and SERVED_API_KEY."""

LETTERS: Final = {"C": 1.0, "P": 0.0, "I": 0.0, "N": 0.0}
"""What inspect_ai's scorers write: correct, partial, incorrect, no answer. Half right is wrong."""

_WORDS: Final = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def check(start: Start) -> None:
    """Refuse what the harness cannot do: nothing."""
    _tasks(start)


def prepare(start: Start, folders: Folders, root: Path) -> list[str]:
    """Return the harness's command.

    Raises:
        EvaluationError: A task is a file that is not there; the harness would not say so.
    """
    del root
    tasks, sampling, limits = _tasks(start), start.suite.sampling, start.suite.limits
    for task in tasks.tasks:
        file = task.partition("@")[0]
        if file.endswith(".py") and not (folders.tasks / file).is_file():
            raise EvaluationError(f"inspect.tasks names {file}, which is not in taskFiles")
    patience = limits.item_timeout_seconds
    command = ["inspect", "eval", *tasks.tasks]
    command += ["--model", f"openai-api/{PROVIDER}/{start.model}"]
    command += ["--log-dir", str(folders.output), "--log-format", "json"]
    command += ["--display", "none", "--no-fail-on-error", "--no-log-realtime"]
    command += ["--epochs", str(sampling.samples_per_item), "--seed", str(start.seed)]
    command += ["--temperature", sampling.temperature, "--top-p", sampling.top_p]
    command += ["--max-tokens", str(sampling.max_tokens)]
    command += ["--max-connections", str(limits.concurrency)]
    command += ["--max-retries", str(limits.retries), "--attempt-timeout", str(patience)]
    command += ["--timeout", str(patience * (limits.retries + 1))]
    if tasks.max_items_per_task is not None:
        command += ["--limit", str(tasks.max_items_per_task)]
    return command


def environment(start: Start) -> dict[str, str]:
    """Return further variables for the harness; it insists on a key, whatever it is."""
    return {
        f"{PROVIDER.upper()}_BASE_URL": start.base_url,
        f"{PROVIDER.upper()}_API_KEY": start.api_key or "none",
    }


def read(start: Start, folders: Folders) -> Judged:
    """Read what a run left.

    Raises:
        UnavailableError: Nothing was answered, because the server did not.
        EvaluationError: There is no log, a task has ended before its samples did, or a scorer is
            not there.
    """
    logs = list(_logs(folders.output))
    if not logs:
        raise EvaluationError("inspect ended well and wrote no log")
    for log in logs:
        if log["status"] != "success":
            what = f"task {log['eval']['task']} ended with status {log['status']}"
            raise why_ended(what, [(log.get("error") or {}).get("traceback", "")])
    items = tuple(item for log in logs for item in _items(log, start))
    if items and all(item.result is ItemResult.UNANSWERED for item in items):
        tracebacks = [
            error["traceback"]
            for log in logs
            for sample in log.get("samples") or ()
            if (error := sample.get("error"))
        ]
        raise why_ended("inspect has no score of any sample", tracebacks)
    version = logs[0]["eval"].get("packages", {}).get("inspect_ai", "")
    return Judged(items, f"inspect_ai {version}".strip())


def artifacts(output: Path) -> Iterator[dict[str, Any]]:
    """Give what is worth keeping: every sample, without the events that led to it."""
    for log in _logs(output):
        for sample in log.get("samples") or ():
            kept = {key: value for key, value in sample.items() if not key.startswith("events")}
            yield {"task": log["eval"]["task"], **kept}


def _tasks(start: Start) -> Inspect:
    if start.suite.runner.inspect is None:
        raise EvaluationError("the suite has no runner.inspect")
    return start.suite.runner.inspect


def _logs(output: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(output.glob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


def _items(log: Mapping[str, Any], start: Start) -> Iterator[Item]:
    """The items of one task, those too that the log has no sample of."""
    told = log["eval"]
    of_item: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for sample in log.get("samples") or ():
        of_item[str(sample["id"])].append(sample)
    scorer = _scorer(told["task"], log.get("samples") or (), _tasks(start).scorer)
    epochs = int(told["config"].get("epochs") or 1)
    limited = told["config"].get("limit")
    listed = map(str, told["dataset"].get("sample_ids") or ())
    for name in dict.fromkeys([*of_item, *(() if limited else listed)]):
        found = of_item[name]
        yield Item(
            task=told["task"],
            identity=name,
            content=_content(found[0]) if found else "",
            result=of_samples(
                [_result(sample, scorer) for sample in found],
                epochs,
                every=start.suite.kind is SuiteKind.SAFETY,
            ),
            output_tokens=_mean([_output_tokens(sample, told["model"]) for sample in found]),
            seconds=_mean([_seconds(sample, told["model"]) for sample in found]),
        )


def _scorer(task: str, found: Sequence[Mapping[str, Any]], wanted: str | None) -> str | None:
    """The scorer whose word counts; None: no sample has a score."""
    names = list(dict.fromkeys(name for sample in found for name in sample.get("scores") or ()))
    if wanted and names and wanted not in names:
        raise EvaluationError(f"task {task} has no scorer {wanted}: it has {', '.join(names)}")
    return wanted or next(iter(names), None)


def _result(sample: Mapping[str, Any], scorer: str | None) -> ItemResult:
    scores = sample.get("scores") or {}
    if sample.get("error") or scorer not in scores:
        return ItemResult.UNANSWERED
    value = scores[scorer]["value"]
    if isinstance(value, str):
        value = LETTERS.get(value, _WORDS.get(value.lower()))
    return by_value(value)


def _content(sample: Mapping[str, Any]) -> str:
    """A digest of what is asked, and of what is right; ids of messages are drawn anew each run."""
    asked = sample["input"]
    if not isinstance(asked, str):
        asked = [[message.get("role"), message.get("content")] for message in asked]
    told = [asked, sample.get("choices"), sample.get("target")]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _output_tokens(sample: Mapping[str, Any], model: str) -> float | None:
    usage = (sample.get("model_usage") or {}).get(model)
    return float(usage["output_tokens"]) if usage else None


def _seconds(sample: Mapping[str, Any], model: str) -> float | None:
    """How long the model's answers took, all turns together; another model's do not count."""
    times = [
        event["output"]["time"]
        for event in sample.get("events") or ()
        if event.get("event") == "model"
        and event.get("model") == model
        and (event.get("output") or {}).get("time") is not None
    ]
    return math.fsum(times) if times else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
