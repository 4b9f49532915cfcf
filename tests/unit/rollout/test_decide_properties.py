"""What holds for every observation, whether or not anybody thought of it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rocksteady import conventions
from rocksteady.rollout.decide import decide
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation, Workload
from rocksteady.rollout.plan import Plan
from tests.builders import A, B, C, observation

D = "dddddddddd"
NUMBERS = {A: 1, B: 2, C: 3, D: 4}
MAX_PASSES = 4
"""Start, promote, stop the old one, and one to see that nothing is left to do."""

findings = st.sampled_from([None, Finding("CrashLooping", "pod x ends."), Finding("Odd", "")])


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    wanted = draw(st.integers(0, 3))
    ready = draw(st.integers(0, wanted))
    return Workload(
        wanted, draw(st.integers(0, 4)), ready, draw(findings), current=draw(st.booleans())
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Any observation that `observe` can make: a stable revision is recorded, or runs."""
    recorded = draw(st.sets(st.sampled_from(sorted(NUMBERS))))
    pods = draw(st.dictionaries(st.sampled_from(sorted(NUMBERS)), workloads()))
    target = draw(st.one_of(st.none(), st.sampled_from(sorted(NUMBERS))))
    known = sorted({*recorded, *pods})
    stable = draw(st.one_of(st.none(), st.sampled_from(known))) if known else None
    route = draw(findings)
    return observation(
        target=target,
        stable=stable,
        wanted=draw(st.integers(0, 3) if target else st.one_of(st.none(), st.integers(0, 3))),
        workloads=pods,
        recorded={revision: NUMBERS[revision] for revision in recorded},
        route=route,
        route_settled=draw(st.booleans()) if route is None else False,
        route_behind=draw(st.booleans()),
    )


@given(observations())
def test_decide__always_answers_with_every_condition(seen: Observation) -> None:
    plan = decide(seen)
    assert set(plan.claims) == {
        conventions.READY,
        conventions.RECONCILING,
        conventions.STALLED,
    }
    assert all(claim.reason.isalnum() for claim in plan.claims.values())


@given(observations())
def test_decide__starts_at_most_one_revision_beside_those_in_a_role(seen: Observation) -> None:
    plan = decide(seen)
    if seen.target is not None:
        beside = set(plan.running) - {seen.target, seen.stable}
        assert len(beside) <= 1
        assert all(seen.route_behind and seen.workloads[one].ready for one in beside)


@given(observations())
def test_decide__fronts_what_runs(seen: Observation) -> None:
    plan = decide(seen)
    if seen.target is not None:
        assert plan.front is not None
        assert plan.front in plan.running


@given(observations())
def test_decide__fronts_stable_or_nothing_is_stable(seen: Observation) -> None:
    plan = decide(seen)
    assert plan.front == plan.stable or plan.stable is None


@given(observations())
def test_decide__keeps_the_stable_revision_until_another_is_ready(seen: Observation) -> None:
    plan = decide(seen)
    if seen.stable is not None and plan.stable != seen.stable:
        assert plan.stable is not None
        assert seen.workloads[plan.stable].ready == seen.wanted_replicas
        assert plan.running[seen.stable] == seen.wanted_replicas


@given(observations())
def test_decide__holds_everything_when_the_spec_makes_no_revision(seen: Observation) -> None:
    unreadable = replace(seen, target=None, obstacle=Finding("InvalidSpec", "spec: is required"))
    plan = decide(unreadable)
    assert plan.prune is False
    assert plan.stable == seen.stable
    assert dict(plan.running) == {
        revision: workload.wanted for revision, workload in seen.workloads.items()
    }
    assert plan.claims[conventions.STALLED].reason == "InvalidSpec"


@given(observations())
def test_decide__never_forgets_what_runs(seen: Observation) -> None:
    plan = decide(seen)
    assert not set(plan.forget) & {*plan.running, plan.stable, plan.canary, seen.target}


@given(observations())
def test_decide__looks_again_unless_all_is_as_wanted(seen: Observation) -> None:
    plan = decide(seen)
    settled = all(
        plan.claims[type_].status == "False"
        for type_ in (conventions.RECONCILING, conventions.STALLED)
    )
    assert (plan.requeue_after_seconds is None) == settled


def carried_out(seen: Observation, plan: Plan) -> Observation:
    """What is seen after a plan was applied and its pods became ready."""
    pods = {revision: Workload(n, n, n) for revision, n in plan.running.items()}
    recorded = {**NUMBERS}
    return observation(
        target=seen.target,
        stable=plan.stable,
        wanted=seen.wanted_replicas,
        workloads=pods,
        recorded=recorded,
    )


@given(observations())
def test_decide__comes_to_rest(seen: Observation) -> None:
    plan = decide(seen)
    for _ in range(MAX_PASSES):
        before, seen = plan, carried_out(seen, plan)
        plan = decide(seen)
    assert plan == before
    if seen.target is not None:
        assert plan.stable == plan.front == seen.target
        assert dict(plan.running) == {seen.target: seen.wanted_replicas}
        assert plan.requeue_after_seconds is None
