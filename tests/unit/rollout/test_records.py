"""Decisions are chained, bounded, and come back as they were written."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.counts import TickCounts
from rocksteady.api.v1alpha1.llmrollout import (
    DECISIONS_MAX,
    Decision,
    LLMRolloutStatus,
    SignalRecord,
)
from rocksteady.rollout.moves import Action, Move
from rocksteady.rollout.records import (
    COUNTS_MAX_LENGTH,
    TICKS_MAX_LENGTH,
    broken_link,
    pack_ticks,
    recorded,
    unpack_ticks,
)
from tests.builders import NOW

TICK = TickCounts(1204, 37, 10873, 21)


def chain(length: int) -> LLMRolloutStatus:
    """So many decisions, a second apart."""
    status = LLMRolloutStatus()
    for index in range(length):
        move = Move(status, Action.HOLD, "Paused", f"decision {index}")
        status = recorded(move, NOW + timedelta(seconds=index), (), {"availability": [TICK]})
    return status


def counts(total: int) -> st.SearchStrategy[TickCounts]:
    return st.builds(
        lambda n, a, m, b: TickCounts(max(n, a), min(n, a), max(m, b), min(m, b)),
        *[st.integers(0, total)] * 4,
    )


@given(st.lists(st.none() | counts(10**9), max_size=50))
def test_ticks__come_back_as_they_were(ticks: list[TickCounts | None]) -> None:
    assert list(unpack_ticks(pack_ticks(ticks))) == ticks


@pytest.mark.parametrize("text", ["1", "a,b,c,d", "1,2,3,4;;", "3,4,0,0", "1,0,1,0,5"])
def test_ticks__that_were_never_written_are_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        unpack_ticks(text)


def test_move__without_an_action_is_no_decision() -> None:
    before = chain(2)
    assert recorded(Move(before, None, "StepTime", "waits"), NOW, (), {}) == before


def test_decisions__name_the_one_before_and_count_up() -> None:
    decisions = chain(3).decisions
    assert [one.sequence for one in decisions] == [1, 2, 3]
    assert decisions[0].previous_hash == ""
    assert decisions[2].previous_hash == decisions[1].hash
    assert broken_link(decisions) is None


def test_decisions__read_back_from_json_are_still_a_chain() -> None:
    written = json.loads(json.dumps(chain(3).model_dump(mode="json", by_alias=True)))
    assert broken_link(LLMRolloutStatus.model_validate(written).decisions) is None


def test_decisions__are_at_most_200_with_the_first_and_the_last_among_them() -> None:
    decisions = chain(DECISIONS_MAX + 30).decisions
    assert len(decisions) == DECISIONS_MAX
    assert [one.sequence for one in decisions[:21]] == [*range(1, 21), 51]
    assert decisions[-1].sequence == DECISIONS_MAX + 30
    assert broken_link(decisions) is None


TAMPERED: dict[str, Any] = {
    "sequence": 9,
    "time": NOW + timedelta(hours=1),
    "action": "Promote",
    "reason": "BakeCompleted",
    "message": "it was fine",
    "weight_percent": 100,
    "ticks": 7,
    "signals": (
        SignalRecord(
            signal="availability",
            verdict="Passed",
            evidence="1.0",
            strongest="1.0",
            threshold="100.0",
            canary_total=1,
            canary_bad=0,
            stable_total=1,
            stable_bad=0,
        ),
    ),
    "actor": "somebody",
    "previous_hash": "0" * 64,
    "hash": "0" * 64,
}


def test_tampering__every_field_is_tried() -> None:
    assert set(TAMPERED) == set(Decision.model_fields)


@pytest.mark.parametrize("index", [0, 2, 4], ids=["the first", "one in between", "the last"])
@pytest.mark.parametrize("field", TAMPERED)
def test_tampering__with_any_field_is_found(field: str, index: int) -> None:
    decisions = list(chain(5).decisions)
    decisions[index] = decisions[index].model_copy(update={field: TAMPERED[field]})
    assert broken_link(decisions) is not None


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([0, 1, 3, 4], id="one is missing"),
        pytest.param([1, 2, 3, 4], id="the first is missing"),
        pytest.param([0, 2, 1, 3, 4], id="two changed places"),
        pytest.param([0, 1, 1, 2, 3], id="one is there twice"),
    ],
)
def test_tampering__with_the_order_is_found(order: list[int]) -> None:
    decisions = chain(5).decisions
    assert broken_link([decisions[index] for index in order]) is not None


def test_counts__that_the_api_would_refuse_are_left_out() -> None:
    long = [TICK] * TICKS_MAX_LENGTH
    move = Move(LLMRolloutStatus(), Action.HOLD, "Paused", "waits")
    status = recorded(move, NOW, (), {"availability": [TICK], "requestLatency/1": long})
    assert [one.series for one in status.counts] == ["availability"]
    assert status.decisions[-1].ticks == len(long)


def test_counts__of_many_series_fit_into_one_object() -> None:
    series = {f"requestLatency/{le}": [TICK] * 3000 for le in range(20)}
    move = Move(LLMRolloutStatus(), Action.HOLD, "Paused", "waits")
    status = recorded(move, NOW, (), series)
    assert 0 < sum(len(one.ticks) for one in status.counts) <= COUNTS_MAX_LENGTH


def test_counts__stay_as_they_were_when_nothing_was_read() -> None:
    before = chain(1)
    after = recorded(Move(before, Action.HOLD, "Paused", "waits"), NOW, (), {})
    assert after.counts == before.counts
