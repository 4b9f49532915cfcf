"""What must hold of rollouts at all times, checked after every write and every pass.

Here is what concerns pods and requests; what concerns records is in `Proofs`.
"""

from collections.abc import Mapping
from typing import Any

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmrollout import Phase
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.reading import Trip
from tests.builders import NAME
from tests.fakes.cluster import FakeCluster
from tests.fakes.nodes import is_ready
from tests.fakes.rollout_proofs import Proofs
from tests.fakes.simulation import MAX_DEPLOYMENTS

FULL = 100


class Watch:
    """See the module.

    Args:
        cluster: What is watched.
    """

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.proofs = Proofs(cluster)
        self._demand = 0
        self._wanted = 0
        self._aware = False
        self._ready_before = 0
        self._kept: dict[str, int] = {}

    def remember(self, other: "Watch") -> None:
        """What another saw of the same world."""
        self.proofs.remember(other.proofs)
        self._wanted, self._aware = other._wanted, other._aware

    # --- after every write of the operator

    def after_write(self) -> None:
        deployments = self.cluster.of_kind(kinds.DEPLOYMENT)
        assert len(deployments) <= MAX_DEPLOYMENTS, sorted(deployments)
        self.proofs.after_write()
        kind = self.cluster.writes[-1].kind
        if kind == kinds.HTTP_ROUTE.kind:
            self._check_route()
        if kind == kinds.DEPLOYMENT.kind:
            self._check_kept()
            self._check_demand()

    def _check_route(self) -> None:
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        if route is None:
            return
        backends = route["spec"]["rules"][0]["backendRefs"]
        weights = {one["name"]: one["weight"] for one in backends}
        assert len(weights) == len(backends), weights
        assert sum(weights.values()) in ({0, FULL} if self._is_closed() else {FULL}), weights
        given = {name for name, weight in weights.items() if weight > 0}
        assert all(name in self.cluster.of_kind(kinds.DEPLOYMENT) for name in given), weights
        if any(map(self._addresses, weights)):
            assert all(map(self._addresses, given)), f"{weights}: one has no ready address"
        self._check_given(weights)

    def _is_closed(self) -> bool:
        """True while no revision ever served: a first one may have to pass evaluations before."""
        status = self.cluster.of_kind(kinds.LLM_DEPLOYMENT)[NAME].get("status", {})
        return "stable" not in status.get("revisions", {}) and not self.proofs.attempts()

    def _check_given(self, weights: Mapping[str, int]) -> None:
        """A canary has what its record says at most, unless stable cannot answer."""
        attempts = self.proofs.attempts().values()
        newest = max(attempts, key=lambda one: one.spec.attempt, default=None)
        if newest is None or not self._addresses(f"{NAME}-{newest.spec.stable.hash}"):
            return
        canary, status = f"{NAME}-{newest.spec.canary.hash}", newest.status
        assert weights.get(canary, 0) <= status.weight_percent or status.phase is Phase.FINISHED
        if status.quarantined and not status.released_by:
            assert not weights.get(canary, 0), f"{canary} is quarantined"

    def _check_kept(self) -> None:
        """With `Availability` what serves keeps its wanted pods in every write of a pass."""
        for name, replicas in self._kept.items():
            deployment = self.cluster.of_kind(kinds.DEPLOYMENT).get(name)
            now = deployment["spec"]["replicas"] if deployment else 0
            assert now >= replicas, f"{name} serves and was scaled from {replicas} to {now}"

    def _check_demand(self) -> None:
        """ResourceAware never asks for more than is wanted, or than was held before.

        Pods that end since somebody deleted their Deployment are known to nobody.
        """
        demand = self._held()
        if self._aware:
            allowed = max(self._wanted + self._stray(), self._demand)
            assert demand <= allowed, f"{demand} pods are asked for, {allowed} may be"
        self._demand = demand

    def _held(self) -> int:
        """Pods that hold an accelerator or ask for one."""
        pods = list(self.cluster.of_kind(kinds.POD).values())
        owned = 0
        known: set[str] = set()
        for deployment in self.cluster.of_kind(kinds.DEPLOYMENT).values():
            uid = deployment["metadata"]["uid"]
            mine = [pod for pod in pods if _owner(pod) == uid]
            known.update(pod["metadata"]["name"] for pod in mine)
            leaving = sum("deletionTimestamp" in pod["metadata"] for pod in mine)
            owned += max(len(mine), deployment["spec"]["replicas"] + leaving)
        return owned + sum(pod["metadata"]["name"] not in known for pod in pods)

    def _stray(self) -> int:
        """Pods whose Deployment is gone."""
        found = self.cluster.of_kind(kinds.DEPLOYMENT).values()
        uids = {one["metadata"]["uid"] for one in found}
        return sum(_owner(pod) not in uids for pod in self.cluster.of_kind(kinds.POD).values())

    # --- around every pass

    def before_pass(self, manifest: Manifest, trip: Trip | None = None) -> None:
        """What a pass finds."""
        self.proofs.before_pass(manifest, trip)
        spec = manifest["spec"]
        if _is_readable(spec):
            self._wanted = spec.get("replicas", 1)
            aware = spec.get("rollout", {}).get("capacity") == Capacity.RESOURCE_AWARE
            for one in self.proofs.attempts().values():
                if one.status.phase is not Phase.FINISHED:
                    aware = one.spec.policy.capacity is Capacity.RESOURCE_AWARE
            self._aware = aware
        self._demand = self._held()
        self._ready_before = self._reached()
        self._kept = {} if self._aware else self._serving(manifest)

    def _serving(self, manifest: Manifest) -> dict[str, int]:
        """Pods that the revision has which serves, of those that are wanted."""
        stable = manifest.get("status", {}).get("revisions", {}).get("stable", {}).get("hash")
        found = self.cluster.of_kind(kinds.DEPLOYMENT).get(f"{NAME}-{stable}")
        return {f"{NAME}-{stable}": min(self._wanted, found["spec"]["replicas"])} if found else {}

    def after_pass(self, manifest: Manifest) -> None:
        """What it leaves behind."""
        self.proofs.after_pass()
        if _is_readable(manifest["spec"]):  # else a route that was edited stays so
            self._check_route()
        self._check_reached(manifest)
        self._check_quarantine(manifest)
        self._check_availability(manifest)

    def _check_reached(self, manifest: Manifest) -> None:
        """The pass took no ready pods from users that they need.

        What stable has is enough: requests go back to it as it is.
        """
        stable = manifest.get("status", {}).get("revisions", {}).get("stable", {}).get("hash")
        ready = self._ready({conventions.LABEL_REVISION: str(stable)})
        addresses = self._addresses(f"{NAME}-{stable}")
        floor = min(1 if self._aware else self._wanted, addresses, ready)
        reached = self._reached()
        assert reached >= min(self._ready_before, floor), (
            f"{reached} ready pods are reached after a pass, {self._ready_before} were before"
        )

    def _reached(self) -> int:
        """Ready pods that get requests, by the route or else by the Service."""
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        if route is not None:
            backends = route["spec"]["rules"][0]["backendRefs"]
            return sum(self._addresses(one["name"]) for one in backends if one["weight"] > 0)
        service = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        if service is None:
            return 0
        return self._ready(service["spec"]["selector"])

    def _ready(self, selector: Mapping[str, str]) -> int:
        """Ready pods with these labels."""
        return sum(
            is_ready(pod) and selector.items() <= pod["metadata"]["labels"].items()
            for pod in self.cluster.of_kind(kinds.POD).values()
        )

    def _check_quarantine(self, manifest: Manifest) -> None:
        """No request goes to a revision that was found harmful."""
        refused = {one["hash"] for one in manifest.get("status", {}).get("refused", ())}
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        for backend in route["spec"]["rules"][0]["backendRefs"] if route else ():
            hash10 = backend["name"].removeprefix(f"{NAME}-")
            assert not (hash10 in refused and backend["weight"] > 0), f"{hash10} is refused"
        service = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        if service is not None:
            front = service["spec"]["selector"].get(conventions.LABEL_REVISION)
            assert front not in refused, f"the Service selects {front}, which is refused"

    def _check_availability(self, manifest: Manifest) -> None:
        """With `Availability` stable keeps the wanted number whatever is on its way."""
        for attempt in self.proofs.attempts().values():
            if attempt.status.phase is Phase.FINISHED or self._aware:
                continue
            deployment = self.cluster.of_kind(kinds.DEPLOYMENT).get(
                f"{NAME}-{attempt.spec.stable.hash}"
            )
            if deployment is not None and _is_readable(manifest["spec"]):
                assert deployment["spec"]["replicas"] >= self._wanted, "stable was scaled down"

    # --- reading

    def _addresses(self, name: str) -> int:
        found: dict[str, Any] = self.cluster.of_kind(kinds.ENDPOINT_SLICE).get(name, {})
        return len(found.get("endpoints", ()))


def _is_readable(spec: Manifest) -> bool:
    """False for what an order of events writes that no revision can be made of."""
    counted = "availability" not in spec.get("slos", {}) or spec["engine"]["type"] == "vllm"
    return spec.get("replicas", 1) >= 0 and (counted or "gateway" in spec.get("routing", {}))


def _owner(pod: Manifest) -> str:
    references = pod["metadata"].get("ownerReferences") or [{}]
    return str(references[0].get("uid", ""))
