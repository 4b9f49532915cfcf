"""What a move of an attempt rests on: one frozen value, so that every rule can be tried by hand."""

from dataclasses import dataclass
from datetime import datetime

from rocksteady.analysis.verdict import SignalJudgement
from rocksteady.rollout.evaluated import Evaluated
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Workload
from rocksteady.rollout.reading import Gate, Trip
from rocksteady.rollout.requests import Request


@dataclass(frozen=True)
class Facts:
    """What is known about an open attempt now.

    Attributes:
        now: The time.
        target: Hash of the revision that the spec describes; None: the spec cannot be read.
        replicas: Wanted by the spec.
        gateway: True when a gateway splits the requests by weight.
        canary: Pods of the canary; None: none were made yet.
        stable: Pods of stable; None: there are none.
        addresses: Ready addresses of the canary's Service: where requests can go.
        requests: What people ask for and what is not handled yet, the strongest first.
        paused: True while a person wants it to stand still.
        measured: False when no SLO or no metrics source is configured: then readiness and time are
            the gates.
        blind: Why the signals cannot be read; None when they can.
        invalid: Why what was read cannot be trusted; None when it can.
        judgements: Of each signal.
        gates: Of the user's own queries.
        stable_burning: What stable itself spends of its error budget too fast; empty: nothing.
        step_requests: Requests that the canary answered since the step began; None: not counted.
        trip: What the fast lane saw; None: nothing.
        evaluations: What the evaluations say.
    """

    now: datetime
    target: str | None
    replicas: int
    gateway: bool
    canary: Workload | None
    stable: Workload | None
    addresses: int
    requests: tuple[Request, ...] = ()
    paused: bool = False
    measured: bool = False
    blind: Finding | None = None
    invalid: Finding | None = None
    judgements: tuple[SignalJudgement, ...] = ()
    gates: tuple[Gate, ...] = ()
    stable_burning: str = ""
    step_requests: int | None = None
    trip: Trip | None = None
    evaluations: tuple[Evaluated, ...] = ()
