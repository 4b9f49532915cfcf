"""Read what evaluations rest on: suites, contents that are kept, runs and their results."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rocksteady import conventions
from rocksteady.api.run_result import RunResult
from rocksteady.api.suite_content import content_hash, in_order
from rocksteady.api.suite_validation import validate_suite
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.ports import ClusterReader, Manifest
from rocksteady.reconcile.snapshot import Live, revision_of
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import Content, read_content
from rocksteady.resources.owned import controller_of
from rocksteady.rollout.evaluation_runs import Run, RunSeen
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.runner_trouble import read_run
from rocksteady.rollout.suites import Suite, SuiteSeen, named_suites


@dataclass(frozen=True)
class Kept:
    """What is kept of evaluations.

    Attributes:
        contents: By the first 10 digits of their hashes.
        runs: Results that are kept, and runs whose Jobs are there.
    """

    contents: Mapping[str, Content] = field(default_factory=dict)
    runs: Mapping[Run, RunSeen] = field(default_factory=dict)


def read_kept(live: Live, pods: Sequence[Manifest]) -> Kept:
    """Read contents, results and Jobs. Pure.

    Args:
        live: What the LLMDeployment owns.
        pods: Of its evaluations.
    """
    contents: dict[str, Content] = {}
    runs: dict[Run, RunSeen] = {}
    for job in live.of_kind(kinds.JOB):
        run = run_of(job)
        if run is not None:
            uid = job["metadata"]["uid"]
            runs[run] = read_run(job, [pod for pod in pods if _is_of(pod, uid)])
    for config_map in live.of_kind(kinds.CONFIG_MAP):
        short = _label(config_map, conventions.LABEL_CONTENT)
        content = read_content(config_map) if short else None
        if short and content is not None and content.content_hash.startswith(short):
            contents[short] = content
        for run, kept in _kept_results(config_map, short):
            runs[run] = _newest(kept, runs.get(run))
    return Kept(contents, runs)


def kept_part(seen: RunSeen) -> dict[str, Any] | None:
    """A result as it is kept; None: there is none."""
    if seen.result is None or seen.ended_at is None:
        return None
    told = seen.result.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"endedAt": seen.ended_at.isoformat(), "result": told}


def kept_by_hand(seen: RunSeen) -> dict[str, Any] | None:
    """A result as it is kept for who asked for it, or why there is none; None: it is not known yet.

    Their trouble is kept too: nothing else tells them of it.
    """
    if seen.result is not None or seen.trouble is None:
        return kept_part(seen)
    ended = None if seen.ended_at is None else seen.ended_at.isoformat()
    trouble = {"reason": seen.trouble.reason, "message": seen.trouble.message}
    return {"trouble": trouble} | ({"endedAt": ended} if ended else {})


def _kept_results(config_map: Manifest, content: str | None) -> Iterator[tuple[Run, RunSeen]]:
    revision, request = revision_of(config_map), _label(config_map, conventions.LABEL_REQUEST)
    if revision is None or content is None:
        return
    for part, text in (config_map.get("data") or {}).items():
        try:
            yield Run(revision, content, int(part), request or ""), _read_part(json.loads(text))
        except (KeyError, TypeError, ValueError):
            continue  # somebody edited it: it is run again


def _read_part(kept: Mapping[str, Any]) -> RunSeen:
    """What `kept_part` and `kept_by_hand` wrote."""
    ended = kept.get("endedAt")
    ended_at = None if ended is None else datetime.fromisoformat(ended)
    if "trouble" in kept:
        trouble = Finding(str(kept["trouble"]["reason"]), str(kept["trouble"]["message"]))
        return RunSeen(None, ended_at, trouble, is_kept=True)
    result = RunResult.model_validate(kept["result"])
    if ended_at is None or ended_at.tzinfo is None:
        raise ValueError("a result was kept without the time when it came in")
    return RunSeen(result, ended_at, is_kept=True)


def _newest(kept: RunSeen, job: RunSeen | None) -> RunSeen:
    """A result that is kept, or that of a Job which has asked again since."""
    if job is None:
        return kept
    if kept.ended_at is None:  # what was in its way when it was kept
        return job
    if job.result is None:
        return replace(kept, again=job)
    return job if job.ended_at is not None and job.ended_at > kept.ended_at else kept


def run_of(job: Manifest) -> Run | None:
    """The run that a Job is of; None: it is none of a suite."""
    revision, content = revision_of(job), _label(job, conventions.LABEL_CONTENT)
    part = _label(job, conventions.LABEL_PART)
    if revision is None or content is None or part is None or not part.isdecimal():
        return None
    return Run(revision, content, int(part), _label(job, conventions.LABEL_REQUEST) or "")


def _is_of(pod: Manifest, uid: str) -> bool:
    controller = controller_of(pod)
    return controller is not None and controller["uid"] == uid


def _label(manifest: Manifest, label: str) -> str | None:
    found = (manifest["metadata"].get("labels") or {}).get(label)
    return None if found is None else str(found)


async def read_suites(
    namespace: str,
    deployment: LLMDeployment | None,
    cluster: ClusterReader,
    asked: Collection[str] = (),
) -> dict[str, SuiteSeen]:
    """The suites that a spec names, and those that a person asks for, by name.

    Raises:
        ClusterError: The API server refused or did not answer.
    """
    names = (*(named_suites(deployment.spec) if deployment else ()), *asked)
    return {name: await read_suite(namespace, name, cluster) for name in names}


async def read_suite(namespace: str, name: str, cluster: ClusterReader) -> SuiteSeen:
    """One suite with its items, or why it cannot be run."""
    manifest = await cluster.get(kinds.EVALUATION_SUITE, namespace, name)
    if manifest is None:
        return Finding(
            "SuiteNotFound",
            f"EvaluationSuite {name} does not exist. Create it in this namespace, or correct"
            " spec.evaluations.",
        )
    return await read_suite_manifest(manifest, cluster)


async def read_suite_manifest(manifest: Manifest, cluster: ClusterReader) -> SuiteSeen:
    """The same, of a suite that was read already."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    # In threads, here and below: 10,000 items take seconds, in which others go on.
    validation = await asyncio.to_thread(validate_suite, manifest, strict=False)
    suite = validation.suite
    if suite is not None and suite.spec.items is not None and suite.spec.items.config_map:
        reference = suite.spec.items.config_map
        found = await cluster.get(kinds.CONFIG_MAP, namespace, reference.name)
        content = _bytes_of(found, reference.key)
        if content is None:
            return Finding(
                "SuiteItemsNotFound",
                f"EvaluationSuite {name}: ConfigMap {reference.name} has no key {reference.key}, or"
                " does not exist. Create it, or correct spec.items.configMap.",
            )
        validation = await asyncio.to_thread(validate_suite, manifest, strict=False, file=content)
        suite = validation.suite
    if suite is None:
        said = "; ".join(f"{error.path}: {error.message}" for error in validation.errors[:3])
        return Finding("SuiteInvalid", f"EvaluationSuite {name}: {said}")
    files = await _task_files(namespace, suite.spec, cluster)
    if isinstance(files, Finding):
        return Finding(files.reason, f"EvaluationSuite {name}: {files.message}")
    return await asyncio.to_thread(_suite, name, suite.spec, validation.items, files)


def _suite(
    name: str,
    spec: EvaluationSuiteSpec,
    items: Sequence[Item] | None,
    files: Mapping[str, str],
) -> Suite:
    ordered = None if items is None else tuple(in_order(items))
    return Suite(name, content_hash(spec, ordered, files), spec, ordered, files)


async def _task_files(
    namespace: str, spec: EvaluationSuiteSpec, cluster: ClusterReader
) -> dict[str, str] | Finding:
    part = spec.runner.lm_eval or spec.runner.inspect
    if part is None or part.task_files is None:
        return {}
    found = await cluster.get(kinds.CONFIG_MAP, namespace, part.task_files)
    if found is None:
        return Finding(
            "SuiteItemsNotFound", f"ConfigMap {part.task_files} (taskFiles) does not exist."
        )
    return dict(found.get("data") or {})


def _bytes_of(config_map: Manifest | None, key: str) -> bytes | None:
    """What a key of a ConfigMap holds; None: there is no such key."""
    if config_map is None:
        return None
    text = (config_map.get("data") or {}).get(key)
    if text is not None:
        return str(text).encode()
    packed = (config_map.get("binaryData") or {}).get(key)
    return None if packed is None else b64decode(packed)
