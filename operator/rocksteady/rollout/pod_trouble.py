"""Why pods are not ready: read from pod and Deployment statuses, in words with a cure.

Pure. Only what needs somebody's help is trouble; a pod that is pulling or loading is not.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from rocksteady.rollout.finding import Finding

_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_FETCH_PREFIX: Final = "fetch-"
"""What the names of the init containers that fetch a model begin with."""
SAID_MAX_LENGTH: Final = 200
CRASHES_MIN: Final = 2
"""Restarts after which a container that is not ready counts as crashing again and again: one may be
an accident."""
KUBELET_GRACE: Final = timedelta(seconds=2)
"""The least time between SIGTERM and SIGKILL, also when a preStop hook used up the grace period.

Source: kubernetes/kubernetes:pkg/kubelet/kuberuntime/kuberuntime_container.go
(minimumGracePeriodInSeconds).
"""
STOPPED_EXIT_CODES: Final = frozenset({0, 137, 143})
"""How a container ends that the kubelet stops: by itself, by SIGKILL, or by SIGTERM."""


def find_trouble(
    deployment: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]
) -> Finding | None:
    """The first trouble of a revision: that of a pod, then that of its Deployment; None: none.

    Args:
        deployment: The revision's Deployment as the API server returns it.
        pods: The revision's pods; those being deleted are passed over.
    """
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    for pod in sorted(staying, key=lambda pod: str(pod["metadata"]["name"])):
        finding = _pod_trouble(pod)
        if finding is not None:
            return Finding(finding.reason, f"pod {pod['metadata']['name']}: {finding.message}")
    if _refusal(deployment) is not None or any(map(_fetches, staying)):
        return _refusal(deployment)
    return _lateness(deployment, has_run=any(map(_has_run, staying)))


def _pod_trouble(pod: Mapping[str, Any]) -> Finding | None:
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return Finding(
                "Unschedulable",
                f"no node can take it: {condition.get('message', '')} Add capacity, or ask for"
                " less in spec.resources.",
            )
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    for container in containers:
        finding = _container_trouble(container, pod.get("spec", {}))
        if finding is not None:
            return finding
    return None


def _container_trouble(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Finding | None:
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _IMAGE_REASONS:
        return Finding(
            "ImagePullFailed",
            f"image {container.get('image', '')} cannot be pulled ({reason}): {message} Check"
            f" {_image_cure(str(container['name']))}.",
        )
    if reason == "CreateContainerConfigError":
        return _configuration_trouble(message)
    if reason in {"CreateContainerError", "RunContainerError"}:
        return Finding("ContainerCannotStart", f"{message} Check spec.engine and podTemplate.")
    if reason == "CrashLoopBackOff" or _keeps_crashing(container):
        return _never_started(container, spec) or _crash(container)
    return None


def _image_cure(container: str) -> str:
    """Where the image of a container comes from, and its pull secret: those that fetch run ours."""
    if container.startswith(_FETCH_PREFIX):
        return (
            "fetchImage of the operator's chart, and name a pull secret of this namespace in"
            " spec.podTemplate.spec.imagePullSecrets: those of the chart are for the operator only"
        )
    return "spec.engine.image and the pull secret"


def _keeps_crashing(container: Mapping[str, Any]) -> bool:
    """True between two crashes, while it runs: otherwise the trouble would come and go with it."""
    crashed = bool(container.get("lastState", {}).get("terminated"))
    return (
        crashed
        and not container.get("ready", False)
        and container.get("restartCount", 0) >= CRASHES_MIN
    )


def _never_started(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Finding | None:
    """NeverReady when the kubelet ended the last run since the startup probe never passed.

    A container's status does not say who ended it. A run that was stopped after as long as the
    probe allows, and not later than the grace period after that, was.
    """
    last = container.get("lastState", {}).get("terminated") or {}
    probe = _startup_probe(spec, str(container["name"]))
    if not probe or last.get("reason") == "OOMKilled":
        return None
    if last.get("exitCode") not in STOPPED_EXIT_CODES or "startedAt" not in last:
        return None
    period = timedelta(seconds=probe.get("periodSeconds", 10))
    allowed = probe.get("failureThreshold", 3) * period + timedelta(
        seconds=probe.get("initialDelaySeconds", 0)
    )
    pod_grace = spec.get("terminationGracePeriodSeconds", 30)
    grace = timedelta(seconds=probe.get("terminationGracePeriodSeconds", pod_grace))
    ran = datetime.fromisoformat(last["finishedAt"]) - datetime.fromisoformat(last["startedAt"])
    # The first probe comes at once, so the last comes one period before the time is over.
    if not allowed - period <= ran <= allowed + grace + KUBELET_GRACE + period:
        return None
    return Finding(
        "NeverReady",
        f"container {container['name']} did not start to serve within"
        f" {allowed.total_seconds():.0f} s and was restarted. See its logs, or raise"
        " spec.engine.startupTimeoutSeconds.",
    )


def _startup_probe(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The startup probe of a container; empty when it has none."""
    for container in spec.get("containers", ()):
        if container["name"] == name:
            probe: Mapping[str, Any] = container.get("startupProbe") or {}
            return probe
    return {}


