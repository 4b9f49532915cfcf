"""What a profile of a gateway or an engine says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Final

from rocksteady.queries.selectors import METRIC_NAME, Matcher, Selector, equals, starts_with
from rocksteady.queries.signals import RevisionTarget, Signal

Labels = Mapping[str, str]


class Part(Enum):
    """What the increments of a series add to."""

    TOTAL = auto()
    """Requests that count."""
    BAD = auto()
    """Bad ones."""
    BAD_SEEN_OTHERWISE = auto()
    """Bad ones as a second family counts them, which sees some that the first does not and may see
    the same: in each tick the greater of both counts."""


Parts = frozenset[Part]
OUT: Final[Parts] = frozenset()
"""The series shows that its target is scraped, and counts for nothing."""
GOOD: Final[Parts] = frozenset({Part.TOTAL})
FAILED: Final[Parts] = frozenset({Part.TOTAL, Part.BAD})


class SourceKind(StrEnum):
    """Who counts."""

    GATEWAY = "gateway"
    ENGINE = "engine"


@dataclass(frozen=True)
class Trap:
    """Series that are there when a signal cannot be told by revision.

    Attributes:
        selector: The series; they belong to no revision.
        cure: What is wrong and what to do, a sentence.
    """

    selector: Selector
    cure: str


Ownership = Callable[[RevisionTarget], tuple[tuple[Matcher, ...], ...]]
"""Labels of a revision's series; several when they depend on how the target is scraped."""


@dataclass(frozen=True)
class SignalProfile:
    """How one signal is read.

    Attributes:
        names: Metrics, in every spelling; for a latency the buckets of its histogram.
        ownership: Which series are a revision's.
        parts: What a series of a revision counts for. For a latency: TOTAL or nothing.
        units_per_second: For a latency, how many of the unit of its `le` a second has; None: the
            series are plain counters.
        requests: Only where a histogram observes single tokens: the buckets, in every spelling,
            whose `+Inf` counts requests that ended. The tokens of one request are one observation
            to a statistician, so counts are scaled down to those.
        heartbeat: Series that the source always shows, whoever gets requests; they tell no traffic
            from no scrape. None: none are known, or the signal's own are always there.
        traps: What else to look for when a revision has no series.
    """

    names: tuple[str, ...]
    ownership: Ownership
    parts: Callable[[Labels], Parts]
    units_per_second: float | None = None
    requests: tuple[str, ...] = ()
    heartbeat: Selector | None = None
    traps: Callable[[RevisionTarget], tuple[Trap, ...]] = field(default=lambda _target: ())

    @property
    def is_latency(self) -> bool:
        """True when a histogram is read and a threshold applies."""
        return self.units_per_second is not None

    def selectors(self, targets: Sequence[RevisionTarget]) -> tuple[Selector, ...]:
        """Series of these revisions, and the heartbeat."""
        names = (*self.names, *self.requests)
        found = [Selector(names, way) for target in targets for way in self.ownership(target)]
        found += [] if self.heartbeat is None else [self.heartbeat]
        return tuple(dict.fromkeys(found))

    def owner(self, labels: Labels, targets: Sequence[RevisionTarget]) -> RevisionTarget | None:
        """Whose series it is; None: nobody's."""
        for target in targets:
            for way in self.ownership(target):
                if all(matcher.matches(labels) for matcher in way):
                    return target
        return None


@dataclass(frozen=True)
class Profile:
    """What a gateway or an engine counts.

    Attributes:
        kind: Gateway or engine.
        type: Its name in the API or in the configuration of sources.
        signals: What it counts.
        lacks: What it does not, each with a reason and a cure.
        tried: False when the profile was written from documentation and never run.
    """

    kind: SourceKind
    type: str
    signals: Mapping[Signal, SignalProfile]
    lacks: Mapping[Signal, str] = field(default_factory=dict)
    tried: bool = True


def name_of(labels: Labels) -> str:
    """The metric's name as old Prometheus spells it: `vllm:x` and `vllm_x` are the same.

    A server that answers a scrape with `escaping=underscores` has no colons in its names, so the
    spelling depends on the versions and settings of both.

    Source: prometheus/prometheus#16066.
    """
    return labels.get(METRIC_NAME, "").replace(":", "_")


def both_spellings(*names: str) -> tuple[str, ...]:
    """Names with colons, then without."""
    return (*names, *(name.replace(":", "_") for name in names if ":" in name))


def pods_of(target: RevisionTarget) -> tuple[tuple[Matcher, ...], ...]:
    """Series of a revision's pods: labels that every usual scrape of pods sets.

    Their names are `<name>-<hash10>-...`; no relabelling is needed.
    """
    return ((equals("namespace", target.namespace), starts_with("pod", f"{target.service}-")),)


NO_POD_LABEL: Final = (
    "the metrics of the model servers are in Prometheus without the labels namespace and pod, so"
    " revisions cannot be told apart; scrape the pods with a PodMonitor, or add both labels by"
    " relabelling"
)


def without_pod_label(*names: str) -> Callable[[RevisionTarget], tuple[Trap, ...]]:
    """A scrape that does not say which pod it is of."""
    trap = Trap(Selector(names, (equals("pod", ""),)), NO_POD_LABEL)
    return lambda _target: (trap,)


def response(code: str) -> Parts:
    """What an HTTP status counts for.

    5xx are failures, and 429 is one of too little capacity. 499 (the client went away) and what has
    no status are nobody's answers. Other 4xx are the client's mistakes, rightly answered.
    """
    if code in {"", "0", "499"}:
        return OUT
    return FAILED if code == "429" or code.startswith("5") else GOOD


def answered(code: str) -> Parts:
    """What an HTTP status counts for in a latency: failures are not fast answers."""
    return GOOD if response(code) == GOOD else OUT


def everything(_labels: Labels) -> Parts:
    """All series count."""
    return GOOD
