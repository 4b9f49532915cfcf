"""Compute the decisions of an attempt again, from the counts and the statistics that it recorded.

Pure. Evidence is a fold over ticks, so that the counts of the first ticks give what was known when
an earlier decision was made. When its step began is taken from the decisions before it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rocksteady.analysis.counts import Ticks
from rocksteady.analysis.verdict import SignalJudgement, Verdict
from rocksteady.api.v1alpha1.llmrollout import (
    Decision,
    EarlierBake,
    LLMRollout,
    SignalRecord,
    SignalTest,
)
from rocksteady.rollout.bakes import ended
from rocksteady.rollout.evaluation_times import before
from rocksteady.rollout.judging import judge_signal, rules_of_step, series_of
from rocksteady.rollout.moves import Action
from rocksteady.rollout.records import MESSAGE_MAX_LENGTH, broken_link, unpack_ticks

_STEP_BEGINS: Final = frozenset({Action.ADVANCE.value, Action.BAKE.value})
_STEPS_ANEW: Final = frozenset({Action.PROBE.value, Action.SUSPEND.value})
_BAKE_BEGUN: Final = "Baking"
"""Reason of the decision that gave the canary nearly all requests."""
_STEP_BEGUN: Final = "StepBegun"
"""Reason of the one that gave it those of a step."""
_LOAD: Final = re.compile(
    r"; a pod of it carries [-+.e\d]+ times stable's load(, which may be why)?"
)
"""What is said of loads, which come of pods that are not recorded."""


@dataclass(frozen=True)
class Replayed:
    """One decision, computed again.

    Attributes:
        decision: As it was recorded.
        compared: How many signals were computed again.
        differences: What is not equal, a sentence each without a full stop; empty: all is.
        obstacle: Why some signals could not be computed again; empty: all could.
    """

    decision: Decision
    compared: int = 0
    differences: tuple[str, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True)
class Replay:
    """An attempt, computed again.

    Attributes:
        broken: Sequence number of the first decision that breaks the chain of hashes; None: none.
        decisions: Each decision, oldest first.
        dropped: How many decisions were not kept for want of room.
    """

    broken: int | None
    decisions: tuple[Replayed, ...]
    dropped: int

    @property
    def differs(self) -> bool:
        """True when the chain is broken or something is not equal."""
        return self.broken is not None or any(one.differences for one in self.decisions)

    @property
    def compared(self) -> int:
        """How many decisions were computed again."""
        return sum(one.compared > 0 for one in self.decisions)


def replay(attempt: LLMRollout) -> Replay:
    """Compute every decision of an attempt again."""
    made = attempt.status.decisions
    counts, unreadable = read_counts(attempt)
    return Replay(
        broken=broken_link(made),
        decisions=tuple(
            _replayed(attempt, made[: index + 1], counts, unreadable) for index in range(len(made))
        ),
        dropped=made[-1].sequence - len(made) if made else 0,
    )


def read_counts(attempt: LLMRollout) -> tuple[dict[str, Ticks], dict[str, str]]:
    """The recorded counts by series, and why some of them cannot be read, by series."""
    counts: dict[str, Ticks] = {}
    unreadable: dict[str, str] = {}
    for entry in attempt.status.counts:
        try:
            counts[entry.series] = unpack_ticks(entry.ticks)
        except (ValueError, TypeError) as error:
            unreadable[entry.series] = f"the counts of {entry.series} cannot be read: {error}"
    return counts, unreadable


def _replayed(
    attempt: LLMRollout,
    made: Sequence[Decision],
    counts: Mapping[str, Ticks],
    unreadable: Mapping[str, str],
) -> Replayed:
    """The last of some decisions, computed again."""
    decision, tests = made[-1], attempt.spec.tests
    if not decision.signals:
        said = f"{decision.ticks} ticks were counted, but no signal is recorded"
        return Replayed(decision, differences=(said,) if decision.ticks else ())
    if tests is None:
        return Replayed(decision, obstacle="the attempt froze no statistics")
    known = _is_known(made)
    then = _as_it_was(attempt, made)
    differences: list[str] = []
    compared = 0
    by_name = {test.signal: test for test in tests.signals}
    obstacles: list[str] = []
    for record in decision.signals:
        test = by_name.get(record.signal)
        if test is None:
            differences.append(f"{record.signal} is none of the signals that the attempt froze")
            continue
        broken = _unreadable(test, unreadable)
        lacking = _lacking(test, decision.ticks, counts)
        if broken or lacking:
            differences += [broken] if broken else []
            obstacles += [] if broken else [lacking]
            continue
        seen = {name: ticks[: decision.ticks] for name, ticks in counts.items()}
        judged = judge_signal(then, test, seen, rules_of_step(then, tests))
        if judged is not None:
            compared += 1
            differences += _differences(record, judged, known=known)
    return Replayed(decision, compared, tuple(differences), "; ".join(obstacles))


def _series_of(test: SignalTest) -> list[str]:
    boundaries = [one.le_seconds for one in test.boundaries] or [""]
    return [series_of(test.signal, le) for le in boundaries]


def _unreadable(test: SignalTest, unreadable: Mapping[str, str]) -> str:
    """Why the counts of a signal are no counts; empty: they are."""
    return next((unreadable[one] for one in _series_of(test) if one in unreadable), "")


def _lacking(test: SignalTest, ticks: int, counts: Mapping[str, Ticks]) -> str:
    """Why a signal cannot be computed again; empty: it can. Long attempts have no room for all."""
    for series in _series_of(test):
        if series not in counts:
            return f"no counts of {series} are recorded"
        if len(counts[series]) < ticks:
            return f"counts of {len(counts[series])} ticks of {series} are recorded, not of {ticks}"
    return ""


def _differences(record: SignalRecord, judged: SignalJudgement, *, known: bool) -> list[str]:
    """What is not equal between a record and what was computed again.

    Args:
        record: As it was recorded.
        judged: As it was computed.
        known: False when decisions that say when the step began are no longer kept: then a pass
            cannot be told from a want of requests, and neither is compared.
    """
    pairs = {
        "evidence": (record.evidence, repr(judged.evidence.value)),
        "strongest": (record.strongest, repr(judged.evidence.strongest)),
        "threshold": (record.threshold, repr(judged.threshold)),
        "canaryTotal": (record.canary_total, judged.canary_total),
        "canaryBad": (record.canary_bad, judged.canary_bad),
        "stableTotal": (record.stable_total, judged.stable_total),
        "stableBad": (record.stable_bad, judged.stable_bad),
        "blindTicks": (record.blind_ticks, judged.blind_ticks),
    }
    if known or judged.verdict is Verdict.FAILED:
        said = _without_load(record)
        pairs["verdict"] = (_verdict_before_load(record), judged.verdict.value)
        pairs["message"] = (
            said,
            judged.sentence[: len(said)] if _is_cut(record) else judged.sentence,
        )
    return [
        f"{record.signal}: {name} is recorded as {recorded}, computed as {computed}"
        for name, (recorded, computed) in pairs.items()
        if recorded != computed
    ]


def _without_load(record: SignalRecord) -> str:
    """The sentence without what is said of loads."""
    return _LOAD.sub("", record.message)


def _is_cut(record: SignalRecord) -> bool:
    return len(record.message) >= MESSAGE_MAX_LENGTH


def _verdict_before_load(record: SignalRecord) -> str:
    """The verdict of the counts: what loads may explain was Failed by them."""
    found = _LOAD.search(record.message)
    explained = found is not None and found.group(1)
    is_inconclusive = record.verdict == Verdict.INCONCLUSIVE
    return Verdict.FAILED.value if explained and is_inconclusive else record.verdict


def _as_it_was(attempt: LLMRollout, made: Sequence[Decision]) -> LLMRollout:
    """The attempt as it stood before the last of some decisions, as far as judging looks at it."""
    since: datetime | None = None
    for decision in made[:-1]:
        if decision.action in _STEP_BEGINS:
            since = decision.time
        elif decision.action in _STEPS_ANEW:
            since = None
    whole = made[-1].sequence == len(made)
    baking, earlier = _bakes(made[:-1]) if whole else _bakes_by_status(attempt, made[-1].time)
    update = {"step_since": since, "baking_since": baking, "earlier_bakes": earlier}
    status = before(attempt.status, made[-1].time).model_copy(update=update)
    return attempt.model_copy(update={"status": status})


Bakes = tuple[datetime | None, tuple[EarlierBake, ...]]
"""When the bake began, if one goes on, and those before it."""


def _bakes(made: Sequence[Decision]) -> Bakes:
    """By the decisions, of which none is missing."""
    baking: datetime | None = None
    earlier: tuple[EarlierBake, ...] = ()
    for decision in made:
        if decision.reason == _BAKE_BEGUN:
            baking = baking or decision.time
        elif decision.reason == _STEP_BEGUN and baking is not None:
            earlier = ended(earlier, baking, decision.time)
            baking = None
    return baking, earlier


def _bakes_by_status(attempt: LLMRollout, before: datetime) -> Bakes:
    """By the state, when some decisions were dropped for want of room."""
    status = attempt.status
    begun = [one.since for one in status.earlier_bakes if one.until >= before]
    begun += [] if status.baking_since is None else [status.baking_since]
    baking = next((since for since in begun if since < before), None)
    return baking, tuple(one for one in status.earlier_bakes if one.until < before)


def _is_known(made: Sequence[Decision]) -> bool:
    """True unless decisions are missing since which none says when the step began."""
    known = True
    for index, decision in enumerate(made):
        if index and decision.sequence != made[index - 1].sequence + 1:
            known = False
        if decision.action in _STEP_BEGINS | _STEPS_ANEW and decision is not made[-1]:
            known = True
    return known
