"""Counts as a gateway or an engine shows them at this moment, without Prometheus between.

For a lane that looks each second: a scrape is too slow when every response fails.
"""

import math
from collections.abc import Iterable

from rocksteady.queries.profiles.base import Part, Profile, SourceKind
from rocksteady.queries.samples import RevisionCounts, Sample
from rocksteady.queries.selectors import METRIC_NAME
from rocksteady.queries.signals import RevisionTarget, Signal


def names_read(profile: Profile) -> tuple[str, ...]:
    """Metrics that `read_totals` needs; none when the profile has no availability."""
    signal = profile.signals.get(Signal.AVAILABILITY)
    return () if signal is None else signal.names


def read_totals(
    samples: Iterable[Sample], profile: Profile, target: RevisionTarget
) -> RevisionCounts | None:
    """Requests of a revision since its counters began, and bad ones.

    A single reading says little; take the difference of two, pod by pod of the gateway or engine,
    and begin anew when a count is less than before.

    Args:
        samples: What one pod showed: of the gateway, or of this very revision.
        profile: Of that gateway or engine.
        target: The revision.

    Returns:
        None when the pod has no counter of the revision: for a gateway, it got no request yet, or
        it is not counted by revision.
    """
    signal = profile.signals.get(Signal.AVAILABILITY)
    if signal is None:
        return None
    sums = dict.fromkeys(Part, 0)
    seen = False
    for sample in samples:
        if sample.labels.get(METRIC_NAME) not in signal.names or not math.isfinite(sample.value):
            continue
        # Its own pod has no labels that Prometheus adds; a gateway's pod names every revision.
        if profile.kind is SourceKind.GATEWAY and signal.owner(sample.labels, [target]) is None:
            continue
        seen = True
        for part in signal.parts(sample.labels):
            sums[part] += round(sample.value)
    if not seen:
        return None
    bad = max(sums[Part.BAD], sums[Part.BAD_SEEN_OTHERWISE])
    return RevisionCounts(sums[Part.TOTAL], min(bad, sums[Part.TOTAL]))
