"""From scraped samples to good and bad requests by tick."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.queries.counting import count
from rocksteady.queries.problems import ProblemReason
from rocksteady.queries.samples import BASELINE_SECONDS, Series, TickGrid, last_complete_tick
from rocksteady.queries.signals import Signal
from rocksteady.rollout.measuring import segments_of
from tests.metrics import (
    BOTH,
    CANARY,
    INTERVAL,
    STABLE,
    START,
    counted,
    pairs,
    plan,
    series,
    traefik,
    traefik_bucket,
)

OK = traefik(CANARY)
FAILED = traefik(CANARY, "500")
STABLE_OK = traefik(STABLE)


def canary(*read: Series, ticks: int = 3) -> list[tuple[int, int] | None]:
    return pairs(counted(read, ticks).counts["r2"])


def test_increments__belong_to_the_tick_of_the_later_sample() -> None:
    assert canary(series(OK, [100, 110, 110, 135])) == [(10, 0), (0, 0), (25, 0)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("200", (7, 0), id="answers are good"),
        pytest.param("404", (7, 0), id="a client's mistake is answered well"),
        pytest.param("429", (7, 7), id="too little capacity is bad"),
        pytest.param("500", (7, 7), id="an error of the app is bad"),
        pytest.param("502", (7, 7), id="a closed port is bad"),
        pytest.param("499", (0, 0), id="a client that went away counts for nothing"),
    ],
)
def test_codes(code: str, expected: tuple[int, int]) -> None:
    assert canary(series(traefik(CANARY, code), [3, 10]), ticks=1) == [expected]


def test_reset__counts_what_is_there_since() -> None:
    assert canary(series(OK, [100, 110, 4, 9])) == [(10, 0), (4, 0), (5, 0)]


def test_reset__of_one_pod_takes_nothing_from_another() -> None:
    other = traefik(CANARY, instance="10.0.0.4:9100", pod="traefik-2")
    assert canary(series(OK, [100, 110, 4, 9]), series(other, [500, 510, 520, 530])) == [
        (20, 0),
        (14, 0),
        (15, 0),
    ]


def test_newborn__first_errors_of_a_scraped_target_count() -> None:
    errors = series(FAILED, [None, None, 6, 6])
    assert canary(series(OK, [100, 110, 120, 130]), errors) == [(10, 0), (16, 6), (10, 0)]


def test_newborn__alone_is_what_to_count_from() -> None:
    assert canary(series(OK, [None, 5000, 5010, 5020])) == [None, (10, 0), (10, 0)]


def test_newborn__target_that_was_not_scraped_may_have_counted_for_days() -> None:
    back = traefik(CANARY, instance="10.0.0.4:9100", pod="traefik-2")
    read = (series(OK, [100, 110, 120, 130]), series(back, [None, None, 90_000, 90_010]))
    assert canary(*read) == [(10, 0), (10, 0), (20, 0)]


def test_newborn__target_is_new_when_others_were_scraped_for_five_minutes() -> None:
    new = traefik(CANARY, instance="10.0.0.4:9100", pod="traefik-2")
    old = series(OK, [100, 100, *[100] * 19, 100, 110], first=-20)
    assert canary(old, series(new, [None, 7, 9], first=0), ticks=3) == [
        (0, 0),
        (7, 0),
        (12, 0),
    ]


def test_newborn__first_requests_of_a_canary_count() -> None:
    read = (series(STABLE_OK, [900, 950, 990, 1040]), series(OK, [None, None, 3, 5]))
    assert canary(*read) == [(0, 0), (3, 0), (2, 0)]


HEARTBEAT = {**OK, "__name__": "traefik_config_reloads_total"}


def test_heartbeat__first_requests_of_all_count() -> None:
    beats = series(HEARTBEAT, [1, 1, 1, 1])
    assert canary(beats, series(OK, [None, 5, 7, 9])) == [(5, 0), (2, 0), (2, 0)]


def test_heartbeat__no_traffic_is_not_blind() -> None:
    result = counted([series(HEARTBEAT, [1, 1, 1, 1])], 3)
    assert pairs(result.counts["r1"]) == pairs(result.counts["r2"]) == [(0, 0)] * 3
    assert result.problems == ()
    assert result.unseen == ("r1", "r2")


def test_heartbeat__without_it_a_tick_is_blind() -> None:
    assert canary(series(HEARTBEAT, [1, 1, None, 1])) == [(0, 0), None, (0, 0)]


def test_heartbeat__series_that_went_are_blind_all_the_same() -> None:
    beats = series(HEARTBEAT, [1, 1, 1, 1])
    assert canary(beats, series(OK, [5, 7])) == [(2, 0), None, None]


def test_vanished__keeps_what_it_gave_and_begins_anew() -> None:
    scraped = series(STABLE_OK, [900, 950, 990, 1040, 1050, 1060])
    gone = series(OK, [100, 110, None, None, 200, 205])
    assert canary(scraped, gone, ticks=5) == [(10, 0), None, None, (200, 0), (5, 0)]


def test_vanished__from_one_scrape_is_an_accident() -> None:
    scraped = series(STABLE_OK, [900, 950, 990, 1040])
    assert canary(scraped, series(OK, [100, 110, None, 130])) == [(10, 0), None, (20, 0)]


def test_outage_of_prometheus__counts_all_at_its_end() -> None:
    assert canary(series(OK, [100, 110, None, None, None, 150]), ticks=5) == [
        (10, 0),
        None,
        None,
        None,
        (40, 0),
    ]


def test_errors_that_are_not_there__are_none_while_the_total_is() -> None:
    assert canary(series(OK, [100, 110]), ticks=1) == [(10, 0)]


def test_no_sample__is_blind() -> None:
    assert canary(series(OK, [100, 110]), ticks=3) == [(10, 0), None, None]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
def test_no_number__is_no_data(value: float) -> None:
    assert canary(series(OK, [100, value, 130]), ticks=2) == [None, (30, 0)]


def test_pair_of_prometheus__counts_once() -> None:
    read = [
        series(traefik(CANARY, prometheus="monitoring/k8s", prometheus_replica=f"p-{n}"), values)
        for n, values in enumerate(([100, 110, 120, 130], [99, 111, 120, 130]))
    ]
    assert canary(*read) == [(10, 0), (10, 0), (10, 0)]
    assert counted(read, 3).problems == ()


def test_pair_of_prometheus__other_takes_over_where_one_is_silent() -> None:
    first = series(traefik(CANARY, prometheus_replica="a"), [100, 110, None, None, 190])
    other = series(traefik(CANARY, prometheus_replica="b"), [100, 110, 120, 150, 190])
    assert canary(first, other, ticks=4) == [(10, 0), (10, 0), (30, 0), (40, 0)]


def test_pair_of_prometheus__taking_back_is_blind_rather_than_counting_twice() -> None:
    first = series(traefik(CANARY, prometheus_replica="a"), [100, 110, None, None, 190, 195])
    other = series(traefik(CANARY, prometheus_replica="b"), [100, 110, 120, 150, None, None])
    assert canary(first, other, ticks=5) == [(10, 0), (10, 0), (30, 0), None, (5, 0)]


def test_two_jobs__count_once_and_are_a_problem() -> None:
    read = [
        series(traefik(CANARY, job="annotations"), [100, 110]),
        series(traefik(CANARY, job="podmonitor", endpoint="metrics"), [100, 110]),
    ]
    assert canary(*read, ticks=1) == [(10, 0)]
    (problem,) = counted(read, 1).problems
    assert problem.reason is ProblemReason.DUPLICATE_SERIES
    assert "annotations and podmonitor" in problem.message


def test_spelling_of_boundaries__changes_nothing() -> None:
    asked = plan(Signal.REQUEST_LATENCY, 1.0)
    read = [
        series(traefik_bucket(CANARY, "1"), [100, 110, None]),
        series(traefik_bucket(CANARY, "1.0"), [None, None, 115]),
        series(traefik_bucket(CANARY, "+Inf"), [200, 212, 220]),
    ]
    assert pairs(counted(read, 2, asked).counts["r2"]) == [(12, 2), (8, 3)]


Latencies = tuple[float | None, list[tuple[int, int] | None], int]


def latencies(threshold_seconds: float) -> Latencies:
    read = [
        series(traefik_bucket(CANARY, le), [0, value])
        for le, value in (("0.5", 10), ("1", 15), ("2.5", 18), ("+Inf", 20))
    ]
    result = counted(read, 1, plan(Signal.REQUEST_LATENCY, threshold_seconds))
    return result.boundary_seconds, pairs(result.counts["r2"]), len(result.problems)


@pytest.mark.parametrize(
    ("threshold_seconds", "expected"),
    [
        pytest.param(1.0, (1.0, [(20, 5)], 0), id="on a boundary"),
        pytest.param(0.7, (1.0, [(20, 5)], 0), id="between two, rounded up"),
        pytest.param(0.1, (0.5, [(20, 10)], 0), id="below the first, rounded up"),
        pytest.param(2.5, (2.5, [(20, 2)], 0), id="on the last"),
        pytest.param(3.0, (None, [None], 1), id="above the last: blind, and a problem"),
    ],
)
def test_threshold(threshold_seconds: float, expected: Latencies) -> None:
    assert latencies(threshold_seconds) == expected


def test_threshold__above_the_last_boundary_says_what_to_do() -> None:
    read = [series(traefik_bucket(CANARY, le), [0, 5]) for le in ("1", "2.5", "+Inf")]
    (problem,) = counted(read, 1, plan(Signal.REQUEST_LATENCY, 3.0)).problems
    assert problem.reason is ProblemReason.THRESHOLD_OUTSIDE_HISTOGRAM
    assert "3000" in problem.message
    assert "2500" in problem.message


def test_boundaries__each_can_be_counted_at() -> None:
    read = [
        series(traefik_bucket(CANARY, le), [0, n]) for le, n in (("1", 8), ("2", 9), ("+Inf", 10))
    ]
    result = counted(read, 1, plan(Signal.REQUEST_LATENCY, 1.0))
    assert result.boundaries_seconds == (1.0, 2.0)
    assert {at: pairs(ticks) for at, ticks in result.by_boundary["r2"].items()} == {
        1.0: [(10, 2)],
        2.0: [(10, 1)],
    }


def test_boundaries__that_one_revision_lacks_are_left_out() -> None:
    read = [series(traefik_bucket(CANARY, le), [0, 1]) for le in ("1", "2", "+Inf")]
    read += [series(traefik_bucket(STABLE, le), [0, 1]) for le in ("2", "4", "+Inf")]
    assert counted(read, 1, plan(Signal.REQUEST_LATENCY, 1.0)).boundaries_seconds == (2.0,)


def test_boundary__that_is_shown_no_more_is_blind_from_then_on() -> None:
    read = [
        series(traefik_bucket(CANARY, "1"), [0, 9, None]),
        series(traefik_bucket(CANARY, "2"), [0, 10, 12]),
        series(traefik_bucket(CANARY, "+Inf"), [0, 10, 13]),
    ]
    result = counted(read, 2, plan(Signal.REQUEST_LATENCY, 1.0))
    assert {at: pairs(ticks) for at, ticks in result.by_boundary["r2"].items()} == {
        1.0: [(10, 1), None],
        2.0: [(10, 0), (3, 1)],
    }


def test_boundary__that_one_of_two_targets_shows_no_more_is_blind() -> None:
    other = {"instance": "10.0.0.4:9100", "pod": "traefik-2"}
    read = [
        series(traefik_bucket(CANARY, "1"), [0, 9, 10]),
        series(traefik_bucket(CANARY, "+Inf"), [0, 10, 12]),
        series({**traefik_bucket(CANARY, "1"), **other}, [0, 5, None]),
        series({**traefik_bucket(CANARY, "+Inf"), **other}, [0, 5, 7]),
    ]
    result = counted(read, 2, plan(Signal.REQUEST_LATENCY, 1.0))
    assert pairs(result.counts["r2"]) == [(15, 1), None]


def test_latency__of_failures_is_none() -> None:
    read = [
        series(traefik_bucket(CANARY, le, code), [0, 10])
        for le in ("1", "+Inf")
        for code in ("200", "429", "499", "503")
    ]
    assert pairs(counted(read, 1, plan(Signal.REQUEST_LATENCY, 1.0)).counts["r2"]) == [(10, 0)]


def reasons(*read: Series, ticks: int = 2, now_seconds: float | None = None) -> list[ProblemReason]:
    return [one.reason for one in counted(read, ticks, now_seconds=now_seconds).problems]


def test_problem__nothing_is_there() -> None:
    assert reasons() == [ProblemReason.NO_SAMPLES]


def test_problem__newest_sample_is_older_than_two_intervals() -> None:
    read = series(OK, [100, 110, 120])
    newest = START + INTERVAL + 3.0
    assert reasons(read, now_seconds=newest + 2 * INTERVAL) == []
    assert reasons(read, now_seconds=newest + 2 * INTERVAL + 0.1) == [ProblemReason.SAMPLES_STALE]


def test_problem__samples_are_two_minutes_ahead() -> None:
    assert reasons(series(OK, [100, 110, 120]), now_seconds=START - 120.0) == [
        ProblemReason.CLOCK_SKEW
    ]


def test_problem__samples_do_not_say_whose_they_are() -> None:
    nobodys = {key: value for key, value in OK.items() if key != "service"}
    read = (series(STABLE_OK, [1, 2, 3]), series(nobodys, [100, 110, 120]))
    assert reasons(*read) == [ProblemReason.REVISION_LABEL_MISSING]


def test_problem__envoy_gateway_counts_by_route() -> None:
    labels = {
        "__name__": "envoy_cluster_upstream_rq",
        "envoy_response_code": "200",
        "envoy_cluster_name": "httproute/gwt/chat/rule/0",
    }
    asked = plan(gateway="EnvoyGateway")
    assert any(one.matches(labels) for one in asked.trap_selectors([CANARY]))
    (problem,) = counted([series(labels, [1, 2])], 1, asked).problems
    assert problem.reason is ProblemReason.REVISION_LABEL_MISSING
    assert "mergeBackends" in problem.message


def test_problem__pods_are_not_named() -> None:
    labels = {"__name__": "vllm:request_success_total", "finished_reason": "stop"}
    asked = plan(engine="vllm", gateway="None")
    assert any(one.matches(labels) for one in asked.trap_selectors([CANARY]))
    (problem,) = counted([series(labels, [1, 2])], 1, asked).problems
    assert problem.reason is ProblemReason.REVISION_LABEL_MISSING
    assert "PodMonitor" in problem.message


def test_unseen__names_who_was_never_counted() -> None:
    result = counted([series(STABLE_OK, [1, 2, 3])], 2)
    assert result.unseen == ("r2",)
    assert pairs(result.counts["r2"]) == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("now_seconds", "scrape_interval_seconds", "expected"),
    [
        pytest.param(START + 34.9, 15, None, id="the first is not settled"),
        pytest.param(START + 35, 15, 0, id="the first is"),
        pytest.param(START + 32, 2, 0, id="a short scrape interval settles sooner"),
        pytest.param(START + 95, 15, 2, id="three are over"),
        pytest.param(START - 500, 15, None, id="before the start"),
    ],
)
def test_last_complete_tick(
    now_seconds: float, scrape_interval_seconds: float, expected: int | None
) -> None:
    assert last_complete_tick(now_seconds, scrape_interval_seconds, 30, START) == expected


scrapes = st.lists(st.none() | st.integers(0, 200), min_size=6, max_size=16)


@given(
    values=st.lists(scrapes, min_size=1, max_size=4),
    shifts=st.lists(st.floats(0, 14), min_size=4, max_size=4),
    cut=st.integers(1, 11),
)
def test_counts__of_a_tick_never_change_with_what_comes_later(
    values: list[list[int | None]], shifts: list[float], cut: int
) -> None:
    labels = [
        traefik(CANARY, prometheus_replica="a"),
        traefik(CANARY, prometheus_replica="b"),
        traefik(CANARY, "500", prometheus_replica="a"),
        traefik(STABLE, instance="10.0.0.9:9100"),
    ]
    late = [
        series(of, one, first=-5 + shift / INTERVAL)
        for of, one, shift in zip(labels, values, shifts, strict=False)
    ]
    end = START + cut * INTERVAL
    early = [Series(one.labels, tuple(s for s in one.samples if s[0] < end)) for one in late]
    for revision in ("r1", "r2"):
        now, then = counted(late, 12).counts[revision], counted(early, cut).counts[revision]
        assert now[:cut] == then


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30))
def test_counts__add_up_to_what_the_counter_grew_by(grown: list[int]) -> None:
    values = [float(sum(grown[:index])) for index in range(len(grown) + 1)]
    ticks = counted([series(OK, values)], len(grown)).counts["r2"]
    assert sum(one.total for one in ticks if one is not None) == sum(grown)


SEGMENT = 30
"""Ticks, of which 20 are as long as the baseline."""


@given(
    grown=st.lists(st.integers(0, 9), min_size=100, max_size=100),
    errors_from=st.integers(0, 99),
    gap=st.tuples(st.integers(1, 98), st.integers(0, 60)),
    restart=st.integers(0, 99),
    pair=st.booleans(),
    of_stable=st.sampled_from(["10.0.0.3:9100", "10.0.0.9:9100"]),
)
def test_counts__in_segments_are_those_of_the_whole(
    grown: list[int],
    errors_from: int,
    gap: tuple[int, int],
    restart: int,
    *,
    pair: bool,
    of_stable: str,
) -> None:
    away = range(gap[0], gap[0] + gap[1])

    def scraped(since: int, shown_from: int) -> list[float | None]:
        return [
            None
            if scrape in away or scrape < shown_from
            else float(sum(grown[max(since, restart if scrape >= restart else 0) : scrape + 1]))
            for scrape in range(100)
        ]

    read = [
        series(OK, scraped(0, 0)),
        series(FAILED, scraped(errors_from, errors_from)),
        series(traefik(STABLE, instance=of_stable), [10.0 * scrape for scrape in range(100)]),
    ]
    if pair:
        read += [Series({**one.labels, "prometheus_replica": "b"}, one.samples) for one in read]

    whole, parts = counted(read, 99).counts, in_segments(read, 99)

    assert {revision: pairs(ticks) for revision, ticks in whole.items()} == parts


def in_segments(read: list[Series], ticks: int) -> dict[str, list[tuple[int, int] | None]]:
    """Counts by revision, each segment from what a query of its own gives and what came before."""
    before: tuple[Series, ...] = ()
    found: dict[str, list[tuple[int, int] | None]] = {"r1": [], "r2": []}
    for grid in segments_of(TickGrid(START, INTERVAL, ticks), SEGMENT):
        asked = [
            Series(one.labels, samples)
            for one in read
            if (
                samples := tuple(
                    sample
                    for sample in one.samples
                    if grid.read_from_seconds < sample[0] <= grid.end_seconds
                )
            )
        ]
        part = count(
            plan(),
            BOTH,
            (*before, *asked),
            grid,
            now_seconds=grid.end_seconds,
            scrape_interval_seconds=INTERVAL,
        )
        before = part.newest
        for revision, counts in part.counts.items():
            found[revision] += pairs(counts)
    return found


def test_copies__of_which_one_comes_back_in_a_later_segment_count_once() -> None:
    values = [float(10 * scrape) for scrape in range(60)]
    replica = traefik(CANARY, prometheus_replica="a")
    other = traefik(CANARY, prometheus_replica="b")
    # Back with the second segment: what it grew by meanwhile is known from the other.
    away: list[float | None] = [
        None if 15 <= scrape < 31 else values[scrape] for scrape in range(60)
    ]

    parts = in_segments([series(replica, away), series(other, values, first=-0.9)], 58)

    assert parts["r2"] == [(10, 0)] * 58


def test_series__that_was_away_over_the_end_of_a_segment_goes_on() -> None:
    values = [float(10 * scrape) for scrape in range(90)]
    away: list[float | None] = [
        None if 20 <= scrape < 70 else values[scrape] for scrape in range(90)
    ]

    of_another_target = series(traefik(STABLE, instance="10.0.0.9:9100"), values)
    parts = in_segments([series(OK, away), of_another_target], 88)

    assert sum(one[0] for one in parts["r2"] if one) == 880
    assert parts["r2"][69 - 1 : 71] == [None, (510, 0), (10, 0)]


def test_baseline__reaches_as_far_back_as_prometheus_looks() -> None:
    assert BASELINE_SECONDS == 300
