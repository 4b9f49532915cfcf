"""What becomes of the attempts: go on, begin one, or refuse to."""

from dataclasses import replace
from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import (
    LLMRollout,
    LLMRolloutStatus,
    Outcome,
    Phase,
)
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus, RefusedRevision
from rocksteady.rollout.course import plot
from rocksteady.rollout.decide import decide
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.moves import finish
from rocksteady.rollout.observation import Observation, Workload
from rocksteady.rollout.reading import Start
from rocksteady.rollout.standing import begins_attempt, reads_history, settled_stable
from tests.builders import NOW, A, B, C, llm_deployment, observation, running, spec, with_gateway
from tests.unit.rollout.attempts import ago, attempt, starting, stepping


def seen(
    *,
    target: str | None = B,
    stable: str | None = A,
    wanted: int = 2,
    attempts: tuple[LLMRollout, ...] = (),
    rollout: dict[str, Any] | None = None,
    **fields: Any,
) -> Observation:
    """A is stable, the spec describes B, both are recorded, two replicas at a gateway."""
    content = spec(replicas=wanted, rollout=rollout or {}, routing=with_gateway("inference"))
    pods = fields.pop("workloads", {A: running(wanted)})
    found = observation(target=target, stable=stable, workloads=pods, recorded={A: 1, B: 2, C: 3})
    return replace(
        found,
        deployment=LLMDeployment.model_validate(llm_deployment(content)),
        attempts={f"chat-{one.spec.attempt}": one for one in attempts},
        now=NOW,
        **{"start": Start(), **fields},
    )


def ended(outcome: str, number: int = 1, **fields: Any) -> LLMRollout:
    status = LLMRolloutStatus(started_at=ago(900))
    done = finish(status, ago(600), Outcome(outcome), "BecauseOfATest", "said").status
    return attempt(done.model_copy(update=fields), number=number)


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        pytest.param(seen(), True, id="a changed revision that can be judged"),
        pytest.param(seen(target=A), False, id="the revision that serves"),
        pytest.param(seen(stable=None), False, id="the first revision"),
        pytest.param(seen(target=None), False, id="a spec that is unreadable"),
        pytest.param(seen(attempts=(starting(),)), False, id="while another attempt runs"),
        pytest.param(seen(attempts=(ended("RolledBack"),)), False, id="one that is refused"),
        pytest.param(seen(attempts=(ended("Superseded"),)), True, id="one that was superseded"),
    ],
)
def test_begins(found: Observation, *, begins: bool) -> None:
    assert begins_attempt(found) is begins
    assert plot(found).begins is begins


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        pytest.param(Start(unread=Finding("PrometheusUnreachable", "x")), "PrometheusUnreachable"),
        pytest.param(Start(unmeasurable=Finding("SloUnmeasurable", "x")), "SloUnmeasurable"),
    ],
)
def test_begin__waits_for_what_it_is_to_be_judged_by(start: Start, reason: str) -> None:
    course = plot(seen(start=start))
    assert not course.begins
    assert course.refusal is not None
    assert course.refusal.reason == reason


def test_begin__with_too_few_replicas_is_refused_before_the_past_is_read() -> None:
    found = seen(rollout={"capacity": "ResourceAware"}, wanted=1, start=None)
    course = plot(found)

    assert not reads_history(found)
    assert reads_history(seen(rollout={"capacity": "ResourceAware"}, start=None))
    assert not course.begins
    assert course.refusal is not None
    assert course.refusal.reason == "InsufficientCapacity"


def test_begin__is_numbered_and_says_why() -> None:
    course = plot(seen(attempts=(ended("Superseded", 4),)))
    assert course.attempt is not None
    assert (course.name, course.attempt.spec.attempt, course.attempts) == ("chat-5", 5, 5)
    assert course.attempt.spec.cause == "SpecChange"
    assert [one.action for one in course.attempt.status.decisions] == ["Start"]


