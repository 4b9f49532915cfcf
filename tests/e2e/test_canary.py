"""Canaries on the real cluster: simulated engines, a real gateway, Prometheus and load.

All lanes run side by side, each with an LLMDeployment and a load of its own, and are looked at when
they are over: given a canary of some kind, when users keep asking, then this is what happens.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import LocalCluster, wait_ready
from tests.e2e.lanes import AT_TEN_PERCENT, ENGINE, SLOS, load_on, simulated_model
from tests.kubectl import Manifest
from tests.load import Load

pytestmark = pytest.mark.timeout(1800)

WATCHED_SECONDS = 660
"""How long lanes run at most; a group is over as soon as all that are to end have ended."""
BEFORE_SECONDS = 20
"""Load before the canary, so that stable has been seen."""


@dataclass
class Lane:
    """One LLMDeployment with a canary under load.

    Attributes:
        name: Of the LLMDeployment.
        stable: Arguments of the engine that serves.
        canary: Arguments of the engine that is to take over.
        per_second: Requests per second.
        ends: True when the canary is to be rolled back; False: it is watched until the others end.
        load: What users saw.
        attempt: Status of its LLMRollout when all was over.
        deployment: The LLMDeployment then.
    """

    name: str
    stable: Sequence[str]
    canary: Sequence[str]
    per_second: int = 50
    ends: bool = True
    load: Load | None = None
    attempt: dict[str, Any] = field(default_factory=dict)
    deployment: dict[str, Any] = field(default_factory=dict)


FIRST = [
    Lane("errors-5", (), ["--error-percent", "5"]),
    Lane("latency-2x", (), ["--latency-factor", "2"]),
    Lane("identical", (), ["--output-tokens", "65"], per_second=25, ends=False),
    Lane("all-failing", (), ["--error-percent", "100"], per_second=25, ends=False),
]
SECOND = [
    Lane("errors-2", (), ["--error-percent", "2"]),
    Lane(
        "both-3",
        # Both begin to fail when the canary has its requests: before, it would get none.
        ["--fail-after-seconds", "90", "--fail-percent", "3"],
        ["--fail-after-seconds", "40", "--fail-percent", "3", "--output-tokens", "65"],
        per_second=25,
        ends=False,
    ),
    Lane("crashes", (), ["--crash-after-seconds", "25"], per_second=5),
    Lane(
        "out-of-memory",
        (),
        ["--allocate-mebibytes", "512", "--allocate-after-seconds", "25"],
        per_second=5,
    ),
]
"""Two groups, since two processors serve and ask."""


@pytest.fixture(scope="module")
def lanes(cluster: LocalCluster, namespace: str) -> dict[str, Lane]:
    """All lanes, each over or watched for as long as the others of its group."""
    for group in (FIRST, SECOND):
        _run(cluster, namespace, group)
    return {lane.name: lane for lane in (*FIRST, *SECOND)}


def _run(cluster: LocalCluster, namespace: str, group: list[Lane]) -> None:
    for lane in group:
        cluster.kubectl.apply(_model(namespace, lane, lane.stable))
    for lane in group:
        wait_ready(cluster, namespace, lane.name, 180)
    with ExitStack() as stack:
        for lane in group:
            rate, seconds = lane.per_second, WATCHED_SECONDS + BEFORE_SECONDS
            load = load_on(cluster, namespace, lane.name, per_second=rate, seconds=seconds)
            lane.load = stack.enter_context(load)
        time.sleep(BEFORE_SECONDS)
        for lane in group:
            cluster.kubectl.apply(_model(namespace, lane, lane.canary))
        ending = {f"{lane.name}-1" for lane in group if lane.ends}
        deadline = time.monotonic() + WATCHED_SECONDS - 20
        while time.monotonic() < deadline and not ending <= _ended(cluster, namespace):
            time.sleep(10)
        for lane in group:
            attempt = cluster.kubectl.find("llmro", f"{lane.name}-1", namespace) or {}
            lane.attempt = attempt.get("status", {})
            lane.deployment = cluster.kubectl.get("llmdep", lane.name, namespace)
    for lane in group:
        cluster.kubectl.run("delete", "llmdep", lane.name, "-n", namespace, "--timeout=60s")


def _model(namespace: str, lane: Lane, args: Sequence[str]) -> Manifest:
    engine = [*ENGINE, *args]
    return simulated_model(namespace, lane.name, slos=SLOS, rollout=AT_TEN_PERCENT, args=engine)


def _ended(cluster: LocalCluster, namespace: str) -> set[str]:
    """Names of the attempts that are over, by one look at all of them."""
    found = cluster.kubectl.items("llmro", namespace)
    return {one["metadata"]["name"] for one in found if one.get("status", {}).get("outcome")}


def _decision(status: dict[str, Any], action: str) -> dict[str, Any]:
    return next(one for one in status["decisions"] if one["action"] == action)


def _seconds_to_rollback(status: dict[str, Any]) -> float:
    begun, ended = (
        datetime.fromisoformat(_decision(status, action)["time"])
        for action in ("Advance", "RollBack")
    )
    return (ended - begun).total_seconds()


@pytest.mark.parametrize(
    ("name", "signals", "limit_minutes"),
    [
        pytest.param("errors-5", {"AvailabilityHarmed"}, 5.0, id="5 % errors"),
        pytest.param("errors-2", {"AvailabilityHarmed"}, 10.0, id="2 % errors"),
        pytest.param(
            "latency-2x",
            # All that it does takes twice as long, and whichever test is sure first condemns.
            {"TimeToFirstTokenHarmed", "RequestLatencyHarmed"},
            7.0,
            id="twice as slow",
        ),
    ],
)
def test_canary__that_does_harm_is_rolled_back_by_evidence(
    lanes: dict[str, Lane], name: str, signals: set[str], limit_minutes: float
) -> None:
    """One run is no median, and benches measure those: the limits are what 1 of 1,000 exceeds.

    At 25 requests a tick, 2 % errors take 4.6 min in the median, 7 min in 1 of 100 and 7.7 min
    in 1 of 1,000 (3,000 simulated canaries; the same with a design effect of 1 and 3).
    """
    status = lanes[name].attempt

    assert status["outcome"] == "RolledBack", status["decisions"][-1]
    assert status["outcomeReason"] in signals
    assert status["quarantined"]
    assert _seconds_to_rollback(status) < 60 * limit_minutes
    told = lanes[name].deployment["status"]["conditions"]
    conditions = {one["type"]: one for one in told}
    assert conditions["Ready"]["status"] == "True"
    assert conditions["Stalled"]["reason"] == "RolledBack"
    assert conditions["RolledBack"]["status"] == "True"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("identical", id="an identical revision"),
        pytest.param("both-3", id="both revisions with 3 % errors"),
    ],
)
def test_canary__that_is_no_worse_is_not_rolled_back(lanes: dict[str, Lane], name: str) -> None:
    status = lanes[name].attempt

    assert "outcome" not in status, status["decisions"][-1]
    assert status["phase"] == "Stepping"
    assert status["weightPercent"] == 10


def test_canary__with_a_stable_that_is_unhealthy_itself_is_held(
    lanes: dict[str, Lane],
) -> None:
    status = lanes["both-3"].attempt

    assert status["hold"]["reason"] == "StableUnhealthy"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("crashes", "CrashLooping", id="crash loop"),
        pytest.param("out-of-memory", "OutOfMemory", id="out of memory"),
    ],
)
def test_canary__that_dies_is_rolled_back_without_statistics(
    lanes: dict[str, Lane], name: str, reason: str
) -> None:
    status = lanes[name].attempt

    assert status["outcome"] == "RolledBack", status["decisions"][-1]
    assert status["outcomeReason"] == reason
    assert status["weightPercent"] == 0


def test_canary__that_fails_every_request_loses_them_within_seconds(
    lanes: dict[str, Lane],
) -> None:
    lane = lanes["all-failing"]
    status = lane.attempt

    assert any(one["action"] == "TakeAway" for one in status["decisions"])
    assert lane.load is not None
    failed = [answer.sent_seconds for answer in lane.load.outcome.failures]
    first_probe = [at for at in failed if at < failed[0] + 30]
    # The first five take 2 s at 10 % of 25 requests a second; then comes the next look.
    assert first_probe[-1] - first_probe[0] < 7, "requests went on failing"
