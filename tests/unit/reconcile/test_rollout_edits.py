"""Every row of the table of edits in docs/rollouts.md: what is changed in the middle of a rollout.

Each begins at 10 % of the requests.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from rocksteady.resources import kinds
from tests.builders import KEY, NAME, NAMESPACE, spec, with_gateway
from tests.fakes.rollouts import SLOS, RolloutSimulation, judged, serving_judged
from tests.fakes.stories import INVALID

pytestmark = pytest.mark.timeout(60)
DOCUMENT = Path(__file__).parents[3] / "docs" / "rollouts.md"


async def stepping(**fields: Any) -> RolloutSimulation:
    simulation = await serving_judged(judged(**fields))
    simulation.change(judged("llama:b", **fields))
    await simulation.until(lambda: simulation.open and simulation.weight == 10)
    return simulation


async def test_edit__to_another_revision_supersedes() -> None:
    simulation = await stepping()
    simulation.change(judged("llama:c"))
    await simulation.reconcile()
    assert simulation.outcomes == ["Superseded"]
    assert simulation.weights["llama:a"] == 100
    await simulation.finished()
    assert simulation.outcomes == ["Superseded", "Promoted"]
    assert simulation.replicas() == {"llama:c": 2}


async def test_edit__back_to_the_serving_revision_cancels() -> None:
    simulation = await stepping()
    simulation.change(judged("llama:a"))
    await simulation.run(60)
    assert simulation.outcomes == ["Cancelled"]
    assert simulation.replicas() == {"llama:a": 2}
    simulation.change(judged("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Cancelled", "Promoted"]


async def test_edit__to_a_refused_revision_goes_back_to_stable() -> None:
    simulation = await serving_judged()
    simulation.traffic.error_percent["llama:b"] = 50
    simulation.change(judged("llama:b"))
    await simulation.finished()
    simulation.change(judged("llama:c"))
    await simulation.until(lambda: simulation.open and simulation.weight == 10)
    simulation.change(judged("llama:b"))
    await simulation.run(120)
    assert simulation.outcomes == ["RolledBack", "Superseded"]
    assert simulation.condition("Stalled") == ("True", "RolledBack")
    assert simulation.weights == {"llama:a": 100}


@pytest.mark.parametrize(("replicas", "canary"), [(30, 4), (1, 1)], ids=["more", "fewer"])
async def test_edit__of_replicas_reaches_both(replicas: int, canary: int) -> None:
    simulation = await stepping()
    simulation.change(judged("llama:b", replicas))
    await simulation.run(10)
    assert simulation.replicas() == {"llama:a": replicas, "llama:b": canary}
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
    assert simulation.replicas() == {"llama:b": replicas}


async def test_edit__to_no_replicas_holds() -> None:
    simulation = await stepping(rollout={"onDeadline": "Rollback"})
    simulation.change(judged("llama:b", 0, rollout={"onDeadline": "Rollback"}))
    await simulation.run(4 * 3600, every_seconds=600)
    assert simulation.hold in {"ScaledToZero", "MonitoringUnavailable"}
    assert simulation.condition("Ready") == ("False", "ScaledToZero")
    simulation.change(judged("llama:b", 2))
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__of_slos_counts_from_the_next_attempt_on() -> None:
    simulation = await stepping()
    before = simulation.newest.spec
    simulation.change(judged("llama:b", slos={"availability": {"objectivePercent": "50"}}))
    await simulation.run(10)
    assert simulation.newest.spec == before
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__of_rollout_counts_from_the_next_attempt_on() -> None:
    simulation = await stepping()
    before = simulation.newest.spec
    simulation.change(judged("llama:b", rollout={"steps": [{"weightPercent": 90}]}))
    await simulation.run(10)
    assert simulation.newest.spec == before
    assert simulation.weight == 10


async def test_edit__that_takes_slos_and_rollout_away_changes_nothing_now() -> None:
    simulation = await stepping()
    simulation.change(spec("llama:b", 2, routing=with_gateway("inference")))
    await simulation.run(10)
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__of_the_route_in_the_spec_keeps_the_weights() -> None:
    simulation = await stepping()
    routing = with_gateway("inference", hostnames=["chat.example.com"])
    simulation.change(judged("llama:b", routing=routing))
    await simulation.reconcile()
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    route = simulation.cluster.of_kind(kinds.HTTP_ROUTE)[NAME]
    assert route["spec"]["hostnames"] == ["chat.example.com"]


async def test_edit__that_takes_the_gateway_away_from_slos_that_need_it_holds() -> None:
    simulation = await stepping()
    simulation.change(judged("llama:b", routing={}))
    await simulation.run(60)
    assert simulation.hold == "SpecUnreadable"
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.replicas() == {"llama:a": 2, "llama:b": 2}
    simulation.change(judged("llama:b"))
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__to_an_unreadable_spec_holds() -> None:
    simulation = await stepping(rollout={"onDeadline": "Rollback"})
    simulation.change(INVALID)
    await simulation.run(600)
    assert simulation.hold == "SpecUnreadable"
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    assert simulation.replicas() == {"llama:a": 2, "llama:b": 2}
    simulation.change(judged("llama:b"))
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


WITHOUT_GATEWAY = {**judged("llama:b"), "routing": {}}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(INVALID, id="cannot be read"),
        pytest.param(WITHOUT_GATEWAY, id="lacks the gateway that its SLOs need"),
    ],
)
async def test_unreadable_spec__does_not_keep_requests_at_the_canary(
    content: dict[str, Any],
) -> None:
    simulation = await stepping()
    simulation.change(content)
    await simulation.run(10)
    simulation.annotate(abort=simulation.newest.spec.canary.hash)
    await simulation.reconcile()
    assert simulation.outcomes == ["Aborted"]
    assert simulation.weights == {"llama:a": 100, "llama:b": 0}
    assert simulation.replicas() == {"llama:a": 2, "llama:b": 2}
    await simulation.run(10)
    assert simulation.weights == {"llama:a": 100}
    with simulation.no_writes():
        await simulation.run(60)


async def test_deleted_record__of_the_way_back_does_not_repeat_the_promotion_before_it() -> None:
    simulation = await serving_judged()
    for image in ("llama:b", "llama:a"):
        simulation.change(judged(image))
        await simulation.finished()
    assert simulation.outcomes == ["Promoted", "Promoted"]
    simulation.delete_child(kinds.LLM_ROLLOUT, f"{NAME}-2")
    await simulation.run(60)
    assert simulation.outcomes == ["Promoted"]
    assert simulation.replicas() == {"llama:a": 2}
    assert simulation.weights == {"llama:a": 100}


async def test_lost_status__with_no_pod_ready_what_was_refused_stays_refused() -> None:
    simulation = await stepping()
    simulation.annotate(abort=simulation.newest.spec.canary.hash)
    await simulation.finished()
    simulation.nodes.break_pods("llama:a", "ErrImagePull")
    simulation.nodes.run()
    simulation.cluster.edit(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lambda one: one.pop("status"))
    await simulation.run(60)
    assert simulation.replicas() == {"llama:a": 2}
    assert simulation.condition("RolledBack") == ("True", "RolledBack")
    simulation.nodes.heal_pods("llama:a")
    await simulation.run(60)
    assert simulation.stable_image() == "llama:a"
    assert simulation.condition("Ready") == ("True", "Serving")


async def test_edit__of_the_live_route_is_restored() -> None:
    simulation = await stepping()
    simulation.edit_route(lambda backends: backends[1].update(weight=50))
    await simulation.reconcile()
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    assert "Restored" in simulation.recorder.reasons


async def test_edit__that_deletes_the_canarys_deployment_starts_it_again() -> None:
    simulation = await stepping()
    simulation.delete_child(kinds.DEPLOYMENT, f"{NAME}-{simulation.newest.spec.canary.hash}")
    simulation.nodes.run()
    await simulation.reconcile()
    assert simulation.replicas() == {"llama:a": 2, "llama:b": 2}
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__that_deletes_the_record_begins_anew() -> None:
    simulation = await stepping()
    simulation.delete_child(kinds.LLM_ROLLOUT, f"{NAME}-1")
    await simulation.reconcile()
    assert list(simulation.attempts) == [f"{NAME}-2"]
    assert simulation.weights["llama:a"] == 100


async def test_edit__that_loses_the_status_goes_on() -> None:
    simulation = await stepping()
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lambda manifest: manifest.pop("status")
    )
    await simulation.reconcile()
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_edit__that_deletes_the_deployment_takes_all_with_it() -> None:
    simulation = await stepping()
    simulation.cluster.linger = None
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    assert simulation.attempts == {}
    assert simulation.observer.gone == []
    await simulation.reconcile_gone()
    assert simulation.observer.gone == [KEY]


def test_table__of_the_documentation_has_a_row_for_each_of_these_tests() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    tests = set(re.findall(r"def (test_edit__\w+)", here))
    rows = re.findall(r"^\|.*`(test_edit__\w+)` *\|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert set(rows) == tests
    assert len(rows) == len(tests)


def test_slos__of_these_tests_are_availability() -> None:
    assert set(SLOS) == {"availability"}
