"""Whole rollouts through the real reconciler: requests follow the live route, the clock runs.

`RolloutSimulation` checks after every write and every pass what must hold at all times.
"""

from typing import Any

import pytest

from rocksteady.resources import kinds
from rocksteady.rollout.moves import Action
from tests.builders import NAME, spec
from tests.fakes.rollouts import (
    RolloutSimulation,
    by_share,
    judged,
    serving_judged,
)

pytestmark = pytest.mark.timeout(60)  # hours of a fake clock are some seconds of ours


async def stepping(**fields: Any) -> RolloutSimulation:
    """A simulation in which the canary, image llama:b, has its first requests."""
    simulation = await serving_judged(judged(**fields))
    simulation.change(judged("llama:b", **fields))
    await simulation.until(lambda: simulation.open and simulation.weight == 10)
    return simulation


# --- promoted


async def test_good_canary__is_promoted_and_the_old_revision_stopped() -> None:
    simulation = await stepping()
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
    assert simulation.actions == [
        Action.START,
        Action.ADVANCE,
        Action.ADVANCE,
        Action.ADVANCE,
        Action.BAKE,
        Action.BAKE,
        Action.PROMOTE,
    ]
    assert simulation.stable_image() == "llama:b"
    assert simulation.replicas() == {"llama:b": 2}
    assert simulation.weights == {"llama:b": 100}
    assert simulation.traffic.lost == 0
    assert simulation.recorder.reasons.count("Promoted") == 2  # the first revision, and this one


async def test_promotion__restarts_no_pod_of_the_canary() -> None:
    simulation = await stepping()
    await simulation.until(lambda: simulation.newest.status.phase == "Baking")
    await simulation.until(lambda: simulation.weight == 95)
    before = simulation.pods_of("llama:b")
    await simulation.finished()
    assert simulation.pods_of("llama:b") == before
    assert len(before) == 2


async def test_bake__keeps_the_old_revision_warm_with_a_holdback_of_5_percent() -> None:
    simulation = await stepping()
    await simulation.until(lambda: simulation.weight == 95)
    await simulation.run(10)
    assert simulation.weights == {"llama:a": 5, "llama:b": 95}
    assert simulation.replicas() == {"llama:a": 2, "llama:b": 2}


async def test_canary__starts_with_two_pods_and_gets_more_with_its_weight() -> None:
    simulation = await stepping(replicas=10)
    assert simulation.replicas() == {"llama:a": 10, "llama:b": 2}
    await simulation.until(lambda: simulation.weight == 50)
    assert simulation.replicas() == {"llama:a": 10, "llama:b": 10}, "equal loads"


async def test_both_bad__alike_is_held_while_stable_burns_and_never_rolled_back() -> None:
    simulation = await stepping()
    simulation.traffic.error_percent |= {"llama:a": 5, "llama:b": 5}
    await simulation.until(lambda: simulation.hold == "StableUnhealthy")
    await simulation.run(600)
    assert simulation.weight == 10
    simulation.traffic.error_percent.clear()
    attempt = await simulation.finished(3600)
    assert attempt.status.outcome == "Promoted"


# --- rolled back


async def test_bad_canary__is_rolled_back_and_quarantined_and_refused_from_then_on() -> None:
    simulation = await serving_judged()
    simulation.traffic.error_percent["llama:b"] = 20
    simulation.change(judged("llama:b"))
    attempt = await simulation.finished()
    assert (attempt.status.outcome, attempt.status.outcome_reason) == (
        "RolledBack",
        "AvailabilityHarmed",
    )
    assert attempt.status.quarantined
    assert simulation.weights == {"llama:a": 100}
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("True", "RolledBack")
    assert simulation.condition("RolledBack") == ("True", "RolledBack")
    assert simulation.replicas() == {"llama:a": 2}
    for content in (judged("llama:a"), judged("llama:b"), judged("llama:b", replicas=3)):
        simulation.change(content)
        await simulation.run(120)
    assert simulation.outcomes == ["RolledBack"]
    assert simulation.stable_image() == "llama:a"


