"""What users are told: status and Events."""

from typing import Any

import pytest

from rocksteady.api.v1alpha1.status import (
    Condition,
    ConditionStatus,
    LLMDeploymentStatus,
    Revisions,
    RevisionStatus,
)
from rocksteady.ports import Announcement, EventType
from rocksteady.reconcile.apply import Applied
from rocksteady.reconcile.report import (
    WARNING_MAX_LENGTH,
    WARNINGS_MAX,
    announcements,
    claims_after,
)
from rocksteady.rollout.course import Course
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.plan import Claim, Plan
from tests.builders import NOW, A, B, spec
from tests.fakes.simulation import Simulation

NOTHING = Applied((), None)
NORMAL, WARNING = EventType.NORMAL, EventType.WARNING
REJECTED = Finding("RejectedByApiServer", "Deployment chat: no.")


def condition(type_: str, status: str, reason: str) -> Condition:
    return Condition(
        type=type_,
        status=ConditionStatus(status),
        reason=reason,
        message=f"{reason}!",
        last_transition_time=NOW,
    )


def status(*conditions: Condition, stable: str | None = None) -> LLMDeploymentStatus:
    revision = RevisionStatus(hash=stable, number=2) if stable else None
    return LLMDeploymentStatus(conditions=conditions, revisions=Revisions(stable=revision))


READY = condition("Ready", "True", "Serving")
NOT_READY = condition("Ready", "False", "Starting")
STALLED = condition("Stalled", "True", "ImagePullFailed")
FINE = condition("Stalled", "False", "NotStalled")


@pytest.mark.parametrize(
    ("before", "after", "applied", "expected"),
    [
        pytest.param(status(), status(NOT_READY, FINE), NOTHING, [], id="a normal start"),
        pytest.param(
            status(NOT_READY),
            status(READY),
            NOTHING,
            [Announcement(NORMAL, "Serving", "Serving!")],
            id="it serves",
        ),
        pytest.param(status(READY), status(READY), NOTHING, [], id="it still serves"),
        pytest.param(
            status(READY), status(NOT_READY), NOTHING, [], id="Stalled tells why, or time does"
        ),
        pytest.param(
            status(FINE),
            status(STALLED),
            NOTHING,
            [Announcement(WARNING, "ImagePullFailed", "ImagePullFailed!")],
            id="something is in the way",
        ),
        pytest.param(
            status(STALLED),
            status(condition("Stalled", "True", "SecretNotFound")),
            NOTHING,
            [Announcement(WARNING, "SecretNotFound", "SecretNotFound!")],
            id="something else is in the way",
        ),
        pytest.param(status(STALLED), status(FINE), NOTHING, [], id="it is out of the way"),
        pytest.param(
            status(),
            status(STALLED),
            NOTHING,
            [Announcement(WARNING, "ImagePullFailed", "ImagePullFailed!")],
            id="something is in the way from the start",
        ),
        pytest.param(
            status(condition("Reconciling", "False", "Settled")),
            status(condition("Reconciling", "True", "RollingOut")),
            NOTHING,
            [],
            id="Reconciling is for programs",
        ),
        pytest.param(
            status(stable=A),
            status(stable=B),
            NOTHING,
            [Announcement(NORMAL, "Promoted", f"r2 ({B}) is ready and serves from now on.")],
            id="another revision serves",
        ),
        pytest.param(status(stable=A), status(stable=A), NOTHING, [], id="the same one serves"),
        pytest.param(status(stable=A), status(), NOTHING, [], id="none serves any more"),
        pytest.param(
            status(),
            status(),
            Applied(("Service chat", "Deployment chat-a"), None),
            [
                Announcement(
                    WARNING, "Restored", "Service chat had been edited by hand and was restored."
                ),
                Announcement(
                    WARNING,
                    "Restored",
                    "Deployment chat-a had been edited by hand and was restored.",
                ),
            ],
            id="edits by hand were undone",
        ),
    ],
)
def test_announcements__tell_what_changed_once(
    before: LLMDeploymentStatus,
    after: LLMDeploymentStatus,
    applied: Applied,
    expected: list[Announcement],
) -> None:
    assert announcements(before, after, applied, Course()) == expected


