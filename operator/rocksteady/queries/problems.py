"""What is wrong with what was read. Each holds a rollout; none condemns a revision."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rocksteady.queries.profiles.base import SourceKind
from rocksteady.queries.reading import Read
from rocksteady.queries.selectors import METRIC_NAME
from rocksteady.queries.signals import Signal
from rocksteady.queries.timelines import Timeline

STALE_INTERVALS: Final = 2
"""How many scrape intervals old the newest sample may be; one may always be missed."""
CLOCK_SKEW_SECONDS: Final = 30.0
"""How far clocks may differ. A tick is about as long, so more would put counts into wrong ticks."""


class ProblemReason(StrEnum):
    """Reasons, fit for a condition."""

    NO_SAMPLES = "NoSamples"
    """There is no series at all."""
    SAMPLES_STALE = "SamplesStale"
    """The newest sample is older than two scrape intervals."""
    CLOCK_SKEW = "ClockSkew"
    """Samples are from our future."""
    DUPLICATE_SERIES = "DuplicateSeries"
    """The same thing is scraped twice."""
    REVISION_LABEL_MISSING = "RevisionLabelMissing"
    """Series do not say which revision they are of."""
    THRESHOLD_OUTSIDE_HISTOGRAM = "ThresholdOutsideHistogram"
    """The threshold lies above the last boundary."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        reason: For conditions.
        message: What it is and what to do, a sentence.
    """

    reason: ProblemReason
    message: str


def find_problems(
    read: Read, now_seconds: float, scrape_interval_seconds: float
) -> tuple[Problem, ...]:
    """What is wrong with a reading.

    Args:
        read: What was read.
        now_seconds: When, as our clock says.
        scrape_interval_seconds: Of the gateway or the engine.
    """
    found = [
        _label_missing(read) or _no_samples(read),
        _stale(read, now_seconds, scrape_interval_seconds),
        _skewed(read, now_seconds),
        _scraped_twice(read),
    ]
    return tuple(problem for problem in found if problem is not None)


def outside_histogram(
    signal: Signal, threshold_seconds: float, boundaries_seconds: Sequence[float]
) -> Problem:
    """The threshold lies above the last boundary."""
    return Problem(
        ProblemReason.THRESHOLD_OUTSIDE_HISTOGRAM,
        f"spec.slos.{signal}.thresholdMilliseconds: {1000 * threshold_seconds:g} lies above the"
        f" last boundary of the histogram, {1000 * boundaries_seconds[-1]:g}; set it to that at"
        " most, or add a boundary.",
    )


def _label_missing(read: Read) -> Problem | None:
    """A trap, when a revision was never seen."""
    if not read.unseen:
        return None
    for target in read.targets:
        for trap in read.plan.profile.traps(target):
            if any(trap.selector.matches(stray.labels) for stray in read.strays):
                return Problem(ProblemReason.REVISION_LABEL_MISSING, _sentence(trap.cure))
    return None


def _no_samples(read: Read) -> Problem | None:
    if read.lines or read.beats:
        return None
    source, names = read.plan.source, read.plan.profile.names
    return Problem(
        ProblemReason.NO_SAMPLES,
        f"Prometheus has no samples of {' or '.join(names)} for {read.plan.signal}; check that it"
        f" scrapes the {source.kind} ({source.type}) and that its metrics are on.",
    )


def _stale(read: Read, now_seconds: float, scrape_interval_seconds: float) -> Problem | None:
    """Old samples: of any revision at an engine, of all of them at a gateway.

    A gateway drops the series of a Service that it no longer sends anything to.
    """
    newest = [max(line.newest_seconds for line in lines) for lines in read.lines.values()]
    newest += [max(read.beats)] if read.beats else []
    if not newest:
        return None
    latest = max(newest) if read.plan.source.kind is SourceKind.GATEWAY else min(newest)
    age = now_seconds - latest
    if age <= STALE_INTERVALS * scrape_interval_seconds:
        return None
    return Problem(
        ProblemReason.SAMPLES_STALE,
        f"The newest sample for {read.plan.signal} is {age:.0f} s old, more than"
        f" {STALE_INTERVALS} scrape intervals of {scrape_interval_seconds:g} s; check that"
        f" Prometheus scrapes the {read.plan.source.kind}, and scrapeIntervalSeconds.",
    )


def _skewed(read: Read, now_seconds: float) -> Problem | None:
    newest = max((line.newest_seconds for line in _lines(read)), default=now_seconds)
    ahead = newest - now_seconds
    if ahead <= CLOCK_SKEW_SECONDS:
        return None
    return Problem(
        ProblemReason.CLOCK_SKEW,
        f"The newest sample for {read.plan.signal} is {ahead:.0f} s in the future; synchronise the"
        " clocks of Prometheus and of the operator's node.",
    )


def _scraped_twice(read: Read) -> Problem | None:
    for line in _lines(read):
        if line.scraped_twice_by:
            return Problem(
                ProblemReason.DUPLICATE_SERIES,
                f"{line.labels.get(METRIC_NAME)} of {line.labels.get('pod', 'one target')} is"
                f" scraped twice, by the jobs {' and '.join(line.scraped_twice_by)}; keep one.",
            )
    return None


def _lines(read: Read) -> list[Timeline]:
    return [line for lines in read.lines.values() for line in lines]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
