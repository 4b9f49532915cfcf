"""The real clock."""

from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time of this machine."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place where time comes from
