"""Latencies from the buckets of histograms: how many requests lie above a boundary.

Numbers of requests come from the same histogram (`le="+Inf"`), never from another counter: gateways
update the two at different times.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from rocksteady.queries.increments import boundary
from rocksteady.queries.profiles.base import Part, SignalProfile, name_of
from rocksteady.queries.samples import RevisionCounts, Ticks
from rocksteady.queries.timelines import Timeline


def boundaries_of(profile: SignalProfile, lines: Sequence[Timeline]) -> tuple[float, ...]:
    """Boundaries in seconds that all histograms have, ascending, without infinity."""
    found: dict[tuple[tuple[str, str], ...], set[float]] = defaultdict(set)
    for line in lines:
        if _is_of(profile.names, line) and profile.parts(line.labels):
            found[_histogram_of(line)].add(_seconds(profile, line))
    shared = set.intersection(*found.values()) if found else set()
    return tuple(sorted(one for one in shared if math.isfinite(one)))


def count_latency(
    profile: SignalProfile,
    lines: Sequence[Timeline],
    boundaries_seconds: Sequence[float],
    ticks: int,
) -> dict[float, Ticks]:
    """Requests of one revision, and those above each boundary, by tick.

    Args:
        profile: How the signal is read.
        lines: The revision's counters.
        boundaries_seconds: Some of `boundaries_of`.
        ticks: How many.

    Returns:
        By boundary; None for a tick in which a histogram was heard of and not at that boundary: it
        is shown no more, as after a restart with another version, and nothing was slow for that.
    """
    ours = [line for line in lines if _is_of(profile.names, line)]
    heard = set().union(*(line.amounts for line in ours))
    adding = [one for one in ours if Part.TOTAL in profile.parts(one.labels)]
    sums, spoken = _sums(profile, adding), _spoken(profile, adding)
    ended = _sums(profile, [one for one in lines if _is_of(profile.requests, one)])[math.inf]
    counted: dict[float, Ticks] = {}
    for boundary_seconds in boundaries_seconds:
        everyone, fast = sums[math.inf], sums[boundary_seconds]
        silent = set().union(*(said[math.inf] - said[boundary_seconds] for said in spoken))
        pairs = {tick: _above(everyone[tick], fast[tick]) for tick in heard - silent}
        if profile.requests:
            pairs = {tick: _scaled(*pair, ended[tick]) for tick, pair in pairs.items()}
        counted[boundary_seconds] = tuple(
            RevisionCounts(*pairs[tick]) if tick in pairs else None for tick in range(ticks)
        )
    return counted


def _spoken(profile: SignalProfile, lines: Sequence[Timeline]) -> list[dict[float, set[int]]]:
    """For each histogram, by boundary in seconds: the ticks in which it was heard of."""
    found: dict[tuple[tuple[str, str], ...], dict[float, set[int]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for line in lines:
        found[_histogram_of(line)][_seconds(profile, line)].update(line.amounts)
    return list(found.values())


def _histogram_of(line: Timeline) -> tuple[tuple[str, str], ...]:
    """What all boundaries of a histogram have in common."""
    return tuple(pair for pair in line.labels.items() if pair[0] != "le")


def _above(everyone: int, fast: int) -> tuple[int, int]:
    """Requests, and those above a boundary."""
    return everyone, max(0, everyone - fast)


def _sums(profile: SignalProfile, lines: Sequence[Timeline]) -> dict[float, Counter[int]]:
    """By boundary in seconds, what all counters of it grew by, by tick."""
    sums: dict[float, Counter[int]] = defaultdict(Counter)
    for line in lines:
        sums[_seconds(profile, line)].update(line.amounts)
    return sums


def _scaled(tokens: int, slow: int, requests: int) -> tuple[int, int]:
    """Counts of tokens as counts of as many requests, with the same share of slow ones."""
    total = min(tokens, requests)
    return (total, slow * total // tokens) if tokens else (0, 0)


def _is_of(names: Sequence[str], line: Timeline) -> bool:
    return name_of(line.labels) in {name.replace(":", "_") for name in names}


def _seconds(profile: SignalProfile, line: Timeline) -> float:
    return boundary(line.labels.get("le", "")) / (profile.units_per_second or 1.0)