async def test_bad_canary__is_still_refused_without_slos_and_rollout_in_the_spec() -> None:
    simulation = await serving_judged()
    simulation.traffic.error_percent["llama:b"] = 20
    simulation.change(judged("llama:b"))
    await simulation.finished()
    simulation.change(spec("llama:b", 2, routing=judged()["routing"]))
    await simulation.run(120)
    assert simulation.stable_image() == "llama:a"


async def test_bad_canary__that_shows_it_in_the_bake_only_is_rolled_back_to_warm_pods() -> None:
    simulation = await stepping(rollout={"keepStableSeconds": 600})
    await simulation.until(lambda: simulation.weight == 95)
    warm = simulation.pods_of("llama:a")
    simulation.traffic.error_percent["llama:b"] = 30
    attempt = await simulation.finished()
    assert attempt.status.outcome == "RolledBack"
    assert simulation.pods_of("llama:a") == warm
    assert simulation.weights == {"llama:a": 100}


async def test_crash_loop__in_mid_canary_is_rolled_back_in_the_next_pass() -> None:
    simulation = await stepping()
    simulation.nodes.break_pods("llama:b", "CrashLoopBackOff")
    simulation.nodes.run()
    await simulation.reconcile()
    assert simulation.newest.status.outcome_reason == "CrashLooping"
    assert simulation.weights["llama:a"] == 100
    await simulation.run(60)
    assert simulation.replicas() == {"llama:a": 2}


async def test_image_pull__that_fails_holds_and_condemns_nobody() -> None:
    simulation = await serving_judged()
    simulation.nodes.broken_images["llama:b"] = "ImagePullBackOff"
    simulation.change(judged("llama:b"))
    await simulation.run(600)
    assert simulation.hold == "ImagePullFailed"
    assert simulation.condition("Stalled") == ("True", "ImagePullFailed")
    simulation.nodes.heal_pods("llama:b")
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_frozen__after_three_failures_until_somebody_retries() -> None:
    simulation = await serving_judged()
    for image in ("llama:b", "llama:c", "llama:d"):
        simulation.traffic.error_percent[image] = 50
        simulation.change(judged(image))
        await simulation.finished()
    simulation.change(judged("llama:e"))
    await simulation.run(120)
    assert simulation.condition("Stalled") == ("True", "Frozen")
    assert simulation.outcomes == ["RolledBack"] * 3
    target = simulation.message("Stalled").rpartition("retry=")[2].partition(" ")[0]
    simulation.annotate(retry=target)
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_release__lets_a_quarantined_revision_try_again_once() -> None:
    simulation = await serving_judged()
    simulation.traffic.error_percent["llama:b"] = 50
    simulation.change(judged("llama:b"))
    attempt = await simulation.finished()
    simulation.annotate(release=attempt.spec.canary.hash)
    again = await simulation.finished()
    assert (again.spec.cause, again.spec.requested_by) == (
        "Human",
        f"release={attempt.spec.canary.hash}",
    )
    assert simulation.outcomes == ["RolledBack", "RolledBack"]
    await simulation.run(120)
    assert simulation.outcomes == ["RolledBack", "RolledBack"]


async def test_release__works_when_the_record_of_the_failure_is_gone() -> None:
    simulation = await serving_judged()
    simulation.traffic.error_percent["llama:b"] = 50
    simulation.change(judged("llama:b"))
    attempt = await simulation.finished()
    simulation.delete_child(kinds.LLM_ROLLOUT, f"{NAME}-1")
    await simulation.run(60)
    assert simulation.attempts == {}
    simulation.traffic.error_percent.clear()
    simulation.annotate(release=attempt.spec.canary.hash)
    again = await simulation.finished()
    assert again.status.outcome == "Promoted"
    assert again.spec.attempt == 2


# --- blind


async def test_prometheus_away__for_20_minutes_holds_suspends_resumes_and_promotes() -> None:
    simulation = await stepping(rollout={"minStepSeconds": 120})
    simulation.traffic.away = True
    await simulation.run(100)
    assert simulation.weight == 10
    assert Action.HOLD not in simulation.actions
    await simulation.run(60)
    assert simulation.recorded(Action.HOLD) == [
        "Prometheus does not answer. (PrometheusUnreachable)"
    ]
    await simulation.run(14 * 60 - 160)
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    await simulation.run(100)
    assert simulation.weights == {"llama:a": 100, "llama:b": 0}
    assert simulation.newest.status.outcome is None
    await simulation.run(4 * 60)
    simulation.traffic.away = False
    await simulation.until(lambda: simulation.weight == 10, 60)
    assert simulation.newest.status.step == 1
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
    assert not attempt.status.quarantined
    assert simulation.actions.count(Action.SUSPEND) == 1


