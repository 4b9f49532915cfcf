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
from rocksteady.rollout.evaluation_again import has_too_few
from rocksteady.rollout.evaluation_runs import FAILURES_KEPT, Failures, Run, RunSeen
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
            told = read_run(job, [pod for pod in pods if _is_of(pod, uid)])
            runs[run] = _with_failures(replace(told, has_job=True, content_hash=_hash_of(job)))
    for config_map in live.of_kind(kinds.CONFIG_MAP):
        short = _label(config_map, conventions.LABEL_CONTENT)
        content = read_content(config_map) if short else None
        if short and content is not None and content.content_hash.startswith(short):
            contents[short] = content
        for run, kept in _kept_results(config_map, short):
            runs[run] = _merged(kept, runs.get(run))
    return Kept(contents, runs)


def kept_part(seen: RunSeen) -> dict[str, Any] | None:
    """A result as it is kept, and since when asking came to nothing; None: there is neither."""
    kept: dict[str, Any] = {}
    if seen.result is not None and seen.ended_at is not None:
        told = seen.result.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        kept = {"endedAt": seen.ended_at.isoformat(), "result": told}
        if seen.content_hash:
            kept["contentHash"] = seen.content_hash
    failures = seen.newest.failures
    if failures is not None:
        trouble = failures.trouble
        said = {"reason": trouble.reason, "message": trouble.message} if trouble else {}
        kept["failures"] = {"at": [at.isoformat() for at in failures.times], **said}
    return kept or None


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
        except (KeyError, TypeError, ValueError, IndexError):
            continue  # somebody edited it: it is run again


def _read_part(kept: Mapping[str, Any]) -> RunSeen:
    """What `kept_part` and `kept_by_hand` wrote."""
    if "trouble" in kept:
        trouble = Finding(str(kept["trouble"]["reason"]), str(kept["trouble"]["message"]))
        ended = kept.get("endedAt")
        return RunSeen(None, None if ended is None else _time(ended), trouble, is_kept=True)
    failures = _read_failures(kept["failures"]) if "failures" in kept else None
    failed = None
    if failures is not None:
        failed = RunSeen(ended_at=failures.times[-1], trouble=failures.trouble, failures=failures)
    if failed is not None and "result" not in kept:
        return failed
    result = RunResult.model_validate(kept["result"])
    ended_at = _time(kept["endedAt"])
    found = RunSeen(result, ended_at, is_kept=True, content_hash=str(kept.get("contentHash", "")))
    if failed is not None and failed.ended_at == ended_at:
        return replace(found, failures=failures)
    return replace(found, again=failed)


def _read_failures(kept: Mapping[str, Any]) -> Failures:
    times = tuple(_time(at) for at in kept["at"])
    if "reason" not in kept:
        return Failures(times)
    return Failures(times, Finding(str(kept["reason"]), str(kept["message"])))


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time was kept that could be of any zone")
    return found


def _merged(kept: RunSeen, job: RunSeen | None) -> RunSeen:
    """What is kept, and what a Job tells that is there."""
    if job is None:
        return kept
    if kept.is_kept and kept.trouble is not None and kept.ended_at is not None:
        return replace(kept, again=job)  # a person has been told of it, and asks again or not
    if kept.result is not None and kept.ended_at == job.ended_at:
        return replace(kept, has_job=True)  # it is the Job of this very result
    job = _with_failures(job, kept.newest.failures)
    if kept.result is None or kept.ended_at is None:
        return job
    if job.result is None:
        return replace(kept, again=job)
    return job if job.ended_at is not None and job.ended_at > kept.ended_at else kept


def _with_failures(job: RunSeen, before: Failures | None = None) -> RunSeen:
    """The same, with the tries in a row that came to nothing.

    Args:
        job: That runs, or ended.
        before: As they are kept, those of this Job perhaps among them; None: none are.
    """
    if job.ended_at is None:
        return replace(job, failures=before)
    if job.result is not None and not has_too_few(job.result):
        return replace(job, failures=None)
    times = before.times if before is not None else ()
    if job.ended_at not in times:
        times = (*times, job.ended_at)[-FAILURES_KEPT:]
    return replace(job, failures=Failures(times, job.trouble))


def _hash_of(job: Manifest) -> str:
    annotations = job["metadata"].get("annotations") or {}
    return str(annotations.get(conventions.ANNOTATION_CONTENT_HASH, ""))


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
