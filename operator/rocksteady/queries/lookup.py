"""Finds the samples of one revision in what a gateway shows of a thousand."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rocksteady.queries.live import read_totals
from rocksteady.queries.profiles.base import Profile, SourceKind
from rocksteady.queries.samples import RevisionCounts, Sample
from rocksteady.queries.selectors import Selector
from rocksteady.queries.signals import RevisionTarget, Signal


class Shown:
    """What one pod showed at one time.

    Args:
        samples: Of the metrics that the profile needs.
        profile: Of the gateway or engine that the pod runs.
    """

    def __init__(self, samples: Sequence[Sample], profile: Profile) -> None:
        self._samples = samples
        self._profile = profile
        self._by_label: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        if profile.kind is SourceKind.GATEWAY:
            for sample in samples:
                for pair in sample.labels.items():
                    self._by_label[pair].append(sample)

    def totals(self, target: RevisionTarget) -> RevisionCounts | None:
        """Requests of a revision since its counters began; see `live.read_totals`."""
        return read_totals(self._of(target), self._profile, target)

    def _of(self, target: RevisionTarget) -> Iterable[Sample]:
        """Samples that may be the revision's: few, and none of its own is left out."""
        signal = self._profile.signals.get(Signal.AVAILABILITY)
        if signal is None or self._profile.kind is not SourceKind.GATEWAY:
            return self._samples
        found: dict[int, Sample] = {}
        for way in signal.ownership(target):
            pairs = Selector((), way).values.items()
            lists = [self._by_label.get(pair, []) for pair in pairs] or [list(self._samples)]
            found.update((id(sample), sample) for sample in min(lists, key=len))
        return found.values()
