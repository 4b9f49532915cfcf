"""What must hold of rollouts at all times, checked after every write and every pass."""

from typing import Any

from rocksteady import conventions
from rocksteady.api.reading import read_rollout
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, LLMRolloutStatus, Outcome, Phase
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.records import broken_link
from tests.builders import NAME
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.simulation import MAX_DEPLOYMENTS

FULL = 100


class Watch:
    """See the module.

    Args:
        cluster: What is watched.
    """

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self._finished: dict[str, LLMRollout] = {}
        self._read: dict[str, tuple[str, LLMRollout]] = {}
        self._demand = 0
        self._wanted = 0
        self._aware = False
        self._ready_before = 0

    def remember(self, other: "Watch") -> None:
        """What another saw of the same world."""
        self._finished = dict(other._finished)
        self._wanted, self._aware = other._wanted, other._aware

    # --- after every write of the operator

    def after_write(self) -> None:
        deployments = self.cluster.of_kind(kinds.DEPLOYMENT)
        assert len(deployments) <= MAX_DEPLOYMENTS, sorted(deployments)
        self._check_attempts()
        if self.cluster.writes[-1].kind == kinds.HTTP_ROUTE.kind:
            self._check_route()
        self._check_demand()

    def _check_attempts(self) -> None:
        attempts = self._attempts()
        unfinished = [n for n, one in attempts.items() if one.status.phase is not Phase.FINISHED]
        assert len(unfinished) <= 1, f"more than one attempt is open: {unfinished}"
        for name, attempt in attempts.items():
            self._check_history(name, attempt)
            if attempt.status.phase is Phase.FINISHED:
                self._check_end(name, attempt)

    def _check_history(self, name: str, attempt: LLMRollout) -> None:
        before = self._finished.get(name)
        if before is not None:
            plain = {"released_by": ""}
            assert before.status.model_copy(update=plain) == attempt.status.model_copy(
                update=plain
            ), f"{name} had ended and was changed"
        elif attempt.status.phase is Phase.FINISHED:
            self._finished[name] = attempt

    def _check_end(self, name: str, attempt: LLMRollout) -> None:
        status = attempt.status
        ends = {"Promote", "RollBack", "Abort", "Supersede", "Cancel"}
        ended = [one.action for one in status.decisions if one.action in ends]
        assert len(ended) == 1, f"{name} ended {len(ended)} times: {ended}"
        assert status.outcome is not None
        assert status.decisions[-1].action == ended[0], f"{name}: decided after its end"
        if status.outcome is Outcome.PROMOTED:
            self._check_proof(name, attempt)

    @staticmethod
    def _check_proof(name: str, attempt: LLMRollout) -> None:
        """A canary that nobody promoted by hand passed every signal when it began its bake."""
        tests = attempt.spec.tests
        asked = any(one.reason == "PromoteRequested" for one in attempt.status.decisions)
        if tests is None or asked:
            return
        before_bake = [one for one in attempt.status.decisions if one.reason == "StepsPassed"]
        assert before_bake, f"{name} was promoted without its steps"
        signals = before_bake[-1].signals
        assert len(signals) == len(tests.signals), f"{name}: not every signal was judged"
        assert {one.verdict for one in signals} == {"Passed"}, f"{name} was promoted unproven"

    def _check_route(self) -> None:
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        if route is None:
            return
        backends = route["spec"]["rules"][0]["backendRefs"]
        weights = {one["name"]: one["weight"] for one in backends}
        assert len(weights) == len(backends), weights
        assert sum(weights.values()) == FULL, weights
        given = {name for name, weight in weights.items() if weight > 0}
        assert all(name in self.cluster.of_kind(kinds.DEPLOYMENT) for name in given), weights

    def _check_demand(self) -> None:
        """ResourceAware never asks for more than is wanted, or than was held before."""
        demand = self._held()
        if self._aware:
            allowed = max(self._wanted, self._demand)
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

    # --- around every pass

    def before_pass(self, manifest: Manifest) -> None:
        """What a pass finds."""
        spec = manifest["spec"]
        if spec.get("replicas", 1) >= 0:
            self._wanted = spec.get("replicas", 1)
            aware = spec.get("rollout", {}).get("capacity") == Capacity.RESOURCE_AWARE
            unfinished = [
                one for one in self._attempts().values() if one.status.phase is not Phase.FINISHED
            ]
            for one in unfinished:
                aware = one.spec.policy.capacity is Capacity.RESOURCE_AWARE
            self._aware = aware
        self._demand = self._held()
        self._ready_before = self._reached()

    def after_pass(self, manifest: Manifest) -> None:
        """What it leaves behind."""
        self._check_attempts()
        self._check_route()
        self._check_reached(manifest)
        self._check_quarantine(manifest)
        self._check_availability(manifest)

    def _check_reached(self, manifest: Manifest) -> None:
        """The pass took no ready pods from users that they need.

        What stable has is enough: requests go back to it as it is.
        """
        stable = manifest.get("status", {}).get("revisions", {}).get("stable", {}).get("hash")
        floor = min(1 if self._aware else self._wanted, self._addresses(f"{NAME}-{stable}"))
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
        selector = service["spec"]["selector"].items()
        return sum(
            _is_ready(pod) and selector <= pod["metadata"]["labels"].items()
            for pod in self.cluster.of_kind(kinds.POD).values()
        )

    def _check_quarantine(self, manifest: Manifest) -> None:
        """No request goes to a revision that was found harmful."""
        refused = {one["hash"] for one in manifest.get("status", {}).get("refused", ())}
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        for backend in route["spec"]["rules"][0]["backendRefs"] if route else ():
            hash10 = backend["name"].removeprefix(f"{NAME}-")
            assert not (hash10 in refused and backend["weight"] > 0), f"{hash10} is refused"
            others = (
                [
                    one["name"]
                    for one in route["spec"]["rules"][0]["backendRefs"]
                    if one["name"] != backend["name"]
                ]
                if route
                else []
            )
            reached = self._addresses(backend["name"])
            if backend["weight"] > 0 and not reached:
                assert not any(map(self._addresses, others)), "a revision without addresses"
        service = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        if service is not None:
            front = service["spec"]["selector"].get(conventions.LABEL_REVISION)
            assert front not in refused, f"the Service selects {front}, which is refused"

    def _check_availability(self, manifest: Manifest) -> None:
        """With `Availability` stable keeps the wanted number whatever is on its way."""
        for attempt in self._attempts().values():
            status: LLMRolloutStatus = attempt.status
            if status.phase is Phase.FINISHED or self._aware:
                continue
            deployment = self.cluster.of_kind(kinds.DEPLOYMENT).get(
                f"{NAME}-{attempt.spec.stable.hash}"
            )
            if deployment is not None and manifest["spec"].get("replicas", 1) >= 0:
                assert deployment["spec"]["replicas"] >= self._wanted, "stable was scaled down"

    # --- reading

    def _attempts(self) -> dict[str, LLMRollout]:
        found: dict[str, LLMRollout] = {}
        for name, manifest in self.cluster.of_kind(kinds.LLM_ROLLOUT).items():
            version = manifest["metadata"]["resourceVersion"]
            known = self._read.get(name)
            if known is None or known[0] != version:
                attempt = read_rollout(copy(manifest))
                assert attempt is not None, f"{name} cannot be read"
                assert broken_link(attempt.status.decisions) is None, f"{name}: broken chain"
                known = self._read[name] = version, attempt
            found[name] = known[1]
        return found

    def _addresses(self, name: str) -> int:
        found: dict[str, Any] = self.cluster.of_kind(kinds.ENDPOINT_SLICE).get(name, {})
        return len(found.get("endpoints", ()))


def _owner(pod: Manifest) -> str:
    references = pod["metadata"].get("ownerReferences") or [{}]
    return str(references[0].get("uid", ""))


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
