"""What was seen of one LLMDeployment: a frozen value that `decide` judges.

Built by `rocksteady.reconcile.observe`; holds no client and no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.rollout.evaluation_runs import Run, RunSeen
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.reading import Reading, Start, Trip
from rocksteady.rollout.suites import SuiteSeen

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class RevisionRecord:
    """A revision as it was frozen in its ControllerRevision.

    Attributes:
        hash: Identity, 10 hex digits.
        number: For people; counts up from 1.
    """

    hash: str
    number: int

    @property
    def label(self) -> str:
        """How people read it: `r7 (0123456789)`."""
        return f"r{self.number} ({self.hash})"


@dataclass(frozen=True)
class Workload:
    """The pods of one revision.

    Attributes:
        wanted: Replicas that its Deployment asks for.
        existing: Pods that exist.
        ready: Pods that are ready, as last counted.
        trouble: Why pods are not ready, when that is known; None otherwise.
        current: False while the Deployment's controller has not yet seen what is wanted now.
        ending: Pods that were told to end and still hold what they were given.
    """

    wanted: int
    existing: int
    ready: int
    trouble: Finding | None = None
    current: bool = True
    ending: int = 0

    @property
    def holding(self) -> int:
        """Pods that hold memory and accelerators."""
        return self.existing + self.ending


@dataclass(frozen=True)
class Observation:
    """Everything that a decision about one LLMDeployment rests on.

    Attributes:
        namespace: Of the LLMDeployment.
        name: Of the LLMDeployment.
        generation: `metadata.generation` of the spec that was read.
        deployment: The LLMDeployment; None when its spec cannot be read (`obstacle` says why).
        obstacle: Why no revision can be made of this spec; None when one can.
        target: Hash of the revision that the spec describes; None with an obstacle.
        stable: Hash of the revision that serves; None before the first was ready.
        revisions: Recorded revisions by hash.
        workloads: Pods by revision hash; a revision that does not run is absent.
        route: What stands between the gateway and the model; None when nothing does, or when no
            gateway is wanted.
        route_settled: True when no gateway is wanted, or when all of them accepted the route.
        route_behind: True while a gateway that accepted an earlier form of the route has not
            answered to the present one: it may go by the earlier one.
        front_closed: True when the Service that users talk to selects no revision, or is not there.
        front_refused: True when the Service that users talk to could not be made what it should be.
        warnings: What is allowed but may surprise.
        refers: True when the spec refers to ConfigMaps, which no watch reports.
        now: When it was seen.
        attempts: LLMRollouts by name.
        attempts_before: Highest number of an attempt that an earlier LLMDeployment of this name
            left behind; 0: there is none.
        reported: The status as it was reported last.
        annotations: Of the LLMDeployment: what people ask for.
        addresses: By revision, how many ready addresses its Service has: where requests can go.
        start: What an attempt that begins now would be judged by; None: none is about to begin.
        reading: What was counted for the open attempt; None: nothing is.
        trip: What the fast lane saw; None: nothing.
        suites: The suites of the spec by name; empty while an attempt has all that it froze.
        contents: Names of the suites whose contents are kept, by the first 10 digits of these.
        runs: What is known of runs of suites.
    """

    namespace: str
    name: str
    generation: int
    deployment: LLMDeployment | None
    obstacle: Finding | None
    target: str | None
    stable: str | None
    revisions: Mapping[str, RevisionRecord]
    workloads: Mapping[str, Workload]
    route: Finding | None = None
    route_settled: bool = True
    route_behind: bool = False
    front_closed: bool = False
    front_refused: bool = False
    warnings: tuple[str, ...] = ()
    refers: bool = False
    now: datetime = _EPOCH
    attempts: Mapping[str, LLMRollout] = field(default_factory=dict)
    attempts_before: int = 0
    reported: LLMDeploymentStatus = field(default_factory=LLMDeploymentStatus)
    annotations: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, int] = field(default_factory=dict)
    start: Start | None = None
    reading: Reading | None = None
    trip: Trip | None = None
    suites: Mapping[str, SuiteSeen] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[Run, RunSeen] = field(default_factory=dict)

    @property
    def has_gateway(self) -> bool:
        """True when a gateway splits the requests."""
        return self.deployment is not None and self.deployment.spec.routing.gateway is not None

    @property
    def wanted_replicas(self) -> int | None:
        """Replicas that the spec asks for; None when the spec cannot be read."""
        if self.deployment is None:
            return None
        spec = self.deployment.spec
        if spec.autoscaling is not None:
            return spec.autoscaling.min_replicas
        return 1 if spec.replicas is None else spec.replicas
