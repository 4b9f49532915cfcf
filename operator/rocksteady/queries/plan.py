"""Who measures which objective: the gateway or the engine, or nobody.

Requests are counted by the gateway where there is one, since it also sees those that never reached
the engine; tokens are seen by the engine alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rocksteady.queries.profiles import engine_profile, gateway_profile
from rocksteady.queries.profiles.base import Profile, SignalProfile
from rocksteady.queries.selectors import Selector, promql
from rocksteady.queries.signals import Objective, RevisionTarget, Signal

NO_GATEWAY: Final = "None"
GATEWAY_SIGNALS: Final = frozenset({Signal.AVAILABILITY, Signal.REQUEST_LATENCY})


@dataclass(frozen=True)
class SignalPlan:
    """How one objective is measured.

    Attributes:
        objective: What is to be shown.
        source: The gateway or engine that counts.
        profile: How its series are read.
    """

    objective: Objective
    source: Profile
    profile: SignalProfile

    @property
    def signal(self) -> Signal:
        """What is measured."""
        return self.objective.signal

    def selectors(self, targets: Sequence[RevisionTarget]) -> tuple[Selector, ...]:
        """What to ask for, to be given to `count`."""
        return self.profile.selectors(targets)

    def queries(self, targets: Sequence[RevisionTarget]) -> tuple[str, ...]:
        """The same as PromQL, for records and for people; each selects an instant."""
        selectors = self.selectors(targets)
        shapes = dict.fromkeys(one.shape for one in selectors)
        return tuple(promql([one for one in selectors if one.shape == shape]) for shape in shapes)

    def trap_selectors(self, targets: Sequence[RevisionTarget]) -> tuple[Selector, ...]:
        """What to ask for besides when `count` says that a revision was never seen."""
        traps = [trap.selector for target in targets for trap in self.profile.traps(target)]
        return tuple(dict.fromkeys(traps))


@dataclass(frozen=True)
class Unmeasurable:
    """An objective that nobody can measure.

    Attributes:
        signal: Which.
        message: Why, and what to do; a sentence without a full stop.
    """

    signal: Signal
    message: str


def plan_signals(
    objectives: Sequence[Objective], engine_type: str, gateway_type: str = NO_GATEWAY
) -> tuple[tuple[SignalPlan, ...], tuple[Unmeasurable, ...]]:
    """Who measures each objective, and those that nobody measures, in their order.

    Args:
        objectives: At most one for each signal.
        engine_type: As in `spec.engine.type`.
        gateway_type: As in the configuration of sources.
    """
    plans: list[SignalPlan] = []
    unmeasurable: list[Unmeasurable] = []
    for objective in objectives:
        found = _plan(objective, engine_type, gateway_type)
        if isinstance(found, SignalPlan):
            plans.append(found)
        else:
            unmeasurable.append(found)
    return tuple(plans), tuple(unmeasurable)


def _plan(objective: Objective, engine_type: str, gateway_type: str) -> SignalPlan | Unmeasurable:
    signal = objective.signal
    gateway = gateway_profile(gateway_type) if signal in GATEWAY_SIGNALS else None
    engine = engine_profile(engine_type)
    for source in (gateway, engine):
        if source is not None and signal in source.signals:
            return SignalPlan(objective, source, source.signals[signal])
    if engine is not None:
        return Unmeasurable(signal, engine.lacks[signal])
    cure = (
        "send its requests through a gateway, which does"
        if signal in GATEWAY_SIGNALS
        else "use requestLatency at a gateway, or a gate of your own in rollout.metrics"
    )
    return Unmeasurable(signal, f"the engine {engine_type} has no metrics that are known; {cure}")
