"""What each counter gave in each tick, once, however often it was scraped."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rocksteady.queries.increments import (
    REPLICA_LABELS,
    SCRAPE_LABELS,
    Identity,
    Increment,
    Samples,
    ScrapeTimes,
    increments,
    without,
)
from rocksteady.queries.samples import TickGrid


@dataclass
class Timeline:
    """One counter on the grid.

    Attributes:
        labels: Of the counter, without those that tell scrapes of it apart.
        amounts: What it grew by, by tick; a tick that is not there was not heard of.
        first_seconds: When it was scraped first.
        newest_seconds: When it was scraped last.
        scraped_twice_by: Jobs that both scrape it, where there are two.
    """

    labels: Mapping[str, str]
    amounts: dict[int, int] = field(default_factory=dict)
    first_seconds: float = 0.0
    newest_seconds: float = 0.0
    scraped_twice_by: tuple[str, ...] = ()


def timelines(
    stitched: Mapping[Identity, Samples],
    scrapes: ScrapeTimes,
    grid: TickGrid,
    scrape_interval_seconds: float,
) -> list[Timeline]:
    """One timeline for each counter, in the order of their labels."""
    copies: dict[Identity, list[Identity]] = defaultdict(list)
    for key in sorted(stitched):
        if stitched[key]:
            copies[without(key, REPLICA_LABELS | SCRAPE_LABELS)].append(key)
    found = []
    for counter, keys in copies.items():
        grown = [increments(key, stitched[key], scrapes) for key in keys]
        found.append(
            Timeline(
                labels=dict(counter),
                amounts=_once(grown, grid, scrape_interval_seconds),
                first_seconds=min(stitched[key][0][0] for key in keys),
                newest_seconds=max(stitched[key][-1][0] for key in keys),
                scraped_twice_by=_jobs(keys, grown, grid),
            )
        )
    return found


def _once(
    copies: Sequence[Sequence[Increment]], grid: TickGrid, scrape_interval_seconds: float
) -> dict[int, int]:
    """Amounts by tick, of one copy at a time.

    The first copy is taken until a tick in which it is silent; the next that speaks takes over from
    there. What it grew by while it was not the one is left out, but for a scrape interval. Which
    copy is the one is found out from before the first tick on, so that counting may begin anywhere.
    """
    spoken = [_by_tick(copy, grid) for copy in copies]
    amounts: dict[int, int] = {}
    current, counted_until = 0, float("-inf")
    for tick in sorted(set().union(*spoken)):
        if tick not in spoken[current]:
            current = next(index for index, ticks in enumerate(spoken) if tick in ticks)
        for grown in spoken[current][tick]:
            overlap = counted_until - grown.since_seconds
            if overlap <= scrape_interval_seconds:
                amounts[tick] = amounts.get(tick, 0) + (grown.amount or 0)
            counted_until = max(counted_until, grown.at_seconds)
    return {tick: amount for tick, amount in amounts.items() if tick >= 0}


def _by_tick(copy: Sequence[Increment], grid: TickGrid) -> dict[int, list[Increment]]:
    """What is known to have grown, by the tick of the later sample; below 0 before the first."""
    found: dict[int, list[Increment]] = defaultdict(list)
    for grown in copy:
        tick = grid.place(grown.at_seconds)
        if tick < grid.ticks and grown.amount is not None:
            found[tick].append(grown)
    return dict(found)


def _jobs(
    keys: Sequence[Identity], grown: Sequence[Sequence[Increment]], grid: TickGrid
) -> tuple[str, ...]:
    """Jobs whose scrapes of one counter fall into the same tick; none: it is scraped once."""
    if len(keys) == 1:
        return ()
    by_replica: dict[Identity, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        replica = tuple(pair for pair in key if pair[0] in REPLICA_LABELS)
        by_replica[replica].append(index)
    for indices in by_replica.values():
        ticks = [{grid.index(one.at_seconds) for one in grown[index]} - {None} for index in indices]
        if len(ticks) > 1 and any(
            ticks[one] & ticks[other] for one in range(len(ticks)) for other in range(one)
        ):
            return tuple(sorted({dict(keys[index]).get("job", "") for index in indices}))
    return ()
