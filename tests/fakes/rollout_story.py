"""Rollouts as the pure machine makes them: tick by tick, from what both revisions answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rocksteady.analysis.counts import TickCounts
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import (
    BoundaryTest,
    LLMRollout,
    Phase,
    RolloutTests,
    SignalTest,
)
from rocksteady.api.v1alpha1.status import (
    Condition,
    LLMDeploymentStatus,
    Revisions,
    RevisionStatus,
)
from rocksteady.ports import Manifest
from rocksteady.reconcile.rollout_report import last_decisions, rollout_status
from rocksteady.resources.labels import owned_labels
from rocksteady.rollout.course import Course, plot
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.reading import Reading, Start
from tests.builders import NAME, NAMESPACE, NOW, A, B, observation, running, spec

TICK_SECONDS = 15
SCRAPE_SECONDS = 15
REPLICAS = 2
FAST, SLOW = "0.3", "1.2"
TESTS = RolloutTests(
    source="default",
    tick_seconds=TICK_SECONDS,
    scrape_interval_seconds=SCRAPE_SECONDS,
    ticks_max=240,
    alpha="0.01",
    signals=(
        SignalTest(
            signal="availability",
            profile="gateway/Traefik",
            query="traefik_service_requests_total",
            objective_percent="99.5",
            design_effect="1.25",
        ),
        SignalTest(
            signal="requestLatency",
            profile="gateway/Traefik",
            query="traefik_service_request_duration_seconds_bucket",
            objective_percent="97",
            threshold_milliseconds=1200,
            boundaries=(
                BoundaryTest(le_seconds=SLOW, rho0="1.77", delta="0.003", design_effect="1"),
                BoundaryTest(le_seconds=FAST, rho0="1.2", design_effect="1.1"),
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Answers:
    """What both revisions answer in a tick, at 20 requests a second.

    Attributes:
        errors: Share of the canary's answers that are errors.
        slow: Share of them that are slower than both boundaries.
        blind: True when nothing is known of the tick.
    """

    errors: float = 0.0
    slow: float = 0.01
    blind: bool = False


def healthy(_tick: int) -> Answers:
    """No worse than stable."""
    return Answers()


def failing(_tick: int) -> Answers:
    """A tenth of the answers are errors."""
    return Answers(errors=0.1)


def slow(_tick: int) -> Answers:
    """A third of the answers are slow."""
    return Answers(slow=0.3)


@dataclass
class RolloutStory:
    """One LLMDeployment whose revision B is to replace A.

    Attributes:
        answers: What is answered in each tick.
        rollout: `spec.rollout`.
        now: The time.
        attempts: LLMRollouts by name.
        annotations: What people ask for.
        course: What the last pass came to.
    """

    answers: Callable[[int], Answers] = healthy
    rollout: dict[str, Any] = field(
        default_factory=lambda: {
            "steps": [{"weightPercent": 10}, {"weightPercent": 25}],
            "minStepSeconds": 120,
            "keepStableSeconds": 180,
        }
    )
    now: datetime = NOW
    attempts: dict[str, LLMRollout] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    course: Course = field(default_factory=Course)
    reported: LLMDeploymentStatus = field(default_factory=LLMDeploymentStatus)
    tests: RolloutTests | None = TESTS
    ready: int = REPLICAS

    @property
    def spec(self) -> dict[str, Any]:
        """As the user writes it."""
        return spec(
            "llama:b",
            replicas=REPLICAS,
            slos={
                "availability": {"objectivePercent": "99.5"},
                "requestLatency": {"objectivePercent": "97", "thresholdMilliseconds": 1200},
            },
            rollout=self.rollout,
            routing={"gateway": {"parentRefs": [{"name": "inference"}]}},
        )

    def run(self, seconds: float = 3600) -> "RolloutStory":
        """Go on, pass after pass, for so long or until the attempt ends."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.pass_once()
            if self.attempts and not self.course.is_open:
                break
            self.now += timedelta(seconds=TICK_SECONDS)
        return self

    def pass_once(self) -> None:
        """What the operator does when it looks."""
        self.course = plot(self._seen())
        course = self.course
        if course.name is not None and course.attempt is not None:
            self.attempts[course.name] = course.attempt
        for name, request in course.lifts.items():
            attempt = self.attempts[name]
            status = attempt.status.model_copy(update={"released_by": request})
            self.attempts[name] = attempt.model_copy(update={"status": status})
        self._report()

    @property
    def name(self) -> str:
        """Of the newest attempt."""
        return max(self.attempts, key=lambda name: self.attempts[name].spec.attempt)

    @property
    def attempt(self) -> LLMRollout:
        """The newest one."""
        return self.attempts[self.name]

    def manifests(self) -> list[Manifest]:
        """The LLMDeployment and its LLMRollouts, as the API server has them."""
        return [self.manifest(), *(rollout_manifest(*item) for item in self.attempts.items())]

    def manifest(self) -> Manifest:
        """The LLMDeployment."""
        return {
            "apiVersion": "rocksteady.dev/v1alpha1",
            "kind": "LLMDeployment",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                "generation": 2,
                "annotations": dict(self.annotations),
            },
            "spec": self.spec,
            "status": self.reported.model_dump(mode="json", by_alias=True, exclude_none=True),
        }

    def _seen(self) -> Observation:
        return observation(
            target=B,
            stable=A,
            workloads={A: running(REPLICAS), B: running(REPLICAS, self.ready)},
            deployment=LLMDeployment.model_validate({"spec": self.spec}),
            addresses={A: REPLICAS, B: self.ready},
            attempts=self.attempts,
            annotations=self.annotations,
            reported=self.reported,
            start=Start(tests=self.tests),
            reading=self._reading(),
            now=self.now,
        )

    def _reading(self) -> Reading:
        attempt = self.course.attempt if self.course.is_open else None
        if attempt is None or attempt.status.first_tick_at is None or self.tests is None:
            return Reading()
        gone = (self.now - attempt.status.first_tick_at).total_seconds() - SCRAPE_SECONDS
        ticks = range(max(0, int(gone) // TICK_SECONDS))
        weights = [self._weight_at(attempt, tick) for tick in ticks]
        series: dict[str, list[TickCounts | None]] = {
            "availability": [],
            f"requestLatency/{SLOW}": [],
            f"requestLatency/{FAST}": [],
        }
        for tick, weight in zip(ticks, weights, strict=True):
            said = self.answers(tick)
            canary, stable = 3 * weight, 3 * (100 - weight)
            shares = (
                ("availability", said.errors, 0.0),
                (f"requestLatency/{SLOW}", said.slow, 0.01),
                (f"requestLatency/{FAST}", said.slow + 0.1, 0.11),
            )
            for name, bad, usual in shares:
                counts = TickCounts(canary, round(canary * bad), stable, round(stable * usual))
                series[name].append(None if said.blind else counts)
        return Reading(ticks=series)

    @staticmethod
    def _weight_at(attempt: LLMRollout, tick: int) -> int:
        first = attempt.status.first_tick_at
        assert first is not None
        end = first + timedelta(seconds=(tick + 1) * TICK_SECONDS)
        made = [one for one in attempt.status.decisions if one.time < end]
        return made[-1].weight_percent if made else 0

    def _report(self) -> None:
        attempt, course = self.course.attempt, self.course
        running_ = course.is_open and attempt is not None
        weight = attempt.status.weight_percent if attempt is not None and running_ else None
        promoted = course.promoted is not None
        stable = RevisionStatus(
            hash=B if promoted else A,
            number=2 if promoted else 1,
            replicas=REPLICAS,
            ready_replicas=REPLICAS,
            weight_percent=None if weight is None else 100 - weight,
            observed_percent=None if not weight else 100 - weight,
        )
        canary = RevisionStatus(
            hash=B,
            number=2,
            replicas=REPLICAS,
            ready_replicas=self.ready,
            weight_percent=weight,
            observed_percent=weight or None,
        )
        self.reported = LLMDeploymentStatus(
            observed_generation=2,
            revisions=Revisions(stable=stable, canary=canary if running_ else None),
            rollout=rollout_status(self.reported, self._seen(), course),
            attempts=course.attempts,
            refused=course.refused,
            handled_requests=course.handled,
            decisions=last_decisions(self._seen(), course),
            conditions=self._conditions(),
        )

    def _conditions(self) -> tuple[Condition, ...]:
        course = self.course
        going = course.is_open and course.move is not None
        said = course.move.message if course.move is not None else ""
        back = bool(course.refused) or bool(course.attempt and course.attempt.status.quarantined)
        rows = (
            ("Ready", "True", "Serving", "Users get answers."),
            ("Reconciling", str(going), "RollingOut" if going else "Settled", said),
            ("Stalled", "False", "NotStalled", "Nothing is in the way."),
            ("MetricsAvailable", "True", "Read", "The signals are read from default."),
            ("RolledBack", str(back), "RolledBack" if back else "NotRolledBack", said),
        )
        return tuple(
            Condition(
                type=type_,
                status=status,
                reason=reason,
                message=message,
                last_transition_time=NOW,
            )
            for type_, status, reason, message in rows
        )


def rollout_manifest(name: str, attempt: LLMRollout) -> Manifest:
    """An LLMRollout as the API server has it."""
    said = attempt.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": "rocksteady.dev/v1alpha1",
        "kind": "LLMRollout",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": owned_labels(NAME)},
        **said,
    }


def finished(attempt: LLMRollout) -> bool:
    """True when it is over."""
    return attempt.status.phase is Phase.FINISHED
