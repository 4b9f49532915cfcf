"""What the counts of one signal say about a canary, in a word and in a sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rocksteady.analysis.counts import TickCounts, Ticks, blind_at_end, total
from rocksteady.analysis.evidence import Evidence, HarmTest, accumulate, risk_ratio_bound
from rocksteady.analysis.latency import Boundary, accumulate_latency, loudest

HOLD_EVIDENCE: Final = 10.0
"""From here on a canary gets no more traffic, though nothing condemns it yet."""
REQUESTS_LEAST: Final = 150
"""Canary requests that a pass needs: errors of 10 % are then caught with about 90 %."""
GRACE_SECONDS: Final = 120.0
"""How long nothing may be measured before that is an error."""


class Verdict(StrEnum):
    """What a signal says. Only Failed may take traffic away for good."""

    PASSED = "Passed"
    """No sign of harm, and enough was seen."""
    FAILED = "Failed"
    """The canary is worse than stable, beyond what is tolerated and beyond chance."""
    INCONCLUSIVE = "Inconclusive"
    """Too little was seen, or too much for a pass."""
    ERROR = "Error"
    """Nothing is measured: no evidence for harm nor against it."""


@dataclass(frozen=True)
class Rules:
    """When which verdict is given.

    Attributes:
        threshold: Evidence that condemns; see `evidence.threshold`.
        alpha: False-rollback rate of the whole rollout, 0 to 1; only told.
        tick_seconds: Length of a tick.
        requests_least: Canary requests that a pass needs, from 0.
        counted_from_tick: Index of the first tick whose requests count for that: of the step.
        hold_evidence: Evidence that no pass has, below `threshold`.
        grace_seconds: How long nothing may be measured before that is an error.
    """

    threshold: float
    alpha: float
    tick_seconds: float
    requests_least: int = REQUESTS_LEAST
    counted_from_tick: int = 0
    hold_evidence: float = HOLD_EVIDENCE
    grace_seconds: float = GRACE_SECONDS


@dataclass(frozen=True)
class SignalJudgement:
    """What one signal says, with everything that it rests on.

    Attributes:
        signal: Its name, as people read it.
        verdict: See `Verdict`.
        evidence: After all ticks.
        threshold: Evidence that condemns.
        canary_total: Requests to the canary in all ticks.
        canary_bad: Bad ones of them.
        stable_total: Requests to stable in the same ticks.
        stable_bad: Bad ones of them.
        boundary_seconds: Latency above which a request is counted as bad; None when it is not a
            latency that is judged.
        blind_ticks: Ticks of which nothing is known.
        blind_ticks_at_end: Those of them since something was last known.
        bound: By how many times the canary is worse at least; None unless it failed, and when it
            cannot be told.
        sentence: All of it for people, without a full stop.
    """

    signal: str
    verdict: Verdict
    evidence: Evidence
    threshold: float
    canary_total: int
    canary_bad: int
    stable_total: int
    stable_bad: int
    boundary_seconds: float | None
    blind_ticks: int
    blind_ticks_at_end: int
    bound: float | None
    sentence: str


def judge(signal: str, ticks: Ticks, test: HarmTest, rules: Rules) -> SignalJudgement:
    """Judge a signal that counts good and bad requests, such as availability.

    Args:
        signal: Its name, as people read it.
        ticks: From the first with canary traffic to the latest.
        test: What counts as harm.
        rules: When which verdict is given.
    """
    evidence = accumulate(test, ticks)
    failed = evidence.strongest >= rules.threshold
    bound = risk_ratio_bound(test, ticks, rules.threshold) if failed else None
    return _judgement(_Case(signal, None, ticks, evidence, bound), rules)


def judge_latency(
    signal: str,
    boundaries: Sequence[Boundary],
    ticks_by_boundary: Mapping[float, Ticks],
    design_effects: Mapping[float, float],
    ticks_max: int,
    rules: Rules,
) -> SignalJudgement:
    """Judge a latency.

    Counts are those above the objective's boundary; of a canary that failed, those above the
    boundary that speaks most against it, with its bound.

    Args:
        signal: Its name, as people read it.
        boundaries: See `latency_values`.
        ticks_by_boundary: See `latency_values`.
        design_effects: See `latency_values`.
        ticks_max: See `HarmTest`.
        rules: When which verdict is given.

    Raises:
        ValueError: See `latency_values`.
        KeyError: See `latency_values`.
    """
    evidence = accumulate_latency(
        boundaries,
        ticks_by_boundary,
        design_effects=design_effects,
        tick_seconds=rules.tick_seconds,
        ticks_max=ticks_max,
    )
    if evidence.strongest < rules.threshold:
        le = next(boundary.le_seconds for boundary in boundaries if boundary.is_slo)
        return _judgement(_Case(signal, le, ticks_by_boundary[le], evidence, None), rules)
    speaker = loudest(
        boundaries,
        ticks_by_boundary,
        design_effects=design_effects,
        tick_seconds=rules.tick_seconds,
        ticks_max=ticks_max,
    )
    le = speaker.boundary.le_seconds
    ticks = ticks_by_boundary[le]
    bound = risk_ratio_bound(speaker.test, ticks, rules.threshold / speaker.weight)
    return _judgement(_Case(signal, le, ticks, evidence, bound), rules)


@dataclass(frozen=True)
class _Case:
    """What there is to judge."""

    signal: str
    boundary_seconds: float | None
    ticks: Ticks
    evidence: Evidence
    bound: float | None


def _judgement(case: _Case, rules: Rules) -> SignalJudgement:
    counted = total(case.ticks)
    verdict, reason = _verdict(case, rules)
    word = "bad" if case.boundary_seconds is None else f"over {case.boundary_seconds:g} s"
    return SignalJudgement(
        signal=case.signal,
        verdict=verdict,
        evidence=case.evidence,
        threshold=rules.threshold,
        canary_total=counted.canary_total,
        canary_bad=counted.canary_bad,
        stable_total=counted.stable_total,
        stable_bad=counted.stable_bad,
        boundary_seconds=case.boundary_seconds,
        blind_ticks=sum(counts is None for counts in case.ticks),
        blind_ticks_at_end=blind_at_end(case.ticks),
        bound=case.bound,
        sentence=f"{case.signal} {_compared(counted, word)}: {reason}",
    )


def _verdict(case: _Case, rules: Rules) -> tuple[Verdict, str]:
    """The verdict and its reason; the first rule that applies.

    Harm that was proven stays proven when measuring stops. Apart from that nothing is concluded
    blindly.
    """
    evidence = case.evidence
    if evidence.strongest >= rules.threshold:
        return Verdict.FAILED, _condemned(case, rules)
    blind_seconds = blind_at_end(case.ticks) * rules.tick_seconds
    if blind_seconds > 0 and blind_seconds >= rules.grace_seconds:
        return Verdict.ERROR, f"nothing was measured in the last {blind_seconds:g} s"
    if evidence.value >= rules.hold_evidence:
        return Verdict.INCONCLUSIVE, (
            f"{_evidence(evidence.value, rules)}, too much to pass"
            f" (under {rules.hold_evidence:g}) and too little to condemn"
        )
    seen = total(case.ticks[rules.counted_from_tick :]).canary_total
    if seen < rules.requests_least:
        return Verdict.INCONCLUSIVE, (
            f"{_evidence(evidence.value, rules)},"
            f" {seen} of {rules.requests_least} canary requests that a pass needs"
        )
    return Verdict.PASSED, _evidence(evidence.value, rules)


def _condemned(case: _Case, rules: Rules) -> str:
    """Why a canary failed."""
    return (
        f"{_evidence(case.evidence.strongest, rules)}{_bound(case.bound)}"
        f" (valid at every look, {100 * rules.alpha:g} % error rate)"
    )


def _bound(bound: float | None) -> str:
    """How much worse the canary is at least; nothing when that cannot be told."""
    if bound is None:
        return ""
    return ", risk ratio over 1" if bound == 1 else f", risk ratio at least {bound:g}"


def _evidence(value: float, rules: Rules) -> str:
    """Evidence against the threshold, such as `evidence 3.1e5 of 300`."""
    return f"evidence {_short(value)} of {rules.threshold:g}"


def _short(value: float) -> str:
    """Number with two or three digits, such as 0.04, 24.1 or 3.1e5.

    Cut off, never rounded up: what is short of a threshold must not read as if it were not.
    """
    if value < 0.01:
        return "under 0.01"
    exponent = math.floor(math.log10(value))
    if value < 1000:
        step = 10.0 ** (exponent - 2)
        return f"{math.floor(value / step) * step:.3g}"
    return f"{math.floor(10 * value / 10.0**exponent) / 10:g}e{exponent}"


def _compared(counts: TickCounts, word: str) -> str:
    """Counts of both revisions, such as `3/10 bad (30 %) against 0/90 (0 %) on stable`."""
    canary = f"{counts.canary_bad}/{counts.canary_total} {word}"
    stable = f"{counts.stable_bad}/{counts.stable_total}"
    return (
        f"{canary}{_percent(counts.canary_bad, counts.canary_total)} against"
        f" {stable}{_percent(counts.stable_bad, counts.stable_total)} on stable"
    )


def _percent(bad: int, requests: int) -> str:
    """Share in brackets with two decimals at most; nothing when there were no requests."""
    if requests == 0:
        return ""
    percent = 100 * bad / requests
    digits = f"{percent:.2f}" if percent >= 0.01 or bad == 0 else f"{percent:.1g}"
    return f" ({digits.rstrip('0').rstrip('.') if '.' in digits else digits} %)"
