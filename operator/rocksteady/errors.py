"""The errors that cross layers.

Expected states of the world (a missing Secret, a pod that is not ready) are return values with a
reason. Exceptions are for what interrupts a reconcile:

    RocksteadyError
    ├── ClusterError           the API server refused or did not answer
    │   ├── Conflict           409: what we read is no longer what is there
    │   ├── NotFound           404: the object does not exist
    │   ├── NotServed          404: the API server does not serve the kind, or not yet
    │   ├── Forbidden          403: a permission is missing, or admission or a quota refuses
    │   └── Invalid            400, 422: the API server rejects what we sent
    ├── MetricsError           a source of metrics refused, or did not answer as one does
    └── NotLeader              the Lease is not ours: no write may start
"""

from enum import StrEnum


class RocksteadyError(Exception):
    """Base of all errors of this package."""


class ClusterError(RocksteadyError):
    """The API server refused a call, or did not answer it in time.

    Attributes:
        status: HTTP status code; None when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Conflict(ClusterError):  # noqa: N818 - named as Kubernetes names it
    """What was read is no longer what is there (409): read again."""


class NotFound(ClusterError):  # noqa: N818 - named as Kubernetes names it
    """The object does not exist (404)."""


class NotServed(ClusterError):  # noqa: N818 - a state of the API server
    """The API server does not serve the kind (404 without an object).

    While it starts it answers so for kinds that it will serve: no proof that objects are gone.
    """


class Forbidden(ClusterError):  # noqa: N818 - named as Kubernetes names it
    """The operator lacks a permission, or admission or a quota refuses what was sent (403)."""


class Invalid(ClusterError):  # noqa: N818 - named as Kubernetes names it
    """The API server rejects what was sent (400, 422)."""


class NotLeader(RocksteadyError):  # noqa: N818 - a state, not a fault
    """The Lease is not ours, so no write may start."""


class MetricsReason(StrEnum):
    """Why a source of metrics could not be read; fit for conditions."""

    UNREACHABLE = "PrometheusUnreachable"
    """No connection, or no name, or no trust."""
    TIMEOUT = "PrometheusTimeout"
    """No answer in time."""
    REFUSED = "PrometheusRefused"
    """401 or 403."""
    NOT_FOUND = "PrometheusNotFound"
    """404: the URL is of something else."""
    NOT_PROMETHEUS = "NotPrometheus"
    """The answer is none of Prometheus: HTML, a redirect to a login."""
    PARTIAL = "PrometheusPartial"
    """The answer comes with warnings: parts may be missing."""
    FAILED = "PrometheusError"
    """Prometheus says that it failed."""
    QUERY_INVALID = "QueryInvalid"
    """Prometheus does not understand a query, or it does not give one number."""
    CLOCK_SKEW = "ClockSkew"
    """Its clock and ours differ."""
    CREDENTIALS = "CredentialsUnreadable"
    """A token, password, certificate or key cannot be read from its file."""
    SOURCE_UNKNOWN = "SourceUnknown"
    """The configuration has no source of that name."""
    CUSTOM_QUERIES_OFF = "CustomQueriesOff"
    """The source takes no queries of users."""
    CIRCUIT_OPEN = "CircuitOpen"
    """It failed so often that it is left alone for a while."""
    EXPOSITION_UNREADABLE = "ExpositionUnreadable"
    """Metrics that are read directly did not come, or not as text."""


class MetricsError(RocksteadyError):
    """A source of metrics refused, or did not answer as one does.

    Attributes:
        reason: For conditions.
        message: What happened and what to do, a sentence.
    """

    def __init__(self, reason: MetricsReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
