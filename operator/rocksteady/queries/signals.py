"""What is measured, and of whom."""

from dataclasses import dataclass
from enum import StrEnum

from rocksteady import conventions


class Signal(StrEnum):
    """The built-in signals, named as in `spec.slos`."""

    AVAILABILITY = "availability"
    TIME_TO_FIRST_TOKEN = "timeToFirstToken"  # noqa: S105 - of a model's answer
    TIME_PER_OUTPUT_TOKEN = "timePerOutputToken"  # noqa: S105 - same
    REQUEST_LATENCY = "requestLatency"


@dataclass(frozen=True)
class RevisionTarget:
    """One revision as its metrics name it.

    Attributes:
        namespace: Of the LLMDeployment.
        name: Of the LLMDeployment.
        revision: Hash.
        service_port: Port of the revision's Service, which gateways put into their labels.
    """

    namespace: str
    name: str
    revision: str
    service_port: int = conventions.SERVICE_PORT

    @property
    def service(self) -> str:
        """Name of the revision's Service and Deployment."""
        return f"{self.name}-{self.revision}"


@dataclass(frozen=True)
class Objective:
    """A service level objective: which share of requests must be good.

    Attributes:
        signal: What is measured.
        objective_percent: From 0 to 100.
        threshold_seconds: What still counts as fast; None for availability.
    """

    signal: Signal
    objective_percent: float
    threshold_seconds: float | None = None
