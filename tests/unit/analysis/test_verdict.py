"""Verdicts, and the sentences that people read and check."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulated_traffic import latency_ticks, seeded, ttft_histogram
from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.analysis.evidence import error_test, threshold
from rocksteady.analysis.latency import choose_boundaries
from rocksteady.analysis.verdict import Rules, Verdict, judge, judge_latency

TEST = error_test(99.5, design_effect=1, tick_seconds=15, ticks_max=240)
RULES = Rules(threshold=threshold(0.01, 3), alpha=0.01, tick_seconds=15)

GOOD = TickCounts(75, 0, 675, 1)
HARMED = TickCounts(75, 4, 675, 1)
ALIKE = TickCounts(75, 3, 675, 27)
QUIET = TickCounts(0, 0, 10, 0)


@pytest.mark.parametrize(
    ("ticks", "verdict"),
    [
        pytest.param([], Verdict.INCONCLUSIVE, id="nothing yet"),
        pytest.param([GOOD], Verdict.INCONCLUSIVE, id="75 of 150 requests"),
        pytest.param([GOOD] * 2, Verdict.PASSED, id="150 requests without harm"),
        pytest.param([ALIKE] * 20, Verdict.PASSED, id="both alike"),
        pytest.param([QUIET] * 50, Verdict.INCONCLUSIVE, id="no request to the canary"),
        pytest.param([HARMED] * 4, Verdict.INCONCLUSIVE, id="harm that is not proven yet"),
        pytest.param([HARMED] * 7, Verdict.FAILED, id="harm"),
        pytest.param([HARMED] * 7 + [GOOD] * 100, Verdict.FAILED, id="harm that has passed"),
        pytest.param([HARMED] * 7 + [None] * 9, Verdict.FAILED, id="harm, then blind"),
        pytest.param([HARMED] * 4 + [None] * 9, Verdict.ERROR, id="doubt, then blind"),
        pytest.param([GOOD] * 4 + [None] * 7, Verdict.PASSED, id="blind for 105 seconds"),
        pytest.param([GOOD] * 4 + [None] * 8, Verdict.ERROR, id="blind for 2 minutes"),
        pytest.param([None] * 8, Verdict.ERROR, id="never saw anything"),
        pytest.param([None] * 7, Verdict.INCONCLUSIVE, id="nothing seen yet, within the grace"),
        pytest.param([GOOD] * 4 + [None] * 8 + [GOOD], Verdict.PASSED, id="sees again"),
    ],
)
def test_judge__gives(ticks: Ticks, verdict: Verdict) -> None:
    assert judge("availability", ticks, TEST, RULES).verdict is verdict


PUBLISHED = [TickCounts(172, 5, 1553, 3)] * 6 + [TickCounts(172, 7, 1555, 3)]
"""37 of 1 204 against 21 of 10 873."""


@pytest.mark.parametrize(
    ("ticks", "sentence"),
    [
        pytest.param(
            PUBLISHED,
            "availability 37/1204 bad (3.07 %) against 21/10873 (0.19 %) on stable:"
            " evidence 552 of 300, risk ratio at least 3 (valid at every look, 1 % error rate)",
            id="failed",
        ),
        pytest.param(
            [TickCounts(750, 75, 6750, 14)] * 20,
            "availability 1500/15000 bad (10 %) against 280/135000 (0.21 %) on stable:"
            " evidence 2.4e8 of 300, risk ratio at least 10 (valid at every look, 1 % error rate)",
            id="failed, beyond doubt",
        ),
        pytest.param(
            [HARMED] * 4,
            "availability 16/300 bad (5.33 %) against 4/2700 (0.15 %) on stable:"
            " evidence 27.9 of 300, too much to pass (under 10) and too little to condemn",
            id="held",
        ),
        pytest.param(
            [GOOD],
            "availability 0/75 bad (0 %) against 1/675 (0.15 %) on stable:"
            " evidence 0.743 of 300, 75 of 150 canary requests that a pass needs",
            id="too few requests",
        ),
        pytest.param(
            [GOOD] * 100,
            "availability 0/7500 bad (0 %) against 100/67500 (0.15 %) on stable:"
            " evidence 0.296 of 300",
            id="passed",
        ),
        pytest.param(
            [GOOD, *[None] * 9],
            "availability 0/75 bad (0 %) against 1/675 (0.15 %) on stable:"
            " nothing was measured in the last 135 s",
            id="blind",
        ),
        pytest.param(
            [],
            "availability 0/0 bad against 0/0 on stable:"
            " evidence 1 of 300, 0 of 150 canary requests that a pass needs",
            id="nothing yet",
        ),
        pytest.param(
            [TickCounts(100_000, 1, 900_000, 2)] * 240,
            "availability 240/24000000 bad (0.001 %) against 480/216000000 (0.0002 %) on stable:"
            " evidence under 0.01 of 300",
            id="very small shares, for an hour",
        ),
    ],
)
def test_judge__says(ticks: Ticks, sentence: str) -> None:
    assert judge("availability", ticks, TEST, RULES).sentence == sentence


def test_judge__tells_all_that_the_verdict_rests_on() -> None:
    judgement = judge("availability", [None, *PUBLISHED, None, None], TEST, RULES)
    assert (judgement.canary_bad, judgement.canary_total) == (37, 1204)
    assert (judgement.stable_bad, judgement.stable_total) == (21, 10873)
    assert (judgement.blind_ticks, judgement.blind_ticks_at_end) == (3, 2)
    assert judgement.threshold == RULES.threshold
    assert judgement.evidence.strongest >= judgement.threshold
    assert judgement.evidence.first_harm_tick == 1
    assert judgement.bound == 3


def test_judge__has_no_bound_before_it_condemns() -> None:
    assert judge("availability", [HARMED] * 4, TEST, RULES).bound is None


def test_judge__counts_requests_from_the_step_on() -> None:
    step = replace(RULES, counted_from_tick=10)
    assert judge("availability", [GOOD] * 11, TEST, step).verdict is Verdict.INCONCLUSIVE
    assert judge("availability", [GOOD] * 12, TEST, step).verdict is Verdict.PASSED


def test_judge__counts_blind_time_in_seconds_whatever_the_tick() -> None:
    quick = replace(RULES, tick_seconds=5)
    assert judge("availability", [GOOD] * 4 + [None] * 23, TEST, quick).verdict is Verdict.PASSED
    assert judge("availability", [GOOD] * 4 + [None] * 24, TEST, quick).verdict is Verdict.ERROR


def test_judge__never_reads_as_if_a_threshold_had_been_reached() -> None:
    ticks = [HARMED] * 4
    value = judge("availability", ticks, TEST, RULES).evidence.value
    almost = replace(RULES, threshold=value * 1.0001)
    limit = f"{almost.threshold:g}"
    assert f"evidence 27.9 of {limit}, too much" in judge("a", ticks, TEST, almost).sentence


BOUNDARIES = choose_boundaries(ttft_histogram(), 0.75)


def latency(slower: float) -> dict[float, list[TickCounts]]:
    boundaries = tuple(boundary.le_seconds for boundary in BOUNDARIES)
    return latency_ticks(seeded(1), 50, boundaries, slower)


@pytest.mark.parametrize(
    ("slower", "verdict", "words"),
    [
        pytest.param(2.0, Verdict.FAILED, " s (", id="twice as slow"),
        pytest.param(1.0, Verdict.PASSED, "over 0.75 s", id="as fast"),
        pytest.param(0.7, Verdict.PASSED, "evidence", id="faster"),
    ],
)
def test_judge_latency__gives(slower: float, verdict: Verdict, words: str) -> None:
    counted = latency(slower)
    judgement = judge_latency(
        "time to first token", BOUNDARIES, counted, dict.fromkeys(counted, 1.0), 240, RULES
    )
    assert judgement.verdict is verdict
    assert words in judgement.sentence
    assert judgement.sentence.startswith("time to first token ")
    le = judgement.boundary_seconds
    assert le is not None
    assert judgement.canary_bad == sum(tick.canary_bad for tick in counted[le])


def at_each(**shares: tuple[int, int]) -> dict[float, list[TickCounts]]:
    """Slow requests of 75 and of 675 by boundary, for 40 ticks."""
    return {
        boundary.le_seconds: [TickCounts(75, slow[0], 675, slow[1])] * 40
        for boundary, slow in zip(BOUNDARIES, shares.values(), strict=True)
    }


def test_judge_latency__names_the_boundary_that_speaks_most() -> None:
    """Twice as many take over 0.25 s, and no more over 0.75 s, where the objective is."""
    counted = at_each(quarter=(50, 216), half=(5, 49), objective=(1, 14), second=(0, 5))
    judgement = judge_latency(
        "time to first token", BOUNDARIES, counted, dict.fromkeys(counted, 1.0), 240, RULES
    )
    assert judgement.boundary_seconds == 0.25
    assert judgement.sentence.startswith(
        "time to first token 2000/3000 over 0.25 s (66.67 %) against 8640/27000 (32 %) on stable:"
    )
    assert judgement.bound == 1.5
    assert "risk ratio at least 1.5 (" in judgement.sentence


def test_judge_latency__of_a_canary_that_has_not_failed_tells_of_the_objective() -> None:
    counted = latency(1.0)
    judgement = judge_latency(
        "time to first token", BOUNDARIES, counted, dict.fromkeys(counted, 1.0), 240, RULES
    )
    assert (judgement.boundary_seconds, judgement.bound) == (0.75, None)


def test_judge__says_a_bound_of_one_without_at_least() -> None:
    ticks = [TickCounts(7500, 120, 67500, 675)] * 240
    assert "risk ratio over 1 (" in judge("availability", ticks, TEST, RULES).sentence


counts = st.builds(
    lambda canary, stable, bad, also: TickCounts(
        canary, round(canary * bad), stable, round(stable * also)
    ),
    st.integers(0, 500),
    st.integers(0, 500),
    st.floats(0, 1),
    st.floats(0, 1),
)


@given(st.lists(st.one_of(st.none(), counts), max_size=40))
def test_judge__fails_exactly_when_evidence_reached_the_threshold(
    ticks: list[TickCounts | None],
) -> None:
    judgement = judge("availability", ticks, TEST, RULES)
    reached = judgement.evidence.strongest >= RULES.threshold
    assert (judgement.verdict is Verdict.FAILED) == reached
    assert (judgement.bound is not None) == reached


@given(st.lists(counts, max_size=40), st.integers(8, 40))
def test_judge__never_passes_blindly(ticks: list[TickCounts], blind: int) -> None:
    verdict = judge("availability", [*ticks, *[None] * blind], TEST, RULES).verdict
    assert verdict in {Verdict.ERROR, Verdict.FAILED}
