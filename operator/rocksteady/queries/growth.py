"""What the counters of several processes grew by, added up.

A sum of counters hides that one of them began anew, so differences are taken process by process.
"""

from collections.abc import Mapping

from rocksteady.queries.samples import RevisionCounts


class Growth:
    """Requests of one revision, and bad ones, since it was first looked at; only ever grows."""

    def __init__(self) -> None:
        self._last: dict[str, RevisionCounts] = {}
        self._total = 0
        self._bad = 0

    def add(self, read: Mapping[str, RevisionCounts | None]) -> RevisionCounts:
        """Add what was read of each process, and return the sum so far.

        The first reading of a process, and one that is less than the last, is what is counted from:
        nothing tells how much of it is new. A process that is not among those read keeps its last
        reading until it is.

        Args:
            read: By process; None: it has no counter of the revision, so that one which comes later
                counts from 0.
        """
        for process, found in read.items():
            now = RevisionCounts(0, 0) if found is None else found
            last = self._last.get(process)
            if last is not None and now.total >= last.total and now.bad >= last.bad:
                self._total += now.total - last.total
                self._bad += now.bad - last.bad
            self._last[process] = now
        return RevisionCounts(self._total, self._bad)
