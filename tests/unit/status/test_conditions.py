"""How claims become conditions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.api.v1alpha1.status import Condition, ConditionStatus
from rocksteady.rollout.plan import Claim
from rocksteady.status.conditions import MESSAGE_MAX_LENGTH, merge_conditions
from tests.builders import NOW

TRUE, FALSE = ConditionStatus.TRUE, ConditionStatus.FALSE
EARLIER = NOW - timedelta(hours=1)


def condition(status: ConditionStatus, reason: str = "Old", type_: str = "Ready") -> Condition:
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message="Then.",
        last_transition_time=EARLIER,
        observed_generation=1,
    )


def merge(before: list[Condition], claim: Claim, now: datetime = NOW) -> Condition:
    [merged] = merge_conditions(before, {"Ready": claim}, 2, now)
    return merged


@pytest.mark.parametrize(
    ("before", "since"),
    [
        pytest.param([], NOW, id="a condition that is new holds since now"),
        pytest.param([condition(FALSE)], NOW, id="one that changes holds since now"),
        pytest.param(
            [condition(TRUE, "Old")], EARLIER, id="one with another reason holds since then"
        ),
        pytest.param(
            [condition(TRUE, type_="Stalled")], NOW, id="another type's time does not count"
        ),
    ],
)
def test_merge_conditions__says_since_when_it_holds(
    before: list[Condition], since: datetime
) -> None:
    assert merge(before, Claim(TRUE, "New", "Now.")) == Condition(
        type="Ready",
        status=TRUE,
        reason="New",
        message="Now.",
        last_transition_time=since,
        observed_generation=2,
    )


def test_merge_conditions__drops_what_nobody_claims() -> None:
    before = [condition(TRUE, type_="Ready"), condition(TRUE, type_="Obsolete")]
    claims = {"Stalled": Claim(FALSE, "A", "a"), "Ready": Claim(TRUE, "B", "b")}
    merged = merge_conditions(before, claims, 2, NOW)
    assert [one.type for one in merged] == ["Stalled", "Ready"]


def test_merge_conditions__cuts_a_message_that_the_api_server_would_refuse() -> None:
    merged = merge([], Claim(TRUE, "Long", "x" * 5000))
    assert merged.message == "x" * MESSAGE_MAX_LENGTH


def test_merge_conditions__keeps_time_to_the_second() -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
    merged = merge([], Claim(TRUE, "New", ""), now)
    assert merged.model_dump(mode="json", by_alias=True)["lastTransitionTime"] == (
        "2026-11-23T12:00:00Z"
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(list(ConditionStatus)), st.integers(1, 3600)),
        min_size=1,
        max_size=8,
    )
)
def test_merge_conditions__time_moves_only_with_the_status(
    history: list[tuple[ConditionStatus, int]],
) -> None:
    now, merged = NOW, condition(TRUE)
    for status, seconds in history:
        now += timedelta(seconds=seconds)
        before, merged = merged, merge([merged], Claim(status, "Any", ""), now)
        moved = merged.last_transition_time != before.last_transition_time
        assert moved == (before.status is not status)
        assert merged.last_transition_time <= now


def test_merge_conditions__twice_is_the_same() -> None:
    claims = {"Ready": Claim(TRUE, "Any", "Text.")}
    once = merge_conditions([], claims, 2, NOW)
    assert merge_conditions(once, claims, 2, NOW + timedelta(days=1)) == once
