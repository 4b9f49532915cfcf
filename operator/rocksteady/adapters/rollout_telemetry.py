"""The operator's metrics and log of rollouts: decisions, evidence, shares, the fast lane."""

from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rocksteady.ports import Key
from rocksteady.rollout.course import Course
from rocksteady.rollout.moves import BLIND
from rocksteady.rollout.reading import Trip

_ROLLOUT_SECONDS = (60, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
_OF_ROLLOUT = ("namespace", "name", "revision")

_log = structlog.get_logger("rocksteady")


class RolloutTelemetry:
    """Counts and logs what becomes of canaries; implements the observer of the fast lane.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "rocksteady_decisions",
            "Decisions about rollouts.",
            ["namespace", "name", "action", "reason"],
            registry=registry,
        )
        self._evidence = Gauge(
            "rocksteady_evidence",
            "Evidence that the canary does harm: 1 says nothing.",
            [*_OF_ROLLOUT, "signal"],
            registry=registry,
        )
        self._evidence_threshold = Gauge(
            "rocksteady_evidence_threshold",
            "Evidence from which on the canary is rolled back.",
            [*_OF_ROLLOUT, "signal"],
            registry=registry,
        )
        self._weight = Gauge(
            "rocksteady_canary_weight_percent",
            "Share of the requests that the canary should get.",
            _OF_ROLLOUT,
            registry=registry,
        )
        self._blind_seconds = Gauge(
            "rocksteady_blind_seconds",
            "For how long the signals of a rollout could not be read.",
            _OF_ROLLOUT,
            registry=registry,
        )
        self._duration = Histogram(
            "rocksteady_rollout_duration_seconds",
            "Time from the begin of an attempt to its end.",
            ["outcome"],
            buckets=_ROLLOUT_SECONDS,
            registry=registry,
        )
        self._make_lane(registry)
        self._rolling: dict[Key, tuple[str, set[str]]] = {}

    def _make_lane(self, registry: CollectorRegistry) -> None:
        self._lane_polls = Counter(
            "rocksteady_fast_lane_polls",
            "Direct readings of a canary's counters by result.",
            ["result"],
            registry=registry,
        )
        self._lane_trips = Counter(
            "rocksteady_fast_lane_trips",
            "Canaries whose responses were all bad.",
            registry=registry,
        )

    def decided(self, key: Key, course: Course, now: datetime) -> None:
        """See `ports.ReconcileObserver`."""
        attempt, move = course.attempt, course.move
        if attempt is None or move is None:
            self.ended(key)
            return
        canary = attempt.spec.canary.hash
        if move.action is not None:
            self._decisions.labels(key.namespace, key.name, move.action, move.reason).inc()
            self._log_decision(key, course)
        if not course.is_open:
            started, finished = attempt.status.started_at, attempt.status.finished_at
            if started is not None and finished is not None:
                seconds = (finished - started).total_seconds()
                self._duration.labels(str(attempt.status.outcome)).observe(seconds)
            self.ended(key)
            return
        if self._rolling.get(key, (canary, set()))[0] != canary:
            self.ended(key)
        signals = {one.signal for one in course.judgements}
        self._rolling[key] = canary, signals | self._rolling.get(key, (canary, set()))[1]
        of = (key.namespace, key.name, canary)
        self._weight.labels(*of).set(attempt.status.weight_percent)
        hold = attempt.status.hold
        blind = hold is not None and hold.reason == BLIND
        since = hold.since if hold is not None and blind else now
        self._blind_seconds.labels(*of).set((now - since).total_seconds())
        for one in course.judgements:
            self._evidence.labels(*of, one.signal).set(one.evidence.value)
            self._evidence_threshold.labels(*of, one.signal).set(one.threshold)

    def _log_decision(self, key: Key, course: Course) -> None:
        """The log is the copy that outlives the objects."""
        decisions = course.attempt.status.decisions if course.attempt else ()
        if decisions:
            content = decisions[-1].model_dump(mode="json", by_alias=True, exclude_none=True)
            _log.info(
                "decided",
                namespace=key.namespace,
                name=key.name,
                rollout=course.name,
                decision=content,
            )

    def ended(self, key: Key) -> None:
        """No canary of an LLMDeployment has requests any more: its series go."""
        canary, signals = self._rolling.pop(key, ("", set()))
        if not canary:
            return
        of = (key.namespace, key.name, canary)
        self._weight.remove(*of)
        self._blind_seconds.remove(*of)
        for signal in signals:
            self._evidence.remove(*of, signal)
            self._evidence_threshold.remove(*of, signal)

    def polled(self, result: str) -> None:
        """See `reconcile.fast_lane.LaneObserver`."""
        self._lane_polls.labels(result).inc()

    def unread(self, key: Key, why: str) -> None:
        """See `reconcile.fast_lane.LaneObserver`."""
        _log.warning("fast lane is blind", namespace=key.namespace, name=key.name, why=why)

    def tripped(self, key: Key, trip: Trip) -> None:
        """See `reconcile.fast_lane.LaneObserver`."""
        self._lane_trips.inc()
        _log.warning(
            "fast lane tripped",
            namespace=key.namespace,
            name=key.name,
            revision=trip.revision,
            why=trip.message,
        )
