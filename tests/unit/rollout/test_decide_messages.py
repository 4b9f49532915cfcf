"""What people read in the conditions."""

import pytest

from rocksteady import conventions
from rocksteady.rollout.decide import decide
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation
from tests.builders import A, B, observation, running

PULL = Finding("ImagePullFailed", "pod x: image cannot be pulled.")
CRASH = Finding("CrashLooping", "pod y: container ends with exit code 1.")
NO_GATEWAY = Finding("GatewayNotFound", "Gateway demo/inference does not exist.")


@pytest.mark.parametrize(
    ("seen", "type_", "message"),
    [
        pytest.param(
            observation(wanted=2),
            conventions.READY,
            "r1 (aaaaaaaaaa) has 0 of 2 replicas ready.",
            id="a first revision that starts is counted",
        ),
        pytest.param(
            observation(recorded={}),
            conventions.RECONCILING,
            "r1 (aaaaaaaaaa) has 0 of 1 replica ready.",
            id="a revision that is not recorded yet has the next number",
        ),
        pytest.param(
            observation(stable=A, wanted=2, workloads={A: running(2)}),
            conventions.READY,
            "r1 (aaaaaaaaaa) serves with 2 of 2 replicas ready.",
            id="a serving revision is named and counted",
        ),
        pytest.param(
            observation(target=B, stable=A, wanted=2, workloads={A: running(2), B: running(2, 1)}),
            conventions.RECONCILING,
            "r2 (bbbbbbbbbb) has 1 of 2 replicas ready; r1 (aaaaaaaaaa) serves until then.",
            id="a rollout says how far it is and who serves",
        ),
        pytest.param(
            observation(target=B, stable=B, workloads={A: running(1), B: running(1)}),
            conventions.RECONCILING,
            "r1 (aaaaaaaaaa) is being stopped.",
            id="the revision that leaves is named",
        ),
        pytest.param(
            observation(target=B, stable=A, workloads={A: running(1), B: running(1, 0, PULL)}),
            conventions.STALLED,
            "r2 (bbbbbbbbbb): pod x: image cannot be pulled.",
            id="trouble is said of the revision that has it",
        ),
        pytest.param(
            observation(target=None, wanted=None, stable=A, workloads={A: running(1)}),
            conventions.STALLED,
            "spec.model: is required",
            id="an invalid spec is said as validation says it",
        ),
        pytest.param(
            observation(stable=A, wanted=0, workloads={A: running(0)}),
            conventions.READY,
            "No replicas are wanted; scale up to serve.",
            id="zero replicas come with the cure",
        ),
        pytest.param(
            observation(stable=A, workloads={A: running(1)}, route_settled=False),
            conventions.READY,
            "The gateway has not accepted the route yet.",
            id="a pending route",
        ),
        pytest.param(
            observation(stable=A, workloads={A: running(1)}),
            conventions.RECONCILING,
            "What is wanted is what runs.",
            id="settled",
        ),
        pytest.param(
            observation(stable=A, workloads={A: running(1)}),
            conventions.STALLED,
            "Nothing is in the way.",
            id="not stalled",
        ),
    ],
)
def test_decide__says_in_a_sentence(seen: Observation, type_: str, message: str) -> None:
    assert decide(seen).claims[type_].message == message
