"""Series as a Prometheus would hold them, for tests."""

from collections.abc import Mapping, Sequence

from rocksteady.adapters.exposition import parse
from rocksteady.queries.counting import Counted, count
from rocksteady.queries.plan import SignalPlan, plan_signals
from rocksteady.queries.samples import RevisionCounts, Series, TickGrid
from rocksteady.queries.signals import Objective, RevisionTarget, Signal

STABLE = RevisionTarget("gwt", "chat", "r1")
CANARY = RevisionTarget("gwt", "chat", "r2")
BOTH = (STABLE, CANARY)

START = 1_800_000_000.0
INTERVAL = 15.0


def plan(
    signal: Signal = Signal.AVAILABILITY,
    threshold_seconds: float | None = None,
    engine: str = "llamacpp",
    gateway: str = "Traefik",
) -> SignalPlan:
    """The one plan for a signal."""
    objective = Objective(signal, 99.0, threshold_seconds)
    plans, _ = plan_signals([objective], engine, gateway)
    return plans[0]


def series(
    labels: Mapping[str, str], values: Sequence[float | None], first: float = -1, step: float = 1
) -> Series:
    """A series with one value for each scrape.

    Args:
        labels: Of the series.
        values: None: it was not there.
        first: Scrape interval of the first, from START; -1.0 is the one before the first tick.
        step: Scrape intervals between them.
    """
    samples = (
        # The scrape is a bit after the tick's begin, as it is in life.
        (START + (first + index * step) * INTERVAL + 3.0, value)
        for index, value in enumerate(values)
        if value is not None
    )
    return Series(labels, tuple(samples))


def traefik(target: RevisionTarget, code: str = "200", **labels: str) -> dict[str, str]:
    """Labels of Traefik's counter as a PodMonitor scrapes it."""
    service = f"{target.namespace}-{target.service}-http-{target.service_port}@kubernetesgateway"
    return {
        "__name__": "traefik_service_requests_total",
        "code": code,
        "method": "POST",
        "protocol": "http",
        "service": service,
        "job": "gateway",
        "instance": "10.0.0.3:9100",
        "namespace": "traefik",
        "pod": "traefik-58db9696d-nrbf4",
        **labels,
    }


def traefik_bucket(
    target: RevisionTarget, le: str, code: str = "200", **labels: str
) -> dict[str, str]:
    """Labels of a bucket of Traefik's histogram."""
    name = "traefik_service_request_duration_seconds_bucket"
    return traefik(target, code, **labels) | {"__name__": name, "le": le}


def counted(
    given: Sequence[Series],
    ticks: int,
    asked: SignalPlan | None = None,
    now_seconds: float | None = None,
) -> Counted:
    """Count on a grid of ticks that are one scrape interval long."""
    grid = TickGrid(START, INTERVAL, ticks)
    return count(
        asked or plan(),
        BOTH,
        given,
        grid,
        now_seconds=grid.end_seconds + 5.0 if now_seconds is None else now_seconds,
        scrape_interval_seconds=INTERVAL,
    )


def pairs(ticks: Sequence[RevisionCounts | None]) -> list[tuple[int, int] | None]:
    """Counts as (total, bad)."""
    return [None if one is None else (one.total, one.bad) for one in ticks]


def scraped(text: str, **labels: str) -> list[Series]:
    """Two scrapes of a text exposition: one as the counters began, one as it is.

    Args:
        text: The exposition.
        labels: What the scrape adds.
    """
    names = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines()}
    return [
        series({**one.labels, **labels}, [0.0, one.value])
        for one in parse(text, sorted(names - {"#"}))
    ]