def plan(ready: str, stalled: str = "False") -> Plan:
    claims = {
        "Ready": Claim(ConditionStatus(ready), "Any", "Any."),
        "Reconciling": Claim(ConditionStatus.FALSE, "Settled", "Any."),
        "Stalled": Claim(ConditionStatus(stalled), "Any", "Any."),
    }
    return Plan(
        running={},
        stable=None,
        canary=None,
        front=None,
        prune=True,
        forget=(),
        claims=claims,
        requeue_after_seconds=None,
    )


@pytest.mark.parametrize(
    ("ready", "reasons"),
    [
        pytest.param("True", {"Ready": "Any", "Stalled": "RejectedByApiServer"}, id="it serves"),
        pytest.param(
            "False",
            {"Ready": "RejectedByApiServer", "Stalled": "RejectedByApiServer"},
            id="it does not serve",
        ),
    ],
)
def test_claims_after__what_was_rejected_is_in_the_way(ready: str, reasons: dict[str, str]) -> None:
    claims = claims_after(plan(ready), Applied((), REJECTED))
    assert claims["Stalled"] == Claim(
        ConditionStatus.TRUE, "RejectedByApiServer", "Deployment chat: no."
    )
    assert {type_: claims[type_].reason for type_ in reasons} == reasons


def test_claims_after__nothing_was_rejected() -> None:
    before = plan("True")
    assert claims_after(before, NOTHING) == before.claims


async def test_status__has_what_the_scale_subresource_needs() -> None:
    simulation = Simulation()
    simulation.create(spec(replicas=2))
    await simulation.settle()
    assert simulation.status["replicas"] == 2
    assert simulation.status["readyReplicas"] == 2
    assert simulation.status["selector"] == (
        "app.kubernetes.io/component=model-server,rocksteady.dev/llmdeployment=chat"
    )


async def test_status__reports_both_revisions_of_a_rollout() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a", replicas=2))
    await simulation.settle()
    simulation.nodes.broken_images["llama:b"] = "ImagePullBackOff"
    simulation.change(spec("llama:b", replicas=2))
    await simulation.settle()
    revisions = simulation.status["revisions"]
    assert {role: revision["number"] for role, revision in revisions.items()} == {
        "stable": 1,
        "canary": 2,
    }
    assert {role: revision["readyReplicas"] for role, revision in revisions.items()} == {
        "stable": 2,
        "canary": 0,
    }
    assert simulation.status["replicas"] == 4
    assert simulation.status["readyReplicas"] == 2


def many_warnings() -> dict[str, Any]:
    """A spec with more to warn of than the status has room for."""
    env = [{"name": f"API_KEY_{number}", "value": "secret"} for number in range(60)]
    return spec(engine={"type": "llamacpp", "image": "llama:a", "env": env})


def long_warnings() -> dict[str, Any]:
    """A spec with a warning that is longer than the status takes."""
    env = [{"name": "API_KEY_" + "X" * 1500, "value": "secret"}]
    return spec(engine={"type": "llamacpp", "image": "llama:a", "env": env})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(many_warnings(), id="many warnings"),
        pytest.param(long_warnings(), id="a long warning"),
    ],
)
async def test_status__has_bounded_room_for_warnings(content: dict[str, Any]) -> None:
    simulation = Simulation()
    simulation.create(content)
    await simulation.settle()
    warnings = simulation.status["warnings"]
    assert 0 < len(warnings) <= WARNINGS_MAX
    assert max(map(len, warnings)) <= WARNING_MAX_LENGTH
    assert simulation.condition("Ready") == ("True", "Serving")


async def test_status__says_how_many_warnings_it_has_no_room_for() -> None:
    simulation = Simulation()
    simulation.create(many_warnings())
    await simulation.settle()
    warnings = simulation.status["warnings"]
    # 60 secrets and an image that is not pinned
    assert warnings[-1] == "and 30 more: see them all with rocksteady lint"


async def test_status__tells_metrics_what_the_conditions_are() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    [reported] = simulation.observer.reported.values()
    assert reported == {"Ready": "True", "Reconciling": "False", "Stalled": "False"}
