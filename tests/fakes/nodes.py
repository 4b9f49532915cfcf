"""What makes Deployments and routes come true: controllers, kubelet and gateway, in small steps.

Each step is one thing that happens somewhere in a cluster, so that a test can put anything between
two of them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rocksteady.conventions import LABEL_REVISION
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import container_status, waiting
from tests.fakes.cluster import FakeCluster

_HASH_LABEL = "pod-template-hash"


@dataclass(frozen=True)
class Step:
    """One thing that can happen next.

    Attributes:
        name: For the log of a failed test.
        happen: Lets it happen.
    """

    name: str
    happen: Callable[[], None]


class Nodes:
    """Runs pods.

    Args:
        cluster: Where they run.
        broken_images: Images whose pods never start, with the reason the kubelet gives.

    Attributes:
        created: How many pods were ever created, for their names.
        lingers: True: a pod that is deleted holds what it has until it has ended, a step later.
    """

    def __init__(self, cluster: FakeCluster, broken_images: dict[str, str] | None = None) -> None:
        self.cluster = cluster
        self.broken_images = broken_images if broken_images is not None else {}
        self.created = 0
        self.lingers = False

    def steps(self) -> list[Step]:
        """What can happen next; empty when everything has."""
        return [
            *self._deployment_steps(),
            *self._pod_steps(),
            *self._ending_steps(),
            *self._slice_steps(),
            *self._route_steps(),
        ]

    def run(self) -> None:
        """Let everything happen."""
        while steps := self.steps():
            for step in steps:
                step.happen()

    def break_pods(self, image: str, reason: str) -> None:
        """Every pod of an image fails from now on, running or new, for a reason of the kubelet."""
        self.broken_images[image] = reason
        self._restart(image)

    def heal_pods(self, image: str) -> None:
        """Pods of an image start again."""
        self.broken_images.pop(image, None)
        self._restart(image)

    def evict(self, name: str) -> None:
        """A pod is deleted by somebody else; its Deployment makes another."""
        self._delete(self.cluster.of_kind(kinds.POD)[name])

    def restart(self, name: str) -> None:
        """A pod's server ends once, and is started again a step later."""
        self.cluster.put({**self.cluster.of_kind(kinds.POD)[name], "status": {}})

    def _restart(self, image: str) -> None:
        for pod in list(self.cluster.of_kind(kinds.POD).values()):
            if pod["spec"]["containers"][0]["image"] == image and not _is_ending(pod):
                self.cluster.put({**pod, "status": {}})
                self._start(pod["metadata"]["name"])

    def ready_pods(self, selector: dict[str, str]) -> int:
        """How many ready pods a Service with this selector sends requests to."""
        pods = self.cluster.of_kind(kinds.POD).values()
        return sum(
            is_ready(pod) for pod in pods if selector.items() <= pod["metadata"]["labels"].items()
        )

    def _deployment_steps(self) -> list[Step]:
        steps = []
        for name, deployment in sorted(self.cluster.of_kind(kinds.DEPLOYMENT).items()):
            generation = deployment["metadata"]["generation"]
            seen = deployment.get("status", {}).get("observedGeneration") == generation
            missing = len(self._pods_of(deployment)) != deployment["spec"]["replicas"]
            if not seen or missing:
                steps.append(Step(f"scale {name}", partial(self._scale, name)))
            elif deployment["status"] != self._status_of(deployment):
                steps.append(Step(f"count {name}", partial(self._count, name)))
        return steps

    def _pod_steps(self) -> list[Step]:
        return [
            Step(f"start {name}", partial(self._start, name))
            for name, pod in sorted(self.cluster.of_kind(kinds.POD).items())
            if not pod.get("status") and not _is_ending(pod)
        ]

    def _ending_steps(self) -> list[Step]:
        return [
            Step(f"end {name}", partial(self._end, name))
            for name, pod in sorted(self.cluster.of_kind(kinds.POD).items())
            if _is_ending(pod)
        ]

    def _route_steps(self) -> list[Step]:
        return [
            Step(f"route {name}", partial(self._accept, name))
            for name, route in sorted(self.cluster.of_kind(kinds.HTTP_ROUTE).items())
            if route.get("status") != self._route_status(route)
        ]

    def _slice_steps(self) -> list[Step]:
        """The controller of EndpointSlices sees which pods of a revision's Service are ready."""
        return [
            Step(f"slice {name}", partial(self._slice, name))
            for name, service in sorted(self.cluster.of_kind(kinds.SERVICE).items())
            if LABEL_REVISION in service["metadata"].get("labels", {})
            and self._endpoints(name) != self._ready_addresses(service)
        ]

    def _slice(self, name: str) -> None:
        service = self.cluster.of_kind(kinds.SERVICE).get(name)
        if service is None:
            return
        metadata = service["metadata"]
        self.cluster.put(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": metadata["labels"],
                    "ownerReferences": [{"kind": "Service", "uid": metadata["uid"]}],
                },
                "endpoints": [
                    {"addresses": [address], "conditions": {"ready": True}}
                    for address in self._ready_addresses(service)
                ],
            }
        )

    def _endpoints(self, name: str) -> list[str]:
        found = self.cluster.of_kind(kinds.ENDPOINT_SLICE).get(name, {})
        return [endpoint["addresses"][0] for endpoint in found.get("endpoints", ())]

    def _ready_addresses(self, service: Manifest) -> list[str]:
        selector = service["spec"]["selector"].items()
        return sorted(
            name
            for name, pod in self.cluster.of_kind(kinds.POD).items()
            if is_ready(pod) and selector <= pod["metadata"]["labels"].items()
        )

    def _scale(self, name: str) -> None:
        """The Deployment's controller sees a change: it creates and deletes pods, and counts."""
        deployment = self._deployment(name)
        if deployment is None:
            return
        template = _template_hash(deployment)
        for pod in self._pods_of(deployment):
            if pod["metadata"]["labels"][_HASH_LABEL] != template:
                self._delete(pod)
        pods, wanted = self._pods_of(deployment), deployment["spec"]["replicas"]
        for pod in sorted(pods, key=is_ready)[: max(0, len(pods) - wanted)]:
            self._delete(pod)
        for _ in range(len(pods), wanted):
            self._create(deployment, template)
        self._count(name)

    def _create(self, deployment: Manifest, template: str) -> None:
        self.created += 1
        metadata = deployment["metadata"]
        labels = {**deployment["spec"]["template"]["metadata"]["labels"], _HASH_LABEL: template}
        self.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"{metadata['name']}-{template}-{self.created}",
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    # Left out: the ReplicaSet between the two.
                    "ownerReferences": [{"kind": "Deployment", "uid": metadata["uid"]}],
                },
                "spec": deployment["spec"]["template"]["spec"],
            }
        )

    def _delete(self, pod: Manifest) -> None:
        if self.lingers:
            self.cluster.put(ending(pod))
        else:
            self._end(pod["metadata"]["name"])

    def _end(self, name: str) -> None:
        pod = self.cluster.of_kind(kinds.POD).get(name)
        if pod is not None:
            self.cluster.remove(kinds.POD, pod["metadata"]["namespace"], name)

    def _start(self, name: str) -> None:
        """The kubelet starts a pod, or says why it cannot."""
        pod = self.cluster.of_kind(kinds.POD).get(name)
        if pod is None:
            return
        image = pod["spec"]["containers"][0]["image"]
        why = self.broken_images.get(image)
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.cluster.put({**pod, "status": status if why is None else _failing(why)})

    def _count(self, name: str) -> None:
        deployment = self._deployment(name)
        if deployment is not None:
            self.cluster.put({**deployment, "status": self._status_of(deployment)})

    def _status_of(self, deployment: Manifest) -> dict[str, Any]:
        pods = self._pods_of(deployment)
        counts = {"replicas": len(pods), "readyReplicas": sum(map(is_ready, pods))}
        return {
            "observedGeneration": deployment["metadata"]["generation"],
            **{name: count for name, count in counts.items() if count},
        }

    def _pods_of(self, deployment: Manifest) -> list[Manifest]:
        uid = deployment["metadata"]["uid"]
        pods = self.cluster.of_kind(kinds.POD).values()
        return [
            pod
            for pod in pods
            if pod["metadata"]["ownerReferences"][0]["uid"] == uid and not _is_ending(pod)
        ]

    def _deployment(self, name: str) -> Manifest | None:
        return self.cluster.of_kind(kinds.DEPLOYMENT).get(name)

    def _accept(self, name: str) -> None:
        """The gateway's controller takes a route, for the Gateways that are there."""
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(name)
        if route is not None:
            self.cluster.put({**route, "status": self._route_status(route)})

    def _route_status(self, route: Manifest) -> dict[str, Any]:
        gateways = self.cluster.of_kind(kinds.GATEWAY)
        accepted = {
            "type": "Accepted",
            "status": "True",
            "reason": "Accepted",
            "observedGeneration": route["metadata"]["generation"],
        }
        return {
            "parents": [
                {"parentRef": parent, "conditions": [accepted]}
                for parent in route["spec"]["parentRefs"]
                if parent["name"] in gateways
            ]
        }


def ending(pod: Manifest) -> Manifest:
    """A pod that was told to end, and still holds what it has."""
    metadata = {**pod["metadata"], "deletionTimestamp": "2026-11-23T12:00:00Z"}
    return {**pod, "metadata": metadata, "status": {"conditions": []}}


def _is_ending(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Manifest) -> bool:
    """True when the kubelet says so."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _failing(reason: str) -> dict[str, Any]:
    """The status of a pod that does not get ready, for a reason of kubelet or scheduler."""
    condition: dict[str, Any] = {"type": "Ready", "status": "False"}
    if reason == "Unschedulable":
        scheduled = {"type": "PodScheduled", "status": "False", "reason": reason}
        return {"conditions": [condition, scheduled]}
    if reason == "OOMKilled":
        server = container_status(**waiting("CrashLoopBackOff", "as the test says"))
        server["lastState"] = {"terminated": {"reason": reason, "exitCode": 137}}
    else:
        server = container_status(**waiting(reason, "as the test says"))
    return {"conditions": [condition], "containerStatuses": [server]}


def _template_hash(deployment: Manifest) -> str:
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
