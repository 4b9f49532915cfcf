"""What is decided for each thing that can be seen."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.rollout.decide import RECHECK_SECONDS, REFERENCE_SECONDS, decide
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.plan import Plan
from rocksteady.rollout.revisions import HISTORY_LIMIT
from tests.builders import A, B, C, llm_deployment, observation, running, spec

PULL = Finding("ImagePullFailed", "pod x: image cannot be pulled.")
CRASH = Finding("CrashLooping", "pod y: container ends with exit code 1.")
NO_GATEWAY = Finding("GatewayNotFound", "Gateway demo/inference does not exist.")


@dataclass(frozen=True)
class Roles:
    """What should run, and in which role."""

    running: dict[str, int]
    stable: str | None
    canary: str | None
    front: str | None


def claims(plan: Plan) -> dict[str, str]:
    return {type_: f"{claim.status}/{claim.reason}" for type_, claim in plan.claims.items()}


def said(ready: str, reconciling: str, stalled: str = "False/NotStalled") -> dict[str, str]:
    return {"Ready": ready, "Reconciling": reconciling, "Stalled": stalled}


CASES = [
    pytest.param(
        observation(),
        Roles({A: 1}, None, A, A),
        said("False/Starting", "True/ReplicasStarting"),
        id="the first revision is started and fronted at once",
    ),
    pytest.param(
        observation(wanted=2, workloads={A: running(2, 1)}),
        Roles({A: 2}, None, A, A),
        said("False/Starting", "True/ReplicasStarting"),
        id="a first revision is not ready before all its replicas are",
    ),
    pytest.param(
        observation(wanted=2, workloads={A: running(2)}),
        Roles({A: 2}, A, None, A),
        said("True/Serving", "False/Settled"),
        id="a first revision becomes stable when all its replicas are ready",
    ),
    pytest.param(
        observation(stable=A, wanted=2, workloads={A: running(2)}),
        Roles({A: 2}, A, None, A),
        said("True/Serving", "False/Settled"),
        id="what is wanted runs and is left alone",
    ),
    pytest.param(
        observation(target=B, stable=A, workloads={A: running(1)}),
        Roles({A: 1, B: 1}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="a changed revision starts beside the stable one, which serves",
    ),
    pytest.param(
        observation(target=B, stable=A, wanted=2, workloads={A: running(2), B: running(2, 1)}),
        Roles({A: 2, B: 2}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="a canary that is ready in part takes nothing over",
    ),
    pytest.param(
        observation(target=B, stable=A, wanted=2, workloads={A: running(2), B: running(1)}),
        Roles({A: 2, B: 2}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="a canary that is ready for an older, smaller number takes nothing over",
    ),
    pytest.param(
        observation(target=B, stable=A, wanted=1, workloads={A: running(1), B: running(3, 2)}),
        Roles({A: 1, B: 1}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="a canary that is still being scaled down takes nothing over",
    ),
    pytest.param(
        observation(target=B, stable=A, workloads={A: running(1), B: running(1)}),
        Roles({B: 1, A: 1}, B, None, B),
        said("True/Serving", "True/StoppingOldRevision"),
        id="a ready canary takes over while the old revision still runs",
    ),
    pytest.param(
        observation(target=B, stable=B, workloads={A: running(1), B: running(1)}),
        Roles({B: 1}, B, None, B),
        said("True/Serving", "True/StoppingOldRevision"),
        id="the old revision is stopped in the pass after it was replaced",
    ),
    pytest.param(
        observation(target=A, stable=A, workloads={A: running(1), B: running(1, 0)}),
        Roles({A: 1}, A, None, A),
        said("True/Serving", "True/StoppingOldRevision"),
        id="a spec that is changed back stops the canary",
    ),
    pytest.param(
        observation(target=C, stable=A, workloads={A: running(1), B: running(1, 0)}),
        Roles({A: 1, C: 1}, A, C, A),
        said("True/Serving", "True/RollingOut"),
        id="a third revision replaces a canary that is on its way",
    ),
    pytest.param(
        observation(target=C, stable=B, workloads={A: running(1), B: running(1)}),
        Roles({B: 1, C: 1}, B, C, B),
        said("True/Serving", "True/RollingOut"),
        id="a third revision starts while the first is still being stopped",
    ),
    pytest.param(
        observation(target=B, workloads={A: running(2, 1)}),
        Roles({B: 1}, None, B, B),
        said("False/Starting", "True/ReplicasStarting"),
        id="a first revision that never was ready is replaced at once",
    ),
    pytest.param(
        observation(stable=A, wanted=3, workloads={A: running(1)}),
        Roles({A: 3}, A, None, A),
        said("True/Serving", "True/ReplicasStarting"),
        id="more replicas are wanted: those that are ready serve meanwhile",
    ),
    pytest.param(
        observation(stable=A, wanted=1, workloads={A: running(3)}),
        Roles({A: 1}, A, None, A),
        said("True/Serving", "True/ReplicasStarting"),
        id="fewer replicas are wanted than run",
    ),
    pytest.param(
        observation(target=B, stable=A, wanted=3, workloads={A: running(1), B: running(1, 0)}),
        Roles({A: 3, B: 3}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="more replicas are wanted in the middle of a rollout: both revisions get them",
    ),
    pytest.param(
        observation(stable=A, wanted=0, workloads={A: running(2)}),
        Roles({A: 0}, A, None, A),
        said("False/ScaledToZero", "True/ReplicasStarting"),
        id="no replicas are wanted but some still run",
    ),
    pytest.param(
        observation(stable=A, wanted=0, workloads={A: running(0)}),
        Roles({A: 0}, A, None, A),
        said("False/ScaledToZero", "False/Settled"),
        id="no replicas are wanted and none run",
    ),
    pytest.param(
        observation(target=B, stable=A, wanted=0, workloads={A: running(0), B: running(0)}),
        Roles({B: 0, A: 0}, B, None, B),
        said("False/ScaledToZero", "True/StoppingOldRevision"),
        id="with no replicas wanted a changed revision takes over without a pod",
    ),
    pytest.param(
        observation(wanted=0, workloads={A: running(0)}),
        Roles({A: 0}, A, None, A),
        said("False/ScaledToZero", "False/Settled"),
        id="created with no replicas",
    ),
    pytest.param(
        observation(stable=A),
        Roles({A: 1}, A, None, A),
        said("False/Starting", "True/ReplicasStarting"),
        id="the serving Deployment was deleted: it comes back",
    ),
    pytest.param(
        observation(stable=A, wanted=2, workloads={A: running(2, 1)}),
        Roles({A: 2}, A, None, A),
        said("True/Serving", "True/ReplicasStarting"),
        id="a stable revision that lost a pod serves with the others",
    ),
    pytest.param(
        observation(stable=A, wanted=2, workloads={A: running(2, 0)}),
        Roles({A: 2}, A, None, A),
        said("False/Starting", "True/ReplicasStarting"),
        id="a stable revision that lost all its pods stays stable but is not ready",
    ),
    pytest.param(
        observation(workloads={A: running(1, 0, PULL)}),
        Roles({A: 1}, None, A, A),
        said("False/ImagePullFailed", "True/ReplicasStarting", "True/ImagePullFailed"),
        id="a first revision in trouble says why nobody gets an answer",
    ),
    pytest.param(
        observation(target=B, stable=A, workloads={A: running(1), B: running(1, 0, PULL)}),
        Roles({A: 1, B: 1}, A, B, A),
        said("True/Serving", "True/RollingOut", "True/ImagePullFailed"),
        id="a canary in trouble stalls the rollout and nothing else",
    ),
    pytest.param(
        observation(
            target=B, stable=A, workloads={A: running(1, 0, CRASH), B: running(1, 0, PULL)}
        ),
        Roles({A: 1, B: 1}, A, B, A),
        said("False/CrashLooping", "True/RollingOut", "True/ImagePullFailed"),
        id="with both in trouble Ready tells of the serving revision, Stalled of the new one",
    ),
    pytest.param(
        observation(stable=A, workloads={A: running(1)}, route=NO_GATEWAY, route_settled=False),
        Roles({A: 1}, A, None, A),
        said("False/GatewayNotFound", "True/RoutePending", "True/GatewayNotFound"),
        id="pods are ready but the Gateway is missing",
    ),
    pytest.param(
        observation(stable=A, workloads={A: running(1)}, route_settled=False),
        Roles({A: 1}, A, None, A),
        said("False/RoutePending", "True/RoutePending"),
        id="pods are ready and the gateway has not answered yet",
    ),
    pytest.param(
        observation(workloads={A: running(1, 0)}, route=NO_GATEWAY, route_settled=False),
        Roles({A: 1}, None, A, A),
        said("False/GatewayNotFound", "True/ReplicasStarting", "True/GatewayNotFound"),
        id="the Gateway is missing while the first pods start",
    ),
    pytest.param(
        observation(target=None, wanted=None),
        Roles({}, None, None, None),
        said("False/InvalidSpec", "False/Settled", "True/InvalidSpec"),
        id="a first spec that is invalid starts nothing",
    ),
    pytest.param(
        observation(target=None, wanted=None, stable=A, workloads={A: running(2)}),
        Roles({A: 2}, A, None, A),
        said("True/Serving", "False/Settled", "True/InvalidSpec"),
        id="an invalid spec leaves the stable revision alone",
    ),
    pytest.param(
        observation(
            target=None, wanted=None, stable=A, workloads={A: running(2), B: running(2, 0)}
        ),
        Roles({A: 2, B: 2}, A, None, A),
        said("True/Serving", "True/ReplicasStarting", "True/InvalidSpec"),
        id="an invalid spec in the middle of a rollout stops neither revision",
    ),
    pytest.param(
        observation(target=None, wanted=None, workloads={A: running(1, 0), B: running(1, 0)}),
        Roles({A: 1, B: 1}, None, None, B),
        said("False/InvalidSpec", "True/ReplicasStarting", "True/InvalidSpec"),
        id="an invalid spec before any revision was ready fronts the newest",
    ),
    pytest.param(
        observation(target=B, stable=A, workloads={A: running(1)}, recorded={}),
        Roles({A: 1, B: 1}, A, B, A),
        said("True/Serving", "True/RollingOut"),
        id="a stable revision whose record was deleted serves until another is ready",
    ),
]


@pytest.mark.parametrize(("seen", "roles", "expected_claims"), CASES)
def test_decide__runs_and_says(
    seen: Observation, roles: Roles, expected_claims: dict[str, str]
) -> None:
    plan = decide(seen)
    assert Roles(dict(plan.running), plan.stable, plan.canary, plan.front) == roles
    assert claims(plan) == expected_claims


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        pytest.param(
            observation(stable=A, workloads={A: running(1)}), None, id="settled: only when woken"
        ),
        pytest.param(
            observation(stable=A, workloads={A: running(1)}, refers=True),
            REFERENCE_SECONDS,
            id="settled, with a ConfigMap that no watch reports",
        ),
        pytest.param(observation(), RECHECK_SECONDS, id="on its way"),
        pytest.param(
            observation(target=None, stable=A, workloads={A: running(1)}),
            RECHECK_SECONDS,
            id="something that no watch reports is in the way",
        ),
    ],
)
def test_decide__looks_again(seen: Observation, seconds: float | None) -> None:
    assert decide(seen).requeue_after_seconds == seconds


@pytest.mark.parametrize(
    ("seen", "prune"),
    [
        pytest.param(observation(stable=A, workloads={A: running(1)}), True, id="a valid spec"),
        pytest.param(
            observation(target=None, wanted=None, stable=A), False, id="a spec that is not valid"
        ),
        pytest.param(
            observation(target=None, wanted=1, stable=A), False, id="a ConfigMap that is missing"
        ),
    ],
)
def test_decide__prunes_only_what_it_understands(seen: Observation, *, prune: bool) -> None:
    assert decide(seen).prune is prune


def numbered(count: int) -> dict[str, int]:
    """Revisions 1 to count; the hash of each is its number."""
    return {f"{number:010d}": number for number in range(1, count + 1)}


@pytest.mark.parametrize(
    ("idle", "forgotten"),
    [
        pytest.param(HISTORY_LIMIT, 0, id="as many as the limit are kept"),
        pytest.param(HISTORY_LIMIT + 1, 1, id="one more than the limit: the oldest goes"),
        pytest.param(HISTORY_LIMIT + 3, 3, id="three more: the three oldest go"),
    ],
)
def test_decide__forgets_the_oldest_idle_revisions(idle: int, forgotten: int) -> None:
    recorded = numbered(idle + 2)
    *_, stable, target = recorded
    seen = observation(
        target=target, stable=stable, workloads={stable: running(1)}, recorded=recorded
    )
    assert decide(seen).forget == tuple(list(recorded)[:forgotten])


def test_decide__never_forgets_a_stable_revision_however_old() -> None:
    recorded = numbered(HISTORY_LIMIT + 5)
    stable, *_, target = recorded
    seen = observation(
        target=target, stable=stable, workloads={stable: running(1)}, recorded=recorded
    )
    plan = decide(seen)
    assert stable not in plan.forget
    assert len(plan.forget) == len(recorded) - 2 - HISTORY_LIMIT
    assert all(recorded[older] < recorded[newer] for older, newer in pairwise(plan.forget))


def test_decide__answers_even_when_nothing_is_known() -> None:
    seen = replace(observation(target=None, wanted=None), obstacle=None)
    plan = decide(seen)
    assert plan.running == {}
    assert plan.claims[conventions.READY].message == "No revision has been started yet."


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        pytest.param({"replicas": 3}, 3, id="replicas as written"),
        pytest.param({"replicas": None}, 1, id="one when nothing is written"),
        pytest.param(
            {
                "replicas": None,
                "autoscaling": {
                    "minReplicas": 2,
                    "maxReplicas": 5,
                    "metric": "Cpu",
                    "target": 80,
                },
            },
            2,
            id="the lower bound of autoscaling",
        ),
    ],
)
def test_decide__runs_as_many_replicas_as_the_spec_says(
    fields: dict[str, Any], wanted: int
) -> None:
    deployment = LLMDeployment.model_validate(llm_deployment(spec(**fields)))
    plan = decide(replace(observation(), deployment=deployment))
    assert dict(plan.running) == {A: wanted}
