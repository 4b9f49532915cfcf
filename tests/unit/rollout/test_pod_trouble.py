"""What a user reads when pods are not ready, from statuses as a kubelet writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rocksteady.ports import Manifest
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.pod_trouble import find_trouble
from tests.builders import container_status, live_deployment, pod, waiting

POD = "pod chat-aaaaaaaaaa-x7k2p"


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    said = {"message": message} if message else {}
    return {"lastState": {"terminated": {"exitCode": code, "reason": reason, **said}}}


def crashing(**last: Any) -> dict[str, Any]:
    back_off = waiting("CrashLoopBackOff", "back-off 40s restarting failed container")
    return container_status(**back_off, restartCount=4, **last)


def stopped(code: int, seconds: int, reason: str = "Error", **probe_fields: Any) -> Manifest:
    """A pod whose server has two minutes to start, and whose last run lasted so long.

    It has 20 s to end, as a pod of `drainTimeoutSeconds: 0` has, unless its probe says otherwise.
    """
    ended = datetime(2026, 11, 23, 12, tzinfo=UTC) + timedelta(seconds=seconds)
    last = {
        "exitCode": code,
        "reason": reason,
        "startedAt": "2026-11-23T12:00:00Z",
        "finishedAt": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
    }
    seen = pod(containerStatuses=[crashing(lastState={"terminated": last})])
    probe = {"tcpSocket": {"port": "http"}, "periodSeconds": 5, "failureThreshold": 24}
    probe |= probe_fields
    server = {"name": "model-server", "startupProbe": probe}
    return {**seen, "spec": {"containers": [server], "terminationGracePeriodSeconds": 20}}


def progress(reason: str, status: str) -> dict[str, str]:
    return {"type": "Progressing", "status": status, "reason": reason}


@pytest.mark.parametrize(
    ("seen", "reason", "message"),
    [
        pytest.param(
            pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                    }
                ]
            ),
            "Unschedulable",
            f"{POD}: no node can take it: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
            " Add capacity, or ask for less in spec.resources.",
            id="no node has room",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        **waiting("ImagePullBackOff", 'Back-off pulling image "llama:a"')
                    )
                ]
            ),
            "ImagePullFailed",
            f"{POD}: image llama:a cannot be pulled (ImagePullBackOff): Back-off pulling image"
            ' "llama:a" Check spec.engine.image and the pull secret.',
            id="the image cannot be pulled",
        ),
        pytest.param(
            pod(
                initContainerStatuses=[
                    {
                        **container_status(**waiting("ErrImagePull", "401 Unauthorized.")),
                        "name": "fetch-model",
                        "image": "rocksteady:a",
                    }
                ],
                containerStatuses=[container_status(**waiting("PodInitializing"))],
            ),
            "ImagePullFailed",
            f"{POD}: image rocksteady:a cannot be pulled (ErrImagePull): 401 Unauthorized. Check"
            " fetchImage of the operator's chart, and name a pull secret of this namespace in"
            " spec.podTemplate.spec.imagePullSecrets: those of the chart are for the operator"
            " only.",
            id="the operator's own image, which fetches, cannot be pulled",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        **waiting("CreateContainerConfigError", 'secret "hf-token" not found')
                    )
                ]
            ),
            "SecretNotFound",
            f'{POD}: secret "hf-token" not found. Create the Secret in this namespace, or correct'
            " the reference.",
            id="a Secret is missing",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        **waiting("CreateContainerConfigError", 'configmap "prompts" not found')
                    )
                ]
            ),
            "ConfigMapNotFound",
            f'{POD}: configmap "prompts" not found. Create the ConfigMap in this namespace, or'
            " correct the reference.",
            id="a ConfigMap is missing",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        **waiting(
                            "CreateContainerConfigError",
                            "container has runAsNonRoot and image will run as root",
                        )
                    )
                ]
            ),
            "ContainerConfigInvalid",
            f"{POD}: container has runAsNonRoot and image will run as root. Check spec.engine.env"
            " and podTemplate.",
            id="the container's configuration is not possible",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        **waiting("RunContainerError", 'exec: "serve": executable file not found')
                    )
                ]
            ),
            "ContainerCannotStart",
            f'{POD}: exec: "serve": executable file not found Check spec.engine and podTemplate.',
            id="the container cannot be started",
        ),
        pytest.param(
            pod(containerStatuses=[crashing(**terminated(1, message="unknown flag --jinga"))]),
            "CrashLooping",
            f"{POD}: container model-server ends with exit code 1: unknown flag --jinga. See its"
            " logs: kubectl logs --previous.",
            id="the server ends again and again",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container_status(
                        state={"running": {}}, restartCount=3, **terminated(1, message="bad flag")
                    )
                ]
            ),
            "CrashLooping",
            f"{POD}: container model-server ends with exit code 1: bad flag. See its logs: kubectl"
            " logs --previous.",
            id="it runs for a moment between two crashes",
        ),
        pytest.param(
            pod(containerStatuses=[crashing()]),
            "CrashLooping",
            f"{POD}: container model-server ends with exit code unknown. See its logs: kubectl logs"
            " --previous.",
            id="the server ends and the kubelet does not say how",
        ),
        pytest.param(
            pod(containerStatuses=[crashing(**terminated(137, "OOMKilled"))]),
            "OutOfMemory",
            f"{POD}: container model-server was killed for using more memory than"
            " spec.resources.limits allows. Raise the limit or use a smaller model.",
            id="the server needs more memory than it may have",
        ),
        pytest.param(
            pod(
                initContainerStatuses=[
                    {
                        **crashing(**terminated(1, message="404: no such repository\n")),
                        "name": "fetch-model",
                    }
                ],
                containerStatuses=[container_status(**waiting("PodInitializing"))],
            ),
            "FetchFailed",
            f"{POD}: 404: no such repository. Check spec.model.",
            id="the model cannot be fetched",
        ),
        pytest.param(
            pod(initContainerStatuses=[{**crashing(**terminated(2)), "name": "fetch-model"}]),
            "FetchFailed",
            f"{POD}: exit code 2. Check spec.model.",
            id="the model cannot be fetched and nothing says why",
        ),
    ],
)
def test_find_trouble__of_a_pod(seen: Manifest, reason: str, message: str) -> None:
    assert find_trouble(live_deployment(), [seen]) == Finding(reason, message)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(stopped(137, 135), "NeverReady", id="killed when its time was over"),
        pytest.param(stopped(143, 120), "NeverReady", id="ended by SIGTERM when its time was over"),
        pytest.param(stopped(0, 118), "NeverReady", id="ended in good order when it was told to"),
        pytest.param(stopped(137, 145), "NeverReady", id="killed after all of its grace period"),
        pytest.param(
            stopped(137, 132, terminationGracePeriodSeconds=5),
            "NeverReady",
            id="killed after all of its probe's grace period, used up by its preStop hook",
        ),
        pytest.param(
            stopped(137, 145, terminationGracePeriodSeconds=5),
            "CrashLooping",
            id="killed later than its probe's grace period allows",
        ),
        pytest.param(stopped(1, 125), "CrashLooping", id="an error of its own just then"),
        pytest.param(stopped(137, 40), "CrashLooping", id="killed long before"),
        pytest.param(stopped(137, 3600), "CrashLooping", id="killed after it had served"),
        pytest.param(stopped(137, 125, "OOMKilled"), "OutOfMemory", id="out of memory just then"),
    ],
)
def test_find_trouble__tells_a_slow_start_from_a_crash(seen: Manifest, reason: str) -> None:
    finding = find_trouble(live_deployment(), [seen])
    assert finding is not None
    assert finding.reason == reason


def test_find_trouble__a_slow_start_names_the_limit_and_the_field() -> None:
    assert find_trouble(live_deployment(), [stopped(137, 135)]) == Finding(
        "NeverReady",
        f"{POD}: container model-server did not start to serve within 120 s and was restarted."
        " See its logs, or raise spec.engine.startupTimeoutSeconds.",
    )


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(pod(), id="no status yet"),
        pytest.param(
            pod(
                conditions=[{"type": "PodScheduled", "status": "True"}],
                containerStatuses=[container_status(**waiting("ContainerCreating"))],
            ),
            id="the image is being pulled",
        ),
        pytest.param(
            pod(
                initContainerStatuses=[
                    {**container_status(state={"running": {}}), "name": "fetch-model"}
                ],
                containerStatuses=[container_status(**waiting("PodInitializing"))],
            ),
            id="the model is being fetched",
        ),
        pytest.param(
            pod(containerStatuses=[container_status(state={"running": {"startedAt": "now"}})]),
            id="the model is being loaded",
        ),
        pytest.param(
            pod(containerStatuses=[container_status(state={"running": {}}, **terminated(1))]),
            id="it crashed once and runs again",
        ),
    ],
)
def test_find_trouble__is_not_what_takes_time(seen: Manifest) -> None:
    assert find_trouble(live_deployment(), [seen]) is None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param(
            [
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": 'pods "chat-x" is forbidden: exceeded quota: gpus',
                }
            ],
            Finding(
                "PodsRefused",
                'the cluster refuses its pods: pods "chat-x" is forbidden: exceeded quota: gpus',
            ),
            id="a quota or a policy refuses the pods",
        ),
        pytest.param(
            [progress("ProgressDeadlineExceeded", "False")],
            Finding(
                "NotStarted",
                "its containers were not started in time: the image may be large, or a volume slow."
                " See the Events of its pods.",
            ),
            id="no container was started in time",
        ),
        pytest.param([progress("NewReplicaSetAvailable", "True")], None, id="all is well"),
        pytest.param(
            [{"type": "ReplicaFailure", "status": "False", "reason": "FailedCreate"}],
            None,
            id="pods were refused once and no longer are",
        ),
    ],
)
def test_find_trouble__of_a_deployment(
    conditions: list[Manifest], expected: Finding | None
) -> None:
    assert find_trouble(live_deployment(conditions=conditions), []) == expected


def pull_failed(name: str) -> Manifest:
    return pod(name, containerStatuses=[container_status(**waiting("ErrImagePull", "no"))])


def test_find_trouble__tells_of_the_first_pod_by_name() -> None:
    finding = find_trouble(live_deployment(), [pull_failed("pod-b"), pull_failed("pod-a")])
    assert finding is not None
    assert finding.message.startswith("pod pod-a: ")


def test_find_trouble__passes_over_pods_that_are_being_deleted() -> None:
    leaving = pull_failed("pod-a")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert find_trouble(live_deployment(), [leaving]) is None


def test_find_trouble__a_pod_says_more_than_its_deployment() -> None:
    late = live_deployment(conditions=[progress("ProgressDeadlineExceeded", "False")])
    finding = find_trouble(late, [pull_failed("pod-a")])
    assert finding is not None
    assert finding.reason == "ImagePullFailed"


def fetching(*fetches: Manifest, **server: Any) -> Manifest:
    """A pod whose init containers have these states, and whose server has this status."""
    states = [
        {**container_status(state=state), "name": f"fetch-{index}"}
        for index, state in enumerate(fetches)
    ]
    return pod(initContainerStatuses=states, containerStatuses=[container_status(**server)])


RUNNING: Manifest = {"running": {}}
FETCHED: Manifest = {"terminated": {"exitCode": 0, "reason": "Completed"}}
WAITS = waiting("PodInitializing")


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(fetching(RUNNING, **WAITS), None, id="the model is being fetched"),
        pytest.param(
            fetching(FETCHED, WAITS["state"], **WAITS), None, id="between two that are fetched"
        ),
        pytest.param(fetching(FETCHED, **WAITS), None, id="the engine's image is being pulled"),
        pytest.param(fetching(FETCHED, state=RUNNING), None, id="the server loads what came late"),
        pytest.param(
            fetching(FETCHED, state=RUNNING, restartCount=1),
            "NeverReady",
            id="the server was restarted, since it did not load in its own time",
        ),
        pytest.param(
            fetching(WAITS["state"], **WAITS), "NotStarted", id="fetching did not even begin"
        ),
        pytest.param(
            fetching(state=RUNNING), "NeverReady", id="nothing is fetched by an init container"
        ),
    ],
)
def test_find_trouble__does_not_hold_the_time_of_fetching_against_a_revision(
    seen: Manifest, reason: str | None
) -> None:
    late = live_deployment(conditions=[progress("ProgressDeadlineExceeded", "False")])
    finding = find_trouble(late, [seen])
    assert (finding and finding.reason) == reason


def test_find_trouble__one_pod_that_fetches_is_time_for_all() -> None:
    late = live_deployment(conditions=[progress("ProgressDeadlineExceeded", "False")])
    ready = {**fetching(FETCHED, state=RUNNING, ready=True), "metadata": {"name": "pod-a"}}
    assert find_trouble(late, [ready, fetching(RUNNING, **WAITS)]) is None
