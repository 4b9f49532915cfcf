"""What a suite is: the part that decides answers and their verdicts, and its hash.

Results of one content can be compared, and are kept as long as it stays; another content is run
again, for stable too.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import CheckType, Item
from rocksteady.api.v1alpha1.runner import ModelEndpoint, Runner, RunnerType
from rocksteady.api.v1alpha1.schema import ApiModel

INSPECT_EXACT_SCORERS: Final = frozenset(
    {"answer", "choice", "exact", "f1", "includes", "match", "pattern"}
)
"""Scorers of inspect_ai that compare texts and ask no model.

Source: UKGovernmentBEIS/inspect_ai:src/inspect_ai/scorer/__init__.py, 0.3.285."""


def suite_content(
    spec: EvaluationSuiteSpec,
    items: Sequence[Item] | None,
    task_files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the hash of a suite covers.

    In it: `kind`, since it says how several samples of an item are counted; `sampling`; of `runner`
    the type, the image as it is written, command, args, lmEval, inspect, and env except for
    variables from Secrets; of `judge` and `embedder` the address and the model; the texts of task
    files; every item with id, prompt or messages, and checks, in the order of their hashes. Items
    that only a run can read stand in it by their URI as it is written, and whether they are
    anonymised.

    Not in it: metadata, limits, margins and floors, reveal, artifacts, names of Secrets, and where
    items come from that were read: a move from inline to a ConfigMap is no change. Nor is the image
    that an absent `runner.image` stands for: a result must name its image.

    Defaults are left out, so that a field that a newer operator adds does not change every suite;
    none of these defaults may ever change.

    Args:
        spec: Valid.
        items: As they were read, in any order; None: only a run can read them.
        task_files: Of the ConfigMap that `lmEval.taskFiles` or `inspect.taskFiles` names: text by
            name. None: there is none.
    """
    source: dict[str, Any] = {"items": [item_hash(item) for item in in_order(items or ())]}
    if items is None and spec.items is not None and spec.items.uri is not None:
        source = {"uri": spec.items.uri} | ({"anonymise": True} if spec.items.anonymise else {})
    return {
        "kind": spec.kind.value,
        "sampling": _written(spec.sampling),
        "runner": _runner(spec.runner),
        "judge": _endpoint(spec.judge),
        "embedder": _endpoint(spec.embedder),
        "taskFiles": dict(task_files or {}),
        **source,
    }


def content_hash(
    spec: EvaluationSuiteSpec,
    items: Sequence[Item] | None,
    task_files: Mapping[str, str] | None = None,
) -> str:
    """SHA-256 in 64 hex digits of `suite_content`, which tells the arguments."""
    return _sha256(suite_content(spec, items, task_files))


def item_hash(item: Item) -> str:
    """SHA-256 in 64 hex digits of one item: its id, what the model is asked, and the checks."""
    return _sha256(item.written())


def items_digest(items: Sequence[Item]) -> str:
    """SHA-256 in 64 hex digits of the items as they were read, anonymised where the suite says so.

    It is part of a run's result: where the content hash knows items by their URI only, two results
    can be compared when this is the same too.

    Args:
        items: In any order; each stands in it by its `item_hash`, in the order of `in_order`.
    """
    return _sha256([item_hash(item) for item in in_order(items)])


def may_roll_back(spec: EvaluationSuiteSpec, items: Sequence[Item] | None) -> bool:
    """False when a failed suite only holds a rollout, whatever `spec.evaluations[].action` says.

    So it is when a model is among the judges: it errs in ways that no statistics of the items sees,
    and another model behind its address changes every verdict. The model_graded scorers of Inspect
    ask a model, by default the very one that is judged; which one a task has is not to be seen, so
    that a suite must name one that asks nobody.

    Args:
        spec: Valid.
        items: As they were read. None: they are not known, and then a suite with a judge has checks
            that need one.
    """
    if items is None:
        return spec.judge is None and not _may_judge_itself(spec.runner)
    return not any(check.type is CheckType.MODEL_GRADED for item in items for check in item.checks)


def _may_judge_itself(runner: Runner) -> bool:
    scorer = runner.inspect.scorer if runner.inspect else None
    return runner.type is RunnerType.INSPECT and scorer not in INSPECT_EXACT_SCORERS


def in_order(items: Sequence[Item]) -> list[Item]:
    """Items in the order in which they are asked and counted: by their hashes.

    The same for the same items, however a file lists them, and not sorted by subject, so that a run
    that ends early has seen something of everything.
    """
    return sorted(items, key=item_hash)


def _written(part: ApiModel) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _runner(runner: Runner) -> dict[str, Any]:
    written = _written(runner)
    public = [_written(entry) for entry in runner.env if entry.value_from is None]
    return {key: part for key, part in written.items() if key != "env"} | (
        {"env": public} if public else {}
    )


def _endpoint(endpoint: ModelEndpoint | None) -> dict[str, str] | None:
    if endpoint is None:
        return None
    return {"baseUrl": endpoint.base_url, "model": endpoint.model}


def _sha256(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
