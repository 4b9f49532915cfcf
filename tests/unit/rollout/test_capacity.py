"""How many pods a weight needs, and what weight pods allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.rollout.capacity import (
    Share,
    attainable_steps,
    goal_of,
    peak_replicas,
    share_at,
    weight_at,
)
from tests.unit.rollout.attempts import attempt, baking, policy, starting, stepping

AWARE = Capacity.RESOURCE_AWARE
PERCENT = st.integers(1, 100)
REPLICAS = st.integers(0, 40)


@pytest.mark.parametrize(
    ("fields", "weight", "replicas", "expected"),
    [
        pytest.param({}, 5, 10, Share(10, 2), id="a small weight gets two canary pods"),
        pytest.param({}, 25, 10, Share(10, 4), id="its pods carry no more than stable's"),
        pytest.param({}, 5, 1, Share(1, 1), id="never more than the wanted replicas"),
        pytest.param({}, 100, 4, Share(4, 4), id="the bake keeps stable whole"),
        pytest.param({}, 50, 0, Share(0, 0), id="nothing wanted, nothing runs"),
        pytest.param({"min_canary_replicas": 1}, 5, 10, Share(10, 1), id="one when told so"),
        pytest.param({"min_canary_replicas": 1}, 10, 9, Share(9, 1), id="one of ten pods is 10 %"),
        pytest.param(
            {"min_canary_replicas": 1},
            10,
            3,
            Share(3, 1),
            id="without a gateway the least share is one pod",
        ),
        pytest.param(
            {"min_canary_replicas": 1},
            75,
            4,
            Share(4, 4),
            id="without a gateway more than half cannot be had before the bake",
        ),
        pytest.param({"capacity": AWARE}, 10, 4, Share(3, 1), id="ResourceAware gives one"),
        pytest.param({"capacity": AWARE}, 50, 4, Share(2, 2), id="ResourceAware gives half"),
        pytest.param({"capacity": AWARE}, 100, 4, Share(1, 3), id="ResourceAware keeps one"),
        pytest.param(
            {"capacity": AWARE}, 50, 1, Share(1, 0), id="ResourceAware never takes the last"
        ),
    ],
)
def test_share(fields: dict[str, object], weight: int, replicas: int, expected: Share) -> None:
    assert share_at(policy(**fields), weight, replicas) == expected


@given(weight=PERCENT, replicas=REPLICAS, least=st.integers(1, 5))
def test_availability__never_takes_a_pod_from_stable(
    weight: int, replicas: int, least: int
) -> None:
    share = share_at(policy(min_canary_replicas=least), weight, replicas)
    assert share.stable == replicas
    assert min(1, replicas) <= share.canary <= replicas


@given(weight=PERCENT, replicas=REPLICAS)
def test_resource_aware__is_always_exactly_what_is_wanted(weight: int, replicas: int) -> None:
    share = share_at(policy(capacity=AWARE), weight, replicas)
    assert share.stable + share.canary == replicas
    assert share.stable >= min(1, replicas)


@given(weight=st.integers(1, 99), replicas=st.integers(1, 40), aware=st.booleans())
def test_canary_pod__never_carries_more_than_one_of_stable_would(
    weight: int, replicas: int, *, aware: bool
) -> None:
    fields = {"capacity": AWARE} if aware else {}
    share = share_at(policy(**fields), weight, replicas)
    if share.canary and share.canary < replicas - 1:
        assert weight / share.canary <= (100 - weight) / share.stable + 1e-9


@pytest.mark.parametrize(
    ("goal", "share", "gateway", "expected"),
    [
        pytest.param(10, Share(4, 2), True, 10, id="a gateway gives what is wanted"),
        pytest.param(10, Share(4, 1), False, 20, id="without one it is the share of the pods"),
        pytest.param(100, Share(4, 4), True, 95, id="the bake holds 5 percent back"),
        pytest.param(100, Share(4, 4), False, 50, id="without a gateway the pods are the split"),
        pytest.param(100, Share(0, 4), True, 100, id="nor without a pod of stable"),
        pytest.param(50, Share(1, 0), True, 0, id="no pod, no requests"),
    ],
)
def test_weight(goal: int, share: Share, *, gateway: bool, expected: int) -> None:
    assert weight_at(policy(), goal, share, gateway=gateway) == expected


def test_goal__is_that_of_the_step_and_everything_in_the_bake() -> None:
    assert goal_of(starting()) == 5
    assert goal_of(stepping(step=3, weight=25)) == 25
    assert goal_of(baking()) == 100
    assert goal_of(attempt(stepping(step=9).status)) == 50


def test_attainable__without_a_gateway_is_what_whole_pods_give() -> None:
    few = policy(min_canary_replicas=1)

    def weights(replicas: int, *, gateway: bool) -> tuple[int, ...]:
        found = attainable_steps(few, replicas, gateway=gateway)
        return tuple(weight for _, weight, _ in found)

    assert weights(1, gateway=False) == (50,)
    assert weights(10, gateway=False) == (9, 17, 29, 50)
    assert weights(10, gateway=True) == (5, 10, 25, 50)


def test_peak__is_twice_the_replicas_or_what_is_wanted() -> None:
    assert peak_replicas(policy(), 4) == 8
    assert peak_replicas(policy(capacity=AWARE), 4) == 4
