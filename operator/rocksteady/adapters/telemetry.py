"""The operator's own metrics and logs.

The metrics are those that controllers in Go are known by (workqueue, reconcile, API requests), with
the prefix `rocksteady_`.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rocksteady.adapters.evaluation_telemetry import EvaluationTelemetry
from rocksteady.adapters.rollout_telemetry import RolloutTelemetry
from rocksteady.ports import Key
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_scores import EvaluationScore

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Telemetry:
    """Counts what happens; implements the observers of queue, workers, reconciler and cluster.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._passes = Counter(
            "rocksteady_reconcile", "Passes by result.", ["result"], registry=registry
        )
        self._pass_seconds = Histogram(
            "rocksteady_reconcile_seconds", "Time of a pass.", buckets=_SECONDS, registry=registry
        )
        self._depth = Gauge("rocksteady_workqueue_depth", "Keys that wait.", registry=registry)
        self._adds = Counter("rocksteady_workqueue_adds", "Keys queued.", registry=registry)
        self._retries = Counter(
            "rocksteady_workqueue_retries", "Keys queued after a failure.", registry=registry
        )
        self._wait_seconds = Histogram(
            "rocksteady_workqueue_wait_seconds",
            "Time from being queued to being taken.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._writes = Counter(
            "rocksteady_writes", "Writes to the cluster.", ["kind", "verb"], registry=registry
        )
        self._requests = Counter(
            "rocksteady_api_requests",
            "Requests to the API server; code 0: no answer.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self._condition = Gauge(
            "rocksteady_condition",
            "1 when an LLMDeployment's condition has this status.",
            ["namespace", "name", "type", "status"],
            registry=registry,
        )
        self._leader = Gauge("rocksteady_leader", "1 while the Lease is ours.", registry=registry)
        self._watch = Gauge(
            "rocksteady_watch_last_connect_timestamp_seconds",
            "When a watch was last (re)connected.",
            ["resource"],
            registry=registry,
        )
        self.rollouts = RolloutTelemetry(registry)
        self._evaluations = EvaluationTelemetry(registry)
        self._reported: dict[Key, set[tuple[str, str]]] = {}

    def added(self, depth: int) -> None:
        """See `reconcile.queue.QueueObserver`."""
        self._adds.inc()
        self._depth.set(depth)

    def taken(self, depth: int, waited_seconds: float) -> None:
        """See `reconcile.queue.QueueObserver`."""
        self._depth.set(depth)
        self._wait_seconds.observe(waited_seconds)

    def retried(self) -> None:
        """See `reconcile.queue.QueueObserver`."""
        self._retries.inc()

    def applied(self, kind: str, verb: str) -> None:
        """See `ports.ReconcileObserver`."""
        self._writes.labels(kind, verb).inc()

    def conditions(self, key: Key, conditions: Mapping[str, str]) -> None:
        """See `ports.ReconcileObserver`."""
        now = set(conditions.items())
        for type_, status in self._reported.get(key, set()) - now:
            self._condition.remove(key.namespace, key.name, type_, status)
        for type_, status in now:
            self._condition.labels(key.namespace, key.name, type_, status).set(1)
        self._reported[key] = now

    def decided(self, key: Key, course: Course, now: datetime) -> None:
        """See `ports.ReconcileObserver`."""
        self.rollouts.decided(key, course, now)

    def evaluated(self, key: Key, scores: Sequence[EvaluationScore]) -> None:
        """See `ports.ReconcileObserver`."""
        self._evaluations.show(key, scores)

    def forgotten(self, key: Key) -> None:
        """See `ports.ReconcileObserver`."""
        self.rollouts.ended(key)
        self._evaluations.show(key, ())
        for type_, status in self._reported.pop(key, set()):
            self._condition.remove(key.namespace, key.name, type_, status)

    def request(self, verb: str, resource: str, code: int) -> None:
        """One request to the API server."""
        self._requests.labels(verb, resource, str(code)).inc()

    def reconciled(self, result: str, seconds: float) -> None:
        """One pass ended as `success`, `overtaken` or `error`."""
        self._passes.labels(result).inc()
        self._pass_seconds.observe(seconds)

    def leads(self, leads: bool) -> None:  # noqa: FBT001 - the value itself
        """Whether the Lease is ours."""
        self._leader.set(leads)

    def watch_connected(self, resource: str, timestamp_seconds: float) -> None:
        """A watch was (re)connected."""
        self._watch.labels(resource).set(timestamp_seconds)


def configure_logging(level: str = "INFO") -> None:
    """Log JSON lines to standard error, those of libraries too."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Local variables may hold a token.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # One line per handler call, and handlers here only enqueue.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