async def test_prometheus_away__with_nothing_rolling_changes_nothing() -> None:
    simulation = await serving_judged()
    simulation.traffic.away = True
    with simulation.no_writes():
        await simulation.run(1200)


async def test_prometheus_away__at_the_start_waits_with_the_canary_unstarted() -> None:
    simulation = await serving_judged()
    simulation.traffic.away = True
    simulation.change(judged("llama:b"))
    await simulation.run(120)
    assert simulation.attempts == {}
    assert simulation.condition("Stalled") == ("True", "PrometheusUnreachable")
    assert simulation.condition("MetricsAvailable") == ("False", "PrometheusUnreachable")
    simulation.traffic.away = False
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_prometheus_away__for_a_moment_is_not_worth_a_record() -> None:
    simulation = await stepping(rollout={"minStepSeconds": 120})
    simulation.traffic.away = True
    await simulation.run(60)
    simulation.traffic.away = False
    await simulation.finished()
    assert not {Action.HOLD, Action.RESUME} & set(simulation.actions)


async def test_samples__that_grow_old_hold_like_no_answer() -> None:
    simulation = await stepping()
    simulation.traffic.scraping = False
    await simulation.until(lambda: Action.HOLD in simulation.actions, 400)
    assert "SamplesStale" in simulation.recorded(Action.HOLD)[0]
    simulation.traffic.scraping = True
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_gateway__that_forgot_its_counters_in_the_outage_keeps_nobody_out() -> None:
    simulation = await stepping()
    simulation.traffic.away = True
    await simulation.until(lambda: simulation.weight == 0, 1000)
    simulation.traffic.restart_gateway()
    await simulation.run(60)
    simulation.traffic.away = False
    attempt = await simulation.finished(3600)
    assert attempt.status.outcome == "Promoted"


# --- people


async def test_abort__sends_everything_back_and_refuses_the_revision() -> None:
    simulation = await stepping()
    simulation.annotate(abort=simulation.newest.spec.canary.hash, **{"requested-by": "ada"})
    attempt = await simulation.finished(30)
    assert attempt.status.outcome == "Aborted"
    assert attempt.status.decisions[-1].actor == "ada (unverified)"
    await simulation.run(120)
    assert simulation.outcomes == ["Aborted"]
    assert simulation.weights == {"llama:a": 100}


async def test_pause__stands_still_until_it_is_taken_away() -> None:
    simulation = await stepping()
    simulation.annotate(pause="true")
    await simulation.run(3 * 3600, every_seconds=600)
    assert simulation.hold == "Paused"
    assert simulation.weight == 10
    assert simulation.condition("Reconciling") == ("True", "Paused")
    simulation.annotate(pause="")
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_approval__is_waited_for_before_the_bake() -> None:
    simulation = await stepping(rollout={"approval": "BeforePromotion"})
    await simulation.until(lambda: simulation.hold == "AwaitingApproval")
    await simulation.run(3 * 3600, every_seconds=600)
    assert simulation.weights == {"llama:a": 50, "llama:b": 50}
    assert simulation.condition("Reconciling") == ("True", "AwaitingApproval")
    simulation.annotate(promote=simulation.newest.spec.canary.hash)
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


async def test_promote__skips_the_steps_and_then_the_bake() -> None:
    simulation = await stepping(rollout={"minStepSeconds": 3600, "keepStableSeconds": 3600})
    canary = simulation.newest.spec.canary.hash
    simulation.annotate(promote=canary)
    await simulation.until(lambda: simulation.weight == 95, 60)
    await simulation.run(60)
    assert simulation.open
    simulation.annotate(promote=f"{canary}@2")
    attempt = await simulation.finished(60)
    assert attempt.status.outcome == "Promoted"


# --- capacity


