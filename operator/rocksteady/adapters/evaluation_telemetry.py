"""The operator's metrics of evaluations: what suites say of revisions, and when they said it.

They come from the record of the newest attempt, so that they outlive the Jobs that asked, and a
restart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from rocksteady.analysis.verdict import Verdict
from rocksteady.ports import Key
from rocksteady.rollout.evaluation_plan import RUNNING
from rocksteady.rollout.evaluation_scores import EvaluationScore

VERDICTS: Final = (*(verdict.value for verdict in Verdict), RUNNING)
"""States of the state set `rocksteady_eval_verdict`."""
_OF_SUITE: Final = ("namespace", "deployment", "revision", "suite")
_COMPARED: Final = (*_OF_SUITE, "baseline_revision")
_GAUGES: Final = (
    ("score", "Share of the answered items that are correct.", _OF_SUITE),
    ("stderr", "Standard error of the score.", _OF_SUITE),
    ("samples", "Items that were answered.", _OF_SUITE),
    ("errors", "Items that were not answered.", _OF_SUITE),
    ("completed_timestamp_seconds", "When the last result came in.", _OF_SUITE),
    ("diff", "Difference of the scores on the same items, to the baseline's.", _COMPARED),
    ("diff_lower", "What the difference is at least, for a pass.", _COMPARED),
    ("diff_upper", "What the difference is at most, for a failure.", _COMPARED),
    ("verdict", "1 for the verdict that holds.", (*_OF_SUITE, "verdict")),
)


@dataclass(frozen=True)
class _Sample:
    """A value of one series."""

    metric: str
    labels: tuple[str, ...]
    value: float


class EvaluationTelemetry:
    """Shows what evaluations came to.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            name: Gauge(f"rocksteady_eval_{name}", says, labels, registry=registry)
            for name, says, labels in _GAUGES
        }
        self._shown: dict[Key, set[tuple[str, tuple[str, ...]]]] = {}

    def show(self, key: Key, scores: Sequence[EvaluationScore]) -> None:
        """Show these of an LLMDeployment, instead of those shown before; none: its series go."""
        samples = [sample for score in scores for sample in _samples(key, score)]
        now = {(sample.metric, sample.labels) for sample in samples}
        for metric, labels in self._shown.pop(key, set()) - now:
            self._gauges[metric].remove(*labels)
        for sample in samples:
            self._gauges[sample.metric].labels(*sample.labels).set(sample.value)
        if now:
            self._shown[key] = now


def _samples(key: Key, of: EvaluationScore) -> Iterator[_Sample]:
    labels = (key.namespace, key.name, of.revision, of.suite)
    completed = None if of.completed_at is None else of.completed_at.timestamp()
    alone = {
        "score": of.score,
        "stderr": of.standard_error,
        "samples": of.answered,
        "errors": of.unanswered,
        "completed_timestamp_seconds": completed,
    }
    compared = {"diff": of.difference, "diff_lower": of.lower, "diff_upper": of.upper}
    for metric, value in alone.items():
        if value is not None:
            yield _Sample(metric, labels, value)
    for metric, value in compared.items():
        if value is not None:
            yield _Sample(metric, (*labels, of.baseline), value)
    for verdict in VERDICTS:
        yield _Sample("verdict", (*labels, verdict), float(verdict == of.verdict))
