"""Decisions as they are kept: each with its inputs, chained by hash so that none can be changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.verdict import SignalJudgement
from rocksteady.api.v1alpha1.llmrollout import (
    DECISIONS_MAX,
    CountedTicks,
    Decision,
    LLMRolloutStatus,
    SignalRecord,
)
from rocksteady.rollout.moves import Move, whole

MESSAGE_MAX_LENGTH: Final = 1024
TICKS_MAX_LENGTH: Final = 65_536
"""Of the counts of one series, as the API has it: about 17 hours in ticks of 15 s."""
COUNTS_MAX_LENGTH: Final = 262_144
"""Of all counts of an attempt: with the decisions it must fit into one object of etcd."""
_FIRST_KEPT: Final = 20
"""When an attempt has more decisions than are kept, its first ones stay and those after go."""
_BLIND: Final = "-"

Ticks = Sequence[TickCounts | None]


def recorded(
    move: Move,
    now: datetime,
    judgements: Sequence[SignalJudgement],
    ticks: Mapping[str, Ticks],
) -> LLMRolloutStatus:
    """The state of a move, with its decision and the counts it rests on, if it is worth a record.

    Args:
        move: What was decided.
        now: The time.
        judgements: What the signals said.
        ticks: Counts by series, from the first tick of the evidence.
    """
    status = move.status
    if move.action is None:
        return status
    before = status.decisions
    decision = Decision(
        sequence=before[-1].sequence + 1 if before else 1,
        time=whole(now),
        action=move.action.value,
        reason=move.reason,
        message=move.message[:MESSAGE_MAX_LENGTH],
        weight_percent=status.weight_percent,
        ticks=max((len(counts) for counts in ticks.values()), default=0),
        signals=tuple(map(_signal_record, judgements)),
        actor=move.actor[:MESSAGE_MAX_LENGTH],
        previous_hash=before[-1].hash if before else "",
    )
    chained = decision.model_copy(update={"hash": decision_hash(decision)})
    return status.model_copy(
        update={
            "decisions": _bounded((*before, chained)),
            "counts": _counted(ticks) or status.counts,
        }
    )


def decision_hash(decision: Decision) -> str:
    """Sha256 over a decision without its own hash, as canonical JSON."""
    content = decision.model_dump(mode="json", by_alias=True, exclude={"hash"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def broken_link(decisions: Sequence[Decision]) -> int | None:
    """Sequence number of the first decision that is not what was recorded; None: all are.

    Decisions that were dropped for want of room leave a gap in the numbers, which is no break; it
    can be in one place only.
    """
    sequence, previous_hash = 0, ""
    for index, decision in enumerate(decisions):
        if decision.hash != decision_hash(decision):
            return decision.sequence
        full = index == _FIRST_KEPT and len(decisions) == DECISIONS_MAX
        follows = decision.sequence == sequence + 1 and decision.previous_hash == previous_hash
        if not follows and not (full and decision.sequence > sequence + 1):
            return decision.sequence
        sequence, previous_hash = decision.sequence, decision.hash
    return None


def _counted(ticks: Mapping[str, Ticks]) -> tuple[CountedTicks, ...]:
    """The counts of each series; what has no room is left out, and is in Prometheus only."""
    counted: list[CountedTicks] = []
    room = COUNTS_MAX_LENGTH
    for series, counts in sorted(ticks.items()):
        text = pack_ticks(counts)
        if len(text) <= min(room, TICKS_MAX_LENGTH):
            counted.append(CountedTicks(series=series, ticks=text))
            room -= len(text)
    return tuple(counted)


def pack_ticks(ticks: Ticks) -> str:
    """Counts as text; see `CountedTicks.ticks`."""
    return ";".join(_BLIND if tick is None else _pack(tick) for tick in ticks)


def unpack_ticks(text: str) -> tuple[TickCounts | None, ...]:
    """Counts from text.

    Raises:
        ValueError: It is not what `pack_ticks` wrote.
    """
    if not text:
        return ()
    return tuple(
        None if part == _BLIND else TickCounts(*map(int, part.split(",")))
        for part in text.split(";")
    )


def _pack(tick: TickCounts) -> str:
    counts = (tick.canary_total, tick.canary_bad, tick.stable_total, tick.stable_bad)
    return ",".join(map(str, counts))


def _signal_record(judgement: SignalJudgement) -> SignalRecord:
    return SignalRecord(
        signal=judgement.signal,
        verdict=judgement.verdict.value,
        evidence=repr(judgement.evidence.value),
        strongest=repr(judgement.evidence.strongest),
        threshold=repr(judgement.threshold),
        canary_total=judgement.canary_total,
        canary_bad=judgement.canary_bad,
        stable_total=judgement.stable_total,
        stable_bad=judgement.stable_bad,
        blind_ticks=judgement.blind_ticks,
        message=judgement.sentence[:MESSAGE_MAX_LENGTH],
    )


def _bounded(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    if len(decisions) <= DECISIONS_MAX:
        return decisions
    return (*decisions[:_FIRST_KEPT], *decisions[-(DECISIONS_MAX - _FIRST_KEPT) :])