async def test_resource_aware__never_asks_for_more_pods_than_are_wanted() -> None:
    aware = {"capacity": "ResourceAware"}
    simulation = await stepping(replicas=4, rollout=aware)
    assert simulation.replicas() == {"llama:a": 3, "llama:b": 1}
    await simulation.until(lambda: simulation.weight == 95)
    assert simulation.replicas() == {"llama:a": 1, "llama:b": 3}
    await simulation.finished()
    assert simulation.replicas() == {"llama:b": 4}
    simulation.traffic.error_percent["llama:c"] = 50
    simulation.change(judged("llama:c", 4, rollout=aware))
    attempt = await simulation.finished()
    assert attempt.status.outcome == "RolledBack"
    await simulation.run(60)
    assert simulation.replicas() == {"llama:b": 4}


async def test_resource_aware__with_one_replica_is_refused_with_the_cure() -> None:
    content: dict[str, Any] = {"replicas": 1, "rollout": {"capacity": "ResourceAware"}}
    simulation = await serving_judged(judged(**content))
    simulation.change(judged("llama:b", **content))
    await simulation.run(60)
    assert simulation.condition("Stalled") == ("True", "InsufficientCapacity")
    assert simulation.attempts == {}


async def test_no_gateway__the_service_selects_stable_then_both_then_the_canary() -> None:
    simulation = await serving_judged(by_share(replicas=3))
    first = simulation.front
    simulation.change(by_share("llama:b", replicas=3))
    await simulation.until(lambda: simulation.open and simulation.weight > 0)
    await simulation.reconcile()
    assert simulation.weight == 25  # one of four pods: what 10 % come to
    both = simulation.front
    assert both is None
    await simulation.until(lambda: simulation.newest.status.phase == "Baking")
    await simulation.reconcile()
    assert (simulation.weight, simulation.front) == (50, None), "stable stays for comparison"
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
    assert simulation.front not in {None, first}
    assert simulation.condition("MetricsAvailable")[1] != "Read"
    assert simulation.replicas() == {"llama:b": 3}


# --- interference


async def test_route__edited_by_hand_is_restored_and_told() -> None:
    simulation = await stepping()
    simulation.edit_route(lambda backends: backends[0].update(weight=0))
    await simulation.reconcile()
    assert simulation.weights == {"llama:a": 90, "llama:b": 10}
    assert "Restored" in simulation.recorder.reasons


async def test_rollout_deleted_by_hand__a_new_attempt_begins_from_the_start() -> None:
    simulation = await stepping()
    simulation.delete_child(kinds.LLM_ROLLOUT, f"{NAME}-1")
    await simulation.reconcile()
    assert list(simulation.attempts) == [f"{NAME}-2"]
    assert simulation.weight == 0
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"


def lose_status(simulation: RolloutSimulation) -> None:
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT, "demo", NAME, lambda manifest: manifest.pop("status")
    )


@pytest.mark.parametrize("weight", [10, 50, 95])
async def test_status_lost__the_attempt_goes_on(weight: int) -> None:
    simulation = await stepping()
    await simulation.until(lambda: simulation.weight == weight)
    lose_status(simulation)
    await simulation.reconcile()
    assert simulation.stable_image() == "llama:a"
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
    assert simulation.outcomes == ["Promoted"]


@pytest.mark.parametrize("weight", [33, 50])
async def test_status_lost__without_a_gateway_a_bad_canary_does_not_become_stable(
    weight: int,
) -> None:
    simulation = await serving_judged(by_share(replicas=2))
    simulation.change(by_share("llama:b", replicas=2))
    await simulation.until(lambda: simulation.open and simulation.weight == weight)
    await simulation.reconcile()
    lose_status(simulation)
    await simulation.reconcile()
    simulation.nodes.break_pods("llama:b", "CrashLoopBackOff")
    attempt = await simulation.finished()
    assert attempt.status.outcome == "RolledBack"
    assert simulation.stable_image() == "llama:a"
    assert simulation.front_image() == "llama:a"


async def test_pods_of_stable__that_fail_are_not_held_against_the_canary() -> None:
    simulation = await stepping()
    simulation.nodes.break_pods("llama:a", "CrashLoopBackOff")
    await simulation.run(60)
    assert simulation.open
    assert simulation.weights == {"llama:b": 100}
    simulation.nodes.heal_pods("llama:a")
    attempt = await simulation.finished()
    assert attempt.status.outcome == "Promoted"
