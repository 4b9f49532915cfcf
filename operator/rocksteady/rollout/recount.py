"""Recorded counts beside those that a source of metrics gives today. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.queries.samples import TickGrid


@dataclass(frozen=True)
class Difference:
    """A tick that is counted otherwise today.

    Attributes:
        tick: Index from the first of the evidence.
        recorded: As it was recorded; None: blind.
        counted: As it is counted today.
    """

    tick: int
    recorded: TickCounts | None
    counted: TickCounts | None


@dataclass(frozen=True)
class Recount:
    """One series of counts, counted again.

    Attributes:
        series: `availability`, or `<signal>/<le in seconds>`.
        equal: Ticks with the same counts.
        gone: Ticks of which the source knows nothing any more.
        differences: Ticks with other counts.
    """

    series: str
    equal: int
    gone: int
    differences: tuple[Difference, ...]


def grid_of_record(attempt: LLMRollout, recorded: Mapping[str, Ticks]) -> TickGrid | None:
    """The ticks that counts were recorded of; None: of none."""
    tests, first = attempt.spec.tests, attempt.status.first_tick_at
    ticks = max(map(len, recorded.values()), default=0)
    if tests is None or first is None or not ticks:
        return None
    return TickGrid(first.timestamp(), tests.tick_seconds, ticks)


def recount(recorded: Mapping[str, Ticks], counted: Mapping[str, Ticks]) -> tuple[Recount, ...]:
    """Compare counts tick by tick.

    A tick that was recorded and that the source knows nothing of is gone: sources keep samples for
    some weeks only. One that was blind and is known now differs, since blind ticks say nothing.
    """
    return tuple(
        _recount(series, ticks, counted.get(series, ())) for series, ticks in recorded.items()
    )


def _recount(series: str, recorded: Ticks, counted: Ticks) -> Recount:
    padded = (*counted, *([None] * (len(recorded) - len(counted))))
    equal, gone = 0, 0
    differences: list[Difference] = []
    for tick, (then, now) in enumerate(zip(recorded, padded[: len(recorded)], strict=True)):
        if now is None and then is not None:
            gone += 1
        elif now == then:
            # Blind then and now proves nothing.
            equal += then is not None
        else:
            differences.append(Difference(tick, then, now))
    return Recount(series, equal, gone, tuple(differences))
