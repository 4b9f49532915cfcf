"""Series that were read for one signal, sorted by the revision that they are of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rocksteady.queries.increments import ScrapeTimes, newest_before, stitch
from rocksteady.queries.plan import SignalPlan
from rocksteady.queries.samples import Series, TickGrid
from rocksteady.queries.selectors import METRIC_NAME
from rocksteady.queries.signals import RevisionTarget
from rocksteady.queries.timelines import Timeline, timelines


@dataclass(frozen=True)
class Read:
    """What was read for one signal.

    Attributes:
        plan: How the signal is read.
        targets: The revisions.
        grid: The ticks.
        lines: Counters by revision; revisions without any are not there.
        beats: When the source's heartbeat was scraped, in seconds.
        strays: Series of the profile's metrics that are of none of the revisions.
        newest: The newest sample from before the grid's end, of each series but the strays.
    """

    plan: SignalPlan
    targets: Sequence[RevisionTarget]
    grid: TickGrid
    lines: Mapping[str, list[Timeline]]
    beats: frozenset[float]
    strays: Sequence[Series]
    newest: tuple[Series, ...] = ()

    @property
    def alive(self) -> frozenset[int]:
        """Ticks in which the source was scraped, as its heartbeat or any counter shows."""
        ticks = {self.grid.index(at) for at in self.beats}
        ticks.update(*(line.amounts for lines in self.lines.values() for line in lines))
        return frozenset(tick for tick in ticks if tick is not None)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Revisions without a single series."""
        return tuple(one.revision for one in self.targets if one.revision not in self.lines)


def sort_series(
    plan: SignalPlan,
    targets: Sequence[RevisionTarget],
    series: Sequence[Series],
    grid: TickGrid,
    scrape_interval_seconds: float,
) -> Read:
    """Sort what was read; series of other metrics are left out."""
    profile = plan.profile
    names = {*profile.names, *profile.requests}
    ours = [one for one in series if one.labels.get(METRIC_NAME) in names]
    owned = [one for one in ours if profile.owner(one.labels, targets) is not None]
    beating = [one for one in series if profile.heartbeat and profile.heartbeat.matches(one.labels)]
    counters, heartbeat = stitch(owned), stitch(beating)
    scrapes = ScrapeTimes(counters, heartbeat)
    lines: dict[str, list[Timeline]] = defaultdict(list)
    for line in timelines(counters, scrapes, grid, scrape_interval_seconds):
        owner = profile.owner(line.labels, targets)
        if owner is not None:
            lines[owner.revision].append(line)
    strays = [one for one in ours if profile.owner(one.labels, targets) is None]
    beats = frozenset(at for samples in heartbeat.values() for at, _ in samples)
    newest = newest_before([*owned, *beating], grid.end_seconds)
    return Read(plan, targets, grid, dict(lines), beats, strays, newest)