def test_begin__that_was_interrupted_before_its_first_decision_is_made_good() -> None:
    course = plot(seen(attempts=(attempt(LLMRolloutStatus()),)))
    assert course.attempt is not None
    assert not course.begins
    assert course.attempt.status.started_at == NOW
    assert [one.action for one in course.attempt.status.decisions] == ["Start"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(seen(), A, id="as reported"),
        pytest.param(
            seen(stable=None, attempts=(stepping(),)), A, id="the status lost: as the record says"
        ),
        pytest.param(
            seen(stable=B, attempts=(stepping(),)), A, id="the Service selects the canary: likewise"
        ),
        pytest.param(
            seen(attempts=(ended("Promoted"),)), B, id="a promotion that the status lacks"
        ),
        pytest.param(
            seen(attempts=(ended("Promoted"),), reported=LLMDeploymentStatus(attempts=2)),
            A,
            id="back at the first by a later attempt, of which the record was deleted",
        ),
        pytest.param(seen(attempts=(ended("RolledBack"),)), A, id="after a rollback"),
        pytest.param(
            seen(stable=None, attempts=(ended("Aborted"),)),
            A,
            id="the status lost and no pod ready: what the last attempt left",
        ),
        pytest.param(
            seen(stable=None, attempts=(ended("Promoted"),), workloads={B: running(2, 0)}),
            B,
            id="the same after a promotion",
        ),
        pytest.param(
            seen(stable=None, attempts=(ended("Aborted"),), workloads={C: running(2, 0)}),
            None,
            id="the same when another has taken over since",
        ),
    ],
)
def test_stable(found: Observation, expected: str | None) -> None:
    assert settled_stable(found) == expected


def test_release__of_a_revision_whose_record_is_gone_is_remembered_as_done() -> None:
    entry = RefusedRevision(hash=B, number=2, reason="X", rollout="chat-1", since=NOW)
    found = seen(
        reported=LLMDeploymentStatus(refused=(entry,)),
        annotations={"rocksteady.dev/release": B},
    )
    course = plot(found)
    assert course.refused == ()
    assert course.handled == (f"release={B}",)


def test_canary__without_requests_that_nobody_counts_is_not_blind() -> None:
    gone = stepping().status.model_copy(
        update={"phase": Phase.STARTING, "step": 0, "weight_percent": 0, "step_since": None}
    )
    found = seen(
        attempts=(attempt(gone),),
        workloads={A: running(2), B: running(2)},
        addresses={A: 2, B: 2},
    )
    course = plot(found)
    assert course.move is not None
    assert course.move.reason == "StepBegun"


# --- what runs


AWARE = {"capacity": "ResourceAware"}


@pytest.mark.parametrize(
    ("workloads", "expected"),
    [
        pytest.param({A: running(4), B: running(0)}, {A: 2, B: 0}, id="stable first gives way"),
        pytest.param({A: running(2), B: running(0)}, {A: 2, B: 2}, id="then the canary grows"),
        pytest.param(
            {A: Workload(2, 2, 2, ending=1), B: running(0)},
            {A: 2, B: 1},
            id="a pod that still ends holds its place",
        ),
        pytest.param(
            {A: running(2), B: running(0), C: running(1)},
            {A: 2, B: 1, C: 0},
            id="so does a revision that leaves, which ends its pods first",
        ),
    ],
)
def test_resource_aware__asks_for_no_spare_pod(
    workloads: dict[str, Workload], expected: dict[str, int]
) -> None:
    one = stepping(step=4, weight=25, capacity="ResourceAware")
    plan = decide(seen(wanted=4, attempts=(one,), workloads=workloads, rollout=AWARE))
    assert dict(plan.running) == expected


def test_revision__that_ended_is_not_scaled_up_while_the_gateway_is_behind() -> None:
    found = seen(
        wanted=10,
        attempts=(ended("RolledBack"),),
        workloads={A: running(10), B: running(2)},
        route_behind=True,
    )
    assert dict(decide(found).running) == {A: 10, B: 2}


def test_unreadable_spec__changes_no_replicas_and_keeps_what_the_service_selects() -> None:
    one = stepping(step=3, weight=25, capacity="ResourceAware")
    found = replace(
        seen(attempts=(one,), workloads={A: running(3), B: running(1)}, addresses={A: 3, B: 1}),
        deployment=None,
        target=None,
        obstacle=Finding("InvalidSpec", "spec.replicas: wrong"),
    )
    plan = decide(found)
    assert dict(plan.running) == {A: 3, B: 1}
    assert plan.selected == ()