def _configuration_trouble(message: str) -> Finding:
    """A reference of the pod leads nowhere; the kubelet's message names it."""
    lowered = message.lower()
    if "secret" in lowered:
        return Finding(
            "SecretNotFound",
            f"{message}. Create the Secret in this namespace, or correct the reference.",
        )
    if "configmap" in lowered:
        return Finding(
            "ConfigMapNotFound",
            f"{message}. Create the ConfigMap in this namespace, or correct the reference.",
        )
    return Finding("ContainerConfigInvalid", f"{message}. Check spec.engine.env and podTemplate.")


def _crash(container: Mapping[str, Any]) -> Finding:
    last = container.get("lastState", {}).get("terminated") or {}
    code = last.get("exitCode", "unknown")
    said = _last_line(str(last.get("message", "")))
    if last.get("reason") == "OOMKilled":
        return Finding(
            "OutOfMemory",
            f"container {container['name']} was killed for using more memory than"
            " spec.resources.limits allows. Raise the limit or use a smaller model.",
        )
    if str(container["name"]).startswith(_FETCH_PREFIX):
        return Finding("FetchFailed", f"{said or f'exit code {code}'}. Check spec.model.")
    detail = f": {said}" if said else ""
    return Finding(
        "CrashLooping",
        f"container {container['name']} ends with exit code {code}{detail}. See its logs:"
        f" kubectl logs --previous.",
    )


def _last_line(text: str) -> str:
    """The last line that a container left, cut short: the whole of its log is not for a status."""
    lines = text.strip().splitlines()
    return lines[-1].strip()[:SAID_MAX_LENGTH] if lines else ""


def _fetches(pod: Mapping[str, Any]) -> bool:
    """True while a pod fetches its model, and until its server ran once with what was fetched.

    A Deployment's deadline counts the time that fetching takes, which nobody can bound, and says
    that it has passed until the pods are ready. How long the server may load is measured by its
    startup probe.
    """
    status = pod.get("status", {})
    states = [
        container.get("state", {})
        for container in status.get("initContainerStatuses", ())
        if str(container["name"]).startswith(_FETCH_PREFIX)
    ]
    if any("running" in state for state in states):
        return True
    fetched = any((state.get("terminated") or {}).get("exitCode") == 0 for state in states)
    return fetched and not any(
        server.get("restartCount", 0) or server.get("ready", False)
        for server in status.get("containerStatuses", ())
    )


def _conditions(deployment: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    conditions = deployment.get("status", {}).get("conditions", ())
    return {condition["type"]: condition for condition in conditions}


def _refusal(deployment: Mapping[str, Any]) -> Finding | None:
    refused = _conditions(deployment).get("ReplicaFailure")
    if refused is None or refused["status"] != "True":
        return None
    return Finding("PodsRefused", f"the cluster refuses its pods: {refused.get('message', '')}")


def _has_run(pod: Mapping[str, Any]) -> bool:
    """True when the server of a pod has been started, whatever became of it."""
    servers = pod.get("status", {}).get("containerStatuses", ())
    return any(
        server.get("restartCount", 0) or {"running", "terminated"} & server.get("state", {}).keys()
        for server in servers
    )


def _lateness(deployment: Mapping[str, Any], *, has_run: bool) -> Finding | None:
    """What to say when a Deployment's deadline has passed.

    It counts the time that pulling the image takes too, which says nothing about the revision.
    """
    progressing = _conditions(deployment).get("Progressing")
    if progressing is None or progressing.get("reason") != "ProgressDeadlineExceeded":
        return None
    if not has_run:
        return Finding(
            "NotStarted",
            "its containers were not started in time: the image may be large, or a volume slow. See"
            " the Events of its pods.",
        )
    return Finding(
        "NeverReady",
        "its pods did not become ready in time. See their logs, or raise"
        " spec.engine.startupTimeoutSeconds.",
    )
