"""What suites say about a canary, in a word and in a sentence."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.evaluation import ItemCounts, judge_floor, judge_paired, judge_scores
from rocksteady.analysis.evaluation_rules import EvaluationRules, Look, items_more
from rocksteady.analysis.looks import Looks, evenly
from rocksteady.analysis.paired import PairedCounts, score
from rocksteady.analysis.paired_means import PairedScores
from rocksteady.analysis.verdict import Verdict

RULES = EvaluationRules()


def look(items: int, number: int = 1, looks: int = 1) -> Look:
    return Look(number, evenly(items, looks), RULES)


@pytest.mark.parametrize(
    ("counts", "items", "verdict"),
    [
        pytest.param(PairedCounts(1100, 78, 78, 294), 1550, Verdict.PASSED, id="as good"),
        pytest.param(PairedCounts(1100, 90, 65, 295), 1550, Verdict.PASSED, id="better"),
        pytest.param(PairedCounts(1100, 55, 100, 295), 1550, Verdict.FAILED, id="3 points worse"),
        pytest.param(PairedCounts(1100, 67, 88, 295), 1550, Verdict.INCONCLUSIVE, id="a bit worse"),
        pytest.param(PairedCounts(100, 0, 0, 32), 132, Verdict.INCONCLUSIVE, id="132 all alike"),
        pytest.param(PairedCounts(100, 0, 0, 33), 133, Verdict.PASSED, id="133 all alike"),
        pytest.param(PairedCounts(0, 0, 5, 0), 5, Verdict.INCONCLUSIVE, id="5 of 5 lost"),
        pytest.param(PairedCounts(0, 0, 6, 0), 6, Verdict.FAILED, id="6 of 6 lost"),
        pytest.param(PairedCounts(0, 6, 0, 0), 6, Verdict.PASSED, id="6 of 6 gained"),
        pytest.param(PairedCounts(1, 0, 0, 0), 1, Verdict.INCONCLUSIVE, id="one item"),
        pytest.param(PairedCounts(0, 0, 0, 0), 1, Verdict.ERROR, id="nothing was asked"),
        pytest.param(
            PairedCounts(9000, 20, 130, 850), 10_000, Verdict.PASSED, id="surely worse, by a point"
        ),
        pytest.param(
            PairedCounts(90, 0, 0, 0, 10, 0), 100, Verdict.INCONCLUSIVE, id="90 of 100 answered"
        ),
        pytest.param(PairedCounts(89, 0, 0, 0, 11, 0), 100, Verdict.ERROR, id="89 of 100 answered"),
        pytest.param(
            PairedCounts(89, 0, 0, 0, 0, 0, 11), 100, Verdict.ERROR, id="89 of 100 by stable"
        ),
        pytest.param(PairedCounts(0, 0, 89, 0), 100, Verdict.ERROR, id="11 of 100 never asked"),
        pytest.param(
            PairedCounts(0, 0, 0, 0, 100, 0), 100, Verdict.ERROR, id="an answer to nothing"
        ),
    ],
)
def test_judge_paired__gives(counts: PairedCounts, items: int, verdict: Verdict) -> None:
    assert judge_paired("golden", counts, look(items)).verdict is verdict


@pytest.mark.parametrize(
    ("counts", "at", "sentence"),
    [
        pytest.param(
            PairedCounts(1140, 40, 40, 327, 2, 1, 0),
            look(1550, 3, 3),
            "golden: 1180/1547 (76.28 %) correct against 1180/1547 (76.28 %) on stable,"
            " difference 0 points (40 gained, 40 lost);"
            " 3 unanswered count as wrong for a pass;"
            " allowing for chance at least -1.22 points (error 3.36 %) and at most 1.43"
            " points (error 0.839 %),"
            " more than -2 is needed, look 3 of 3: no worse than is allowed",
            id="passed",
        ),
        pytest.param(
            PairedCounts(1060, 40, 140, 310),
            look(1550, 3, 3),
            "golden: 1100/1550 (70.97 %) correct against 1200/1550 (77.42 %) on stable,"
            " difference -6.45 points (40 gained, 140 lost);"
            " allowing for chance at least -8.06 points (error 3.36 %) and at most -4.47"
            " points (error 0.839 %),"
            " more than -2 is needed, look 3 of 3: worse than stable, by more than chance",
            id="failed",
        ),
        pytest.param(
            PairedCounts(1120, 60, 70, 300),
            look(1550, 3, 3),
            "golden: 1180/1550 (76.13 %) correct against 1190/1550 (76.77 %) on stable,"
            " difference -0.65 points (60 gained, 70 lost);"
            " allowing for chance at least -2.01 points (error 3.36 %) and at most 1.14"
            " points (error 0.839 %),"
            " more than -2 is needed, look 3 of 3: neither surely good enough nor surely worse,"
            " about 26 more items would decide if they go as these did,"
            " and none are left to ask",
            id="undecided at the last look",
        ),
        pytest.param(
            PairedCounts(10, 0, 0, 310),
            look(1550, 1, 3),
            "golden: only 320 of 517 items could be compared, 466 are needed, look 1 of 3",
            id="hardly asked",
        ),
    ],
)
def test_judge_paired__says(counts: PairedCounts, at: Look, sentence: str) -> None:
    assert judge_paired("golden", counts, at).sentence == sentence


def test_judge_paired__tells_all_that_the_verdict_rests_on() -> None:
    judgement = judge_paired("golden", PairedCounts(400, 10, 40, 60, 3, 2, 2), look(1550, 1, 3))
    assert judgement.measured == pytest.approx(-30 / 510)
    assert judgement.lower is not None
    assert judgement.upper is not None
    assert judgement.lower < -30 / 510 < judgement.upper
    assert (judgement.limit, judgement.items, judgement.answered) == (-0.02, 517, 510)
    assert (judgement.look, judgement.looks) == (1, 3)
    assert judgement.items_more is not None


counts_of_an_evaluation = st.builds(
    PairedCounts,
    both=st.integers(0, 1500),
    gained=st.integers(0, 150),
    lost=st.integers(0, 150),
    neither=st.integers(0, 500),
    unanswered_correct=st.integers(0, 20),
    unanswered_wrong=st.integers(0, 20),
    uncompared=st.integers(0, 20),
).filter(lambda counts: counts.items > 0)


@given(counts_of_an_evaluation)
def test_judge_paired__decides_as_the_score_test_does(counts: PairedCounts) -> None:
    at = look(counts.items)
    judgement = judge_paired("golden", counts, at)
    worst = counts.at_worst()
    if judgement.verdict is Verdict.ERROR:
        assert counts.compared == 0 or counts.compared < 0.9 * counts.items
    elif score(worst.gained, worst.lost, worst.compared, -0.02) > at.pass_z:
        assert judgement.verdict is Verdict.PASSED
    elif score(counts.gained, counts.lost, counts.compared, 0.0) < -at.fail_z:
        assert judgement.verdict is Verdict.FAILED
    else:
        assert judgement.verdict is Verdict.INCONCLUSIVE


@given(counts_of_an_evaluation, st.integers(1, 60))
def test_judge_paired__silence_never_condemns_and_never_helps(
    counts: PairedCounts, silent: int
) -> None:
    """Answers that are lost turn no verdict to failed, unless what was lost was good answers."""
    silent = min(silent, counts.lost)
    quiet = replace(
        counts,
        lost=counts.lost - silent,
        unanswered_correct=counts.unanswered_correct + silent,
    )
    at = look(counts.items)
    before = judge_paired("golden", counts, at).verdict
    after = judge_paired("golden", quiet, at).verdict
    if before is not Verdict.PASSED:
        assert after is not Verdict.PASSED
    if before is Verdict.INCONCLUSIVE:
        assert after is not Verdict.FAILED


@given(counts_of_an_evaluation)
def test_items_more__decide_if_they_go_as_these_did(counts: PairedCounts) -> None:
    judgement = judge_paired("golden", counts, look(counts.items))
    assert (judgement.verdict is Verdict.INCONCLUSIVE) or judgement.items_more is None
    if judgement.items_more is None or counts.unanswered:
        return
    factor = (counts.compared + judgement.items_more + 1) / counts.compared
    at = look(counts.items)
    gained, lost, compared = (
        factor * number for number in (counts.gained, counts.lost, counts.compared)
    )
    passes = score(gained, lost, compared, -0.02) > at.pass_z
    assert passes or score(gained, lost, compared, 0.0) < -at.fail_z


def test_items_more__are_judged_with_the_error_of_the_last_look() -> None:
    first, last = look(1550, 1, 3), look(1550, 3, 3)
    assert first.pass_z > last.pass_z
    more = [items_more(500, at, toward_pass=0.5, toward_fail=-1) for at in (first, last)]
    assert more[0] == more[1] == pytest.approx(500 * (last.pass_z / 0.5) ** 2 - 500, abs=1)


def test_items_more__of_what_is_on_the_edge_are_none() -> None:
    assert items_more(500, look(500), toward_pass=0.0, toward_fail=0.0) is None
    edge = Look(1, Looks((500,)), EvaluationRules(margin=0.0))
    judgement = judge_paired("golden", PairedCounts(400, 20, 20, 60), edge)
    assert judgement.items_more is None
    assert "no number of items would decide" in judgement.sentence


def test_judge_paired__splits_the_error_of_failing_over_the_suites() -> None:
    """2.33 standard deviations for one suite, 2.71 for three."""
    assert look(100).fail_z == pytest.approx(2.326, abs=0.001)
    three = Look(1, Looks((100,)), EvaluationRules(suites=3))
    assert three.fail_z == pytest.approx(2.713, abs=0.001)
    assert three.pass_z == pytest.approx(1.645, abs=0.001)


def test_judge_paired__never_reads_as_if_a_margin_had_been_missed() -> None:
    counts = PairedCounts(1100, 78, 78, 294)
    lower = judge_paired("golden", counts, look(1550)).lower
    assert lower is not None
    close = Look(1, Looks((1550,)), EvaluationRules(margin=-lower + 1e-6))
    judgement = judge_paired("golden", counts, close)
    assert judgement.verdict is Verdict.PASSED
    said = float(judgement.sentence.split("at least ")[1].split(" points")[0])
    assert said > 100 * judgement.limit


def test_judge_paired__refuses_more_results_than_were_declared() -> None:
    with pytest.raises(ValueError, match="results of 101 items at a look at 100"):
        judge_paired("golden", PairedCounts(101, 0, 0, 0), look(100))


@pytest.mark.parametrize(
    ("counts", "items", "verdict"),
    [
        pytest.param(ItemCounts(17, 3), 20, Verdict.PASSED, id="17 of 20"),
        pytest.param(ItemCounts(20, 0), 20, Verdict.PASSED, id="all"),
        pytest.param(ItemCounts(13, 7), 20, Verdict.INCONCLUSIVE, id="13 of 20"),
        pytest.param(ItemCounts(5, 15), 20, Verdict.FAILED, id="5 of 20"),
        pytest.param(ItemCounts(0, 20), 20, Verdict.FAILED, id="none"),
        pytest.param(ItemCounts(1, 0), 1, Verdict.INCONCLUSIVE, id="one item"),
        pytest.param(ItemCounts(16, 2, 2), 20, Verdict.INCONCLUSIVE, id="2 of 20 unanswered"),
        pytest.param(ItemCounts(17, 0, 3), 20, Verdict.ERROR, id="3 of 20 unanswered"),
        pytest.param(ItemCounts(0, 0), 20, Verdict.ERROR, id="nothing was asked"),
    ],
)
def test_judge_floor__gives(counts: ItemCounts, items: int, verdict: Verdict) -> None:
    judgement = judge_floor("golden", counts, 0.6, look(items))
    assert judgement.verdict is verdict
    assert (judgement.items_more is not None) == (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        pytest.param(
            ItemCounts(17, 3),
            "golden: 17/20 (85 %) correct; allowing for chance at least 65.63 % (error 5"
            " %) and at most 97.73 %"
            " (error 1 %), more than 60 % is needed: above the floor",
            id="passed",
        ),
        pytest.param(
            ItemCounts(3, 17),
            "golden: 3/20 (15 %) correct; allowing for chance at least 4.22 % (error 5 %)"
            " and at most 42.07 %"
            " (error 1 %), more than 60 % is needed: below the floor",
            id="failed",
        ),
        pytest.param(
            ItemCounts(13, 7),
            "golden: 13/20 (65 %) correct; allowing for chance at least 44.2 % (error 5"
            " %) and at most 87.08 %"
            " (error 1 %), more than 60 % is needed: neither surely above nor surely below,"
            " about 240 more items would decide if they go as these did, and none are left to ask",
            id="undecided",
        ),
        pytest.param(
            ItemCounts(9, 0),
            "golden: only 9 of 20 items were answered, 18 are needed",
            id="hardly asked",
        ),
    ],
)
def test_judge_floor__says(counts: ItemCounts, sentence: str) -> None:
    assert judge_floor("golden", counts, 0.6, look(20)).sentence == sentence


@pytest.mark.parametrize("floor", [0.0, 1.0, -0.1, 1.1])
def test_judge_floor__refuses(floor: float) -> None:
    with pytest.raises(ValueError, match="floor"):
        judge_floor("golden", ItemCounts(1, 1), floor, look(2))


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        pytest.param(PairedScores((0.5,) * 400, (0.5,) * 400), Verdict.PASSED, id="alike"),
        pytest.param(
            PairedScores((0.5,) * 400, (0.51,) * 400), Verdict.PASSED, id="a point worse, surely"
        ),
        pytest.param(
            PairedScores((0.5,) * 400, (0.6,) * 400), Verdict.FAILED, id="ten points worse"
        ),
        pytest.param(
            PairedScores((1.0, 0.0) * 200, (0.0, 1.0) * 200), Verdict.INCONCLUSIVE, id="noise"
        ),
        pytest.param(
            PairedScores((0.5,) * 370, (0.5,) * 370, (0.5,) * 30),
            Verdict.INCONCLUSIVE,
            id="30 of 400 unanswered",
        ),
        pytest.param(
            PairedScores((0.5,) * 300, (0.5,) * 300, (), 100), Verdict.ERROR, id="100 uncompared"
        ),
    ],
)
def test_judge_scores__gives(scores: PairedScores, verdict: Verdict) -> None:
    assert judge_scores("graded", scores, look(400)).verdict is verdict


def test_judge_scores__says() -> None:
    scores = PairedScores((0.5,) * 500, (0.51,) * 500)
    assert judge_scores("graded", scores, look(500)).sentence == (
        "graded: mean score 50 % against 51 % on stable, 500 items, difference -1 points;"
        " allowing for chance at least -1.46 points (error 5 %) and at most -0.34 points"
        " (error 1 %), more than -2 is needed: no worse than is allowed"
    )


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({"margin": 1.0}, id="everything is tolerated"),
        pytest.param({"margin": -0.01}, id="less than nothing is"),
        pytest.param({"pass_error": 0.5}, id="a coin would do"),
        pytest.param({"fail_error": 0.0}, id="nothing may be wrong"),
        pytest.param({"suites": 0}, id="no suite"),
        pytest.param({"answered_least": 1.1}, id="more than all"),
    ],
)
def test_evaluation_rules__refuse(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        replace(RULES, **rules)


@pytest.mark.parametrize("number", [0, 2])
def test_look__is_one_of_those_that_were_declared(number: int) -> None:
    with pytest.raises(ValueError, match=f"look {number} of 1"):
        look(100, number)


def test_item_counts__are_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        ItemCounts(1, 1, -1)
