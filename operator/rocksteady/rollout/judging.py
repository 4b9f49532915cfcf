"""Judge what was counted for an attempt, by the statistics that it froze when it began.

Pure: the same counts give the same judgements to the last digit, whoever counts them, and whenever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from rocksteady.analysis.burn import stable_burn
from rocksteady.analysis.counts import TickCounts, Ticks, total
from rocksteady.analysis.evidence import error_test, threshold
from rocksteady.analysis.latency import Boundary
from rocksteady.analysis.load import compare_load
from rocksteady.analysis.power import power_statement
from rocksteady.analysis.split import check_split
from rocksteady.analysis.verdict import Rules, SignalJudgement, Verdict, judge, judge_latency
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, RolloutTests, SignalTest
from rocksteady.rollout.bakes import bake_tick, comparable
from rocksteady.rollout.evaluation_times import loaded_ticks
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.reading import Reading

AVAILABILITY: Final = "availability"
SPLIT_SECONDS: Final = 300
"""How long requests may be split otherwise than wanted before that is trouble."""


def series_of(signal: str, le_seconds: str = "") -> str:
    """Name of a series of counts: `availability`, or `<signal>/<le in seconds>`."""
    return f"{signal}/{le_seconds}" if le_seconds else signal


def judge_reading(
    attempt: LLMRollout, reading: Reading, pods: Mapping[str, int]
) -> tuple[SignalJudgement, ...]:
    """What each signal says.

    Args:
        attempt: With the tests that it froze.
        reading: What was counted since its first tick.
        pods: Ready pods by revision; without them loads are not compared.

    Returns:
        In the order of the tests; none before the canary had its first request, and none for a
        signal that was not counted.
    """
    tests = attempt.spec.tests
    if tests is None or attempt.status.first_tick_at is None:
        return ()
    rules = rules_of_step(attempt, tests)
    judged = (judge_signal(attempt, test, reading.ticks, rules) for test in tests.signals)
    return tuple(
        one if one.signal == AVAILABILITY else _weighed(one, attempt, reading, pods)
        for one in judged
        if one is not None
    )


def judge_signal(
    attempt: LLMRollout, test: SignalTest, ticks: Mapping[str, Ticks], rules: Rules
) -> SignalJudgement | None:
    """What one signal says; None when it was not counted.

    Args:
        attempt: With the tests that it froze.
        test: One of them.
        ticks: Counts by series, from the first tick of the evidence.
        rules: When which verdict is given.
    """
    tests = attempt.spec.tests
    if tests is None:
        return None
    if not test.boundaries:
        counted = ticks.get(series_of(test.signal))
        if counted is None:
            return None
        harm = error_test(
            float(test.objective_percent),
            design_effect=float(test.design_effect),
            tick_seconds=tests.tick_seconds,
            ticks_max=tests.ticks_max,
        )
        return judge(test.signal, counted, harm, rules)
    if bake_tick(attempt) is not None:  # what was proven before the bake stands
        rules = replace(rules, counted_from_tick=0)
    series = {
        float(one.le_seconds): series_of(test.signal, one.le_seconds) for one in test.boundaries
    }
    if not all(name in ticks for name in series.values()):
        return None
    return judge_latency(
        test.signal,
        [
            Boundary(float(one.le_seconds), float(one.rho0), is_slo=first, delta=float(one.delta))
            for first, one in zip(_first(len(test.boundaries)), test.boundaries, strict=True)
        ],
        {le: comparable(attempt, ticks[name]) for le, name in series.items()},
        {float(one.le_seconds): float(one.design_effect) for one in test.boundaries},
        tests.ticks_max,
        rules,
    )


def rules_of(tests: RolloutTests, requests_least: int, counted_from_tick: int) -> Rules:
    """When which verdict is given."""
    alpha = float(tests.alpha)
    return Rules(
        threshold=threshold(alpha, max(1, len(tests.signals))),
        alpha=alpha,
        tick_seconds=tests.tick_seconds,
        requests_least=requests_least,
        counted_from_tick=counted_from_tick,
    )


def rules_of_step(attempt: LLMRollout, tests: RolloutTests) -> Rules:
    """When which verdict is given in the present step."""
    return rules_of(tests, attempt.spec.policy.min_step_requests, step_tick(attempt, tests))


def requests_of_step(attempt: LLMRollout, reading: Reading) -> TickCounts | None:
    """Requests since the present step began; None when none are counted."""
    tests = attempt.spec.tests
    if tests is None or attempt.status.first_tick_at is None:
        return None
    counted = _counted_for(tests, reading)
    return None if counted is None else total(counted[step_tick(attempt, tests) :])


def _counted_for(tests: RolloutTests, reading: Reading) -> Ticks | None:
    """Counts of the first signal that was counted; None: none was."""
    for test in tests.signals:
        le = test.boundaries[0].le_seconds if test.boundaries else ""
        counted = reading.ticks.get(series_of(test.signal, le))
        if counted is not None:
            return counted
    return None


def split_trouble(attempt: LLMRollout, reading: Reading) -> Finding | None:
    """Why the counts cannot be compared: the requests were not split as they should be.

    Looked at over the last five minutes of a step, and not before it has lasted as long.
    """
    tests, weight = attempt.spec.tests, attempt.status.weight_percent
    if tests is None or weight == 0 or attempt.status.first_tick_at is None:
        return None
    wanted = -(-SPLIT_SECONDS // tests.tick_seconds)
    counted = _counted_for(tests, reading)
    step = counted[step_tick(attempt, tests) :] if counted is not None else ()
    if len(step) < wanted or _counts_runs(attempt, tests, counted or (), wanted):
        return None
    last = total(step[-wanted:])
    split = check_split(last.canary_total, last.stable_total, weight)
    if not split.mismatch:
        return None
    return Finding(
        "SplitMismatch",
        f"{attempt.spec.canary.label} got {split.observed_percent:.1f} % of the requests of the"
        f" last {SPLIT_SECONDS // 60} min and should get {weight} %. Look for another route to it,"
        " retries of the gateway, or series that are counted twice.",
    )


def _counts_runs(attempt: LLMRollout, tests: RolloutTests, counted: Ticks, wanted: int) -> bool:
    """True when the last of some ticks hold what suites asked, which went around the gateway."""
    at_gateway = all(test.profile.startswith("gateway/") for test in tests.signals)
    loaded = loaded_ticks(attempt, len(counted))
    return not at_gateway and any(index >= len(counted) - wanted for index in loaded)


def stable_burning(attempt: LLMRollout, reading: Reading) -> str:
    """Which of its error budgets stable itself spends too fast, in a sentence; empty: none."""
    tests = attempt.spec.tests
    for test in tests.signals if tests else ():
        le = test.boundaries[0].le_seconds if test.boundaries else ""
        counted = reading.ticks.get(series_of(test.signal, le))
        if counted is None or tests is None:
            continue
        objective = float(test.objective_percent)
        burn = stable_burn(counted, objective_percent=objective, tick_seconds=tests.tick_seconds)
        if burn.burning:
            return (
                f"{attempt.spec.stable.label} itself misses its {test.signal} objective of"
                f" {test.objective_percent} %: it burns its budget {burn.long_rate:.1f} times too"
                f" fast over 10 min ({burn.bad} bad). Nothing is changed in such times."
            )
    return ""


def proof_of(attempt: LLMRollout, judgements: Sequence[SignalJudgement]) -> str:
    """What was found, and what that is worth, for the record of a pass; each after a space."""
    said = [*(f"{one.sentence}." for one in judgements), _power_of(attempt, judgements)]
    return "".join(f" {sentence}" for sentence in said if sentence)


def _power_of(attempt: LLMRollout, judgements: Sequence[SignalJudgement]) -> str:
    """What a pass of availability is worth, in a sentence; empty when it was not counted."""
    tests = attempt.spec.tests
    effects = {test.signal: float(test.design_effect) for test in tests.signals} if tests else {}
    for one in judgements:
        if tests is not None and one.signal == AVAILABILITY and one.stable_total:
            said = power_statement(
                one.canary_total,
                baseline_ratio=one.stable_bad / one.stable_total,
                design_effect=effects[one.signal],
                watched_seconds=one.evidence.ticks * tests.tick_seconds,
            )
            return f"{said}."
    return ""


def unmeasured(judgements: tuple[SignalJudgement, ...]) -> Finding | None:
    """The first signal of which nothing was measured for too long."""
    for one in judgements:
        if one.verdict is Verdict.ERROR:
            return Finding("NothingMeasured", f"{one.sentence}.")
    return None


def step_tick(attempt: LLMRollout, tests: RolloutTests) -> int:
    """Index of the first tick that is all of the present step: requests before it were split else.

    It may be one that is yet to come.
    """
    first, since = attempt.status.first_tick_at, attempt.status.step_since
    if first is None or since is None:
        return 0
    return max(0, -(-int((since - first).total_seconds()) // tests.tick_seconds))


def _first(length: int) -> list[bool]:
    """True for the first of so many, which is the objective's own boundary."""
    return [index == 0 for index in range(length)]


def _weighed(
    judgement: SignalJudgement, attempt: LLMRollout, reading: Reading, pods: Mapping[str, int]
) -> SignalJudgement:
    """A latency, with regard to the loads under which it came about.

    Pods that carry more than stable's are slower for that alone, which condemns nobody. Pods that
    carry less are no proof of speed, which is said.
    """
    spec = attempt.spec
    counted = requests_of_step(attempt, reading)
    canary, stable = pods.get(spec.canary.hash, 0), pods.get(spec.stable.hash, 0)
    if counted is None or not canary or not stable or not counted.stable_total:
        return judgement
    load = compare_load(counted.canary_total / canary, counted.stable_total / stable)
    if load.comparable:
        return judgement
    said = f"{judgement.sentence}; a pod of it carries {load.ratio:.2g} times stable's load"
    if judgement.verdict is Verdict.FAILED and not load.harm_countable:
        verdict = Verdict.INCONCLUSIVE
        return replace(judgement, verdict=verdict, sentence=f"{said}, which may be why")
    return replace(judgement, sentence=said)
