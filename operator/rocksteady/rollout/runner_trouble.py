"""How the Job of a run ended, or why it does not get on, by the statuses of Job and pods. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rocksteady.api.run_result import RunOutcome, RunResult, read_result
from rocksteady.conventions import (
    ANONYMISER_CONTAINER,
    ITEMS_FETCHER_CONTAINER,
    RUNNER_CONTAINER,
)
from rocksteady.rollout.evaluation_runs import RunSeen
from rocksteady.rollout.finding import Finding

_SAID_MAX_LENGTH: Final = 200
_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_PREPARERS: Final = {
    ITEMS_FETCHER_CONTAINER: "what fetches the items",
    ANONYMISER_CONTAINER: "the anonymiser",
}
"""Init containers, in words."""

Json = Mapping[str, Any]


def read_run(job: Json, pods: Sequence[Json]) -> RunSeen:
    """What is known of a run from its Job.

    Args:
        job: As the API server returns it.
        pods: The Job's pods, those being deleted too.
    """
    ended = {
        condition["type"]: condition
        for condition in job.get("status", {}).get("conditions", ())
        if condition.get("status") == "True" and condition["type"] in {"Complete", "Failed"}
    }
    newest_first = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    newest_first.reverse()
    if "Complete" in ended:
        return _completed(ended["Complete"], newest_first)
    if "Failed" in ended:
        at = _time(ended["Failed"].get("lastTransitionTime"))
        return RunSeen(ended_at=at, trouble=_why_failed(ended["Failed"], newest_first))
    waiting = filter(None, map(_waits_for, newest_first[:1]))
    return RunSeen(trouble=next(waiting, None))


def _completed(condition: Json, pods: Sequence[Json]) -> RunSeen:
    at = _time(condition.get("lastTransitionTime"))
    for pod in pods:
        terminated = _terminated(pod)
        if pod.get("status", {}).get("phase") != "Succeeded" or terminated is None:
            continue
        try:
            result = read_result(str(terminated.get("message", "")))
        except ValueError as error:
            return RunSeen(ended_at=at, trouble=Finding("ResultUnreadable", f"{error}."))
        if result.outcome is RunOutcome.ERROR:
            # It is no result to keep: the cure may lie in the cluster, and it is asked again.
            said = result.message or "the run told nothing"
            return RunSeen(ended_at=at, trouble=Finding("RunFailed", f"{said}."))
        return RunSeen(result, at)
    lost = "the pod of the run is gone, and its result with it; it is run again."
    return RunSeen(ended_at=at, trouble=Finding("ResultLost", lost))


def _why_failed(condition: Json, pods: Sequence[Json]) -> Finding:
    if condition.get("reason") == "DeadlineExceeded":
        return Finding(
            "RunTooSlow",
            "the run did not end in its time. Raise limits.deadlineSeconds of the suite, or"
            " limits.concurrency.",
        )
    for pod in pods:
        found = _why_ended(pod)
        if found is not None:
            return found
    said = str(condition.get("message", ""))[:_SAID_MAX_LENGTH]
    return Finding("RunFailed", f"the run failed: {said}. See the log of its pod.")


def _why_ended(pod: Json) -> Finding | None:
    for container in pod.get("status", {}).get("initContainerStatuses", ()):
        found = _why_unprepared(container)
        if found is not None:
            return found
    terminated = _terminated(pod)
    if terminated is None:
        return _why_evicted(pod)
    if terminated.get("reason") == "OOMKilled":
        return Finding(
            "RunnerOutOfMemory",
            "the runner used more memory than it may. Raise limits.resources of the suite.",
        )
    told = _told(str(terminated.get("message", "")))
    if told is not None and told.message:
        return Finding("RunFailed", f"{told.message}.")
    code = terminated.get("exitCode")
    return Finding(
        "RunFailed", f"the runner ended with exit code {code} and no result. See its pod's log."
    )


def _why_unprepared(container: Json) -> Finding | None:
    """Why an init container failed; None: it did not, or is none that is known."""
    terminated = container.get("state", {}).get("terminated")
    who = _PREPARERS.get(container.get("name", ""))
    if who is None or terminated is None or terminated.get("exitCode") == 0:
        return None
    if terminated.get("reason") == "OOMKilled":
        return Finding(
            "RunnerOutOfMemory",
            f"{who} used more memory than it may. Split the file of items into several suites.",
        )
    said = str(terminated.get("message", "")).strip().rstrip(".")
    if said:
        return Finding("RunFailed", f"{said}.")
    code = terminated.get("exitCode")
    return Finding("RunFailed", f"{who} ended with exit code {code}. See its log in the pod.")


def _why_evicted(pod: Json) -> Finding | None:
    """Why the kubelet ended a pod before its runner began; None: it did not."""
    status = pod.get("status", {})
    if status.get("reason") != "Evicted":
        return None
    said = str(status.get("message", ""))[:_SAID_MAX_LENGTH].strip().rstrip(".")
    return Finding("RunFailed", f"the node ended the run: {said}.")


def _waits_for(pod: Json) -> Finding | None:
    """Why a pod does not start."""
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            said = str(condition.get("message", ""))[:_SAID_MAX_LENGTH]
            return Finding("RunnerUnschedulable", f"no node can take the runner: {said}.")
    lists = ("initContainerStatuses", "containerStatuses")
    found = (_cannot_start(container) for kind in lists for container in status.get(kind, ()))
    return next(filter(None, found), None)


def _cannot_start(container: Json) -> Finding | None:
    """Why a container is not started; None: nothing is in the way."""
    waiting = container.get("state", {}).get("waiting") or {}
    reason, said = waiting.get("reason"), str(waiting.get("message", ""))[:_SAID_MAX_LENGTH]
    who = _PREPARERS.get(container.get("name", ""))
    if reason in _IMAGE_REASONS:
        cure = "fetchImage and harnessImage of the operator" if who else "runner.image of the suite"
        return Finding(
            "RunnerImagePullFailed",
            f"image {container.get('image', '')} of {who or 'the runner'} cannot be pulled"
            f" ({reason}). Check {cure}.",
        )
    if reason in {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}:
        cure = "items" if who else "runner and judge"
        return Finding(
            "RunnerCannotStart",
            f"{who or 'the runner'} cannot start: {said}. Check {cure} of the suite, and the"
            " Secrets that they name.",
        )
    return None


def _told(text: str) -> RunResult | None:
    try:
        return read_result(text)
    except ValueError:
        return None


def _terminated(pod: Json) -> Json | None:
    for container in pod.get("status", {}).get("containerStatuses", ()):
        if container.get("name") == RUNNER_CONTAINER:
            terminated: Json | None = container.get("state", {}).get("terminated")
            return terminated
    return None


def _time(text: Any) -> datetime:
    """A time as the API server writes it; the epoch when it wrote none."""
    if not text:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromisoformat(str(text))
