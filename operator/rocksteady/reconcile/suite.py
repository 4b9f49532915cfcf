"""One pass over one EvaluationSuite: is it valid, and which content is it? Its status says so."""

import asyncio
from datetime import datetime
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.suite_validation import validate_suite
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteStatus
from rocksteady.api.v1alpha1.status import Condition, ConditionStatus
from rocksteady.ports import Cluster, Key, Manifest, ReconcileObserver
from rocksteady.reconcile.evaluations import read_suite_manifest
from rocksteady.resources import kinds
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.plan import Claim
from rocksteady.rollout.suites import Suite, SuiteSeen
from rocksteady.status.conditions import merge_conditions

REFERENCE_SECONDS: Final = 60.0
"""How often a ConfigMap is read that a suite refers to, which no watch reports."""
WARNINGS_MAX: Final = 32
WARNING_MAX_LENGTH: Final = 1024


async def reconcile_suite(
    key: Key, cluster: Cluster, now: datetime, observer: ReconcileObserver
) -> tuple[float | None, str]:
    """Write what a suite is into its status.

    Returns:
        When to look again without being woken, None: not needed; and a summary for the log.

    Raises:
        Conflict: Somebody wrote meanwhile: do it again.
        ClusterError: The API server refused or did not answer.
    """
    manifest = await cluster.get(kinds.EVALUATION_SUITE, key.namespace, key.name)
    if manifest is None or "deletionTimestamp" in manifest["metadata"]:
        return None, "gone"
    seen = await read_suite_manifest(manifest, cluster)
    status = await asyncio.to_thread(suite_status, manifest, seen, now)
    content = status.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if manifest.get("status") != content:
        await cluster.apply_status(kinds.EVALUATION_SUITE, _status_manifest(manifest, content))
        observer.applied(conventions.SUITE_KIND, "status")
    refers = isinstance(seen, Finding) or _refers(seen)
    return REFERENCE_SECONDS if refers else None, _summary(seen)


def suite_status(manifest: Manifest, seen: SuiteSeen, now: datetime) -> EvaluationSuiteStatus:
    """The status of a suite, from what was read."""
    generation = manifest["metadata"].get("generation", 1)
    warnings = validate_suite(manifest, strict=False).warnings
    said = tuple(f"{one.path}: {one.message}"[:WARNING_MAX_LENGTH] for one in warnings)
    suite = seen if isinstance(seen, Suite) else None
    return EvaluationSuiteStatus(
        observed_generation=generation,
        content_hash=suite.content_hash if suite else None,
        item_count=len(suite.items) if suite and suite.items is not None else None,
        warnings=said[:WARNINGS_MAX],
        conditions=merge_conditions(_before(manifest), _claims(seen), generation, now),
    )


def _claims(seen: SuiteSeen) -> dict[str, Claim]:
    if isinstance(seen, Finding):
        return {
            conventions.READY: Claim(ConditionStatus.FALSE, seen.reason, seen.message),
            conventions.STALLED: Claim(ConditionStatus.TRUE, seen.reason, seen.message),
        }
    count = "the items of its runner" if seen.items is None else f"{len(seen.items)} items"
    said = f"It can be run, with {count}."
    return {
        conventions.READY: Claim(ConditionStatus.TRUE, "Valid", said),
        conventions.STALLED: Claim(ConditionStatus.FALSE, "Valid", said),
    }


def _before(manifest: Manifest) -> tuple[Condition, ...]:
    """Conditions as they were reported last; none when they cannot be read."""
    try:
        status = EvaluationSuiteStatus.model_validate(manifest.get("status") or {})
    except ValueError:
        return ()
    return status.conditions


def _refers(suite: Suite) -> bool:
    items = suite.spec.items
    return bool(suite.task_files) or (items is not None and items.config_map is not None)


def _status_manifest(manifest: Manifest, content: dict[str, Any]) -> Manifest:
    metadata = manifest["metadata"]
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.SUITE_KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "status": content,
    }


def _summary(seen: SuiteSeen) -> str:
    return seen.reason if isinstance(seen, Finding) else f"content={seen.content}"
