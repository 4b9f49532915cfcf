"""Whole lives of an LLMDeployment, pass by pass, on a cluster that is simulated to the step.

`Simulation` checks after every pass that requests go to the stable revision, that it keeps its
pods, and that no more revisions run than needed.
"""

import pytest

from rocksteady import errors
from rocksteady.resources import kinds
from rocksteady.rollout.decide import RECHECK_SECONDS
from rocksteady.rollout.revisions import HISTORY_LIMIT
from tests.builders import KEY, NAME, NAMESPACE, spec, with_gateway
from tests.fakes.cluster import Fault, copy
from tests.fakes.simulation import Simulation
from tests.fakes.stories import (
    GATEWAY,
    INVALID,
    SERVING,
    rolling,
    serving,
)

# --- creation


async def test_creation__ends_with_ready_pods_behind_the_service() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a", replicas=2))
    outcome = await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.served() == 2
    assert simulation.stable == simulation.front
    assert outcome.requeue_after_seconds is None
    assert simulation.recorder.reasons == ["Serving", "Promoted"]
    names = {key[0] for key in simulation.end_state()}
    assert names == {
        "LLMDeployment",
        "ControllerRevision",
        "Deployment",
        "Service",
        "NetworkPolicy",
        "PodDisruptionBudget",
    }


async def test_creation__reports_while_pods_start() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a", replicas=2))
    outcome = await simulation.reconcile()
    assert simulation.conditions == {
        "Ready": "False/Starting",
        "Reconciling": "True/ReplicasStarting",
        "Stalled": "False/NotStalled",
    }
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    assert simulation.status["observedGeneration"] == 1
    assert simulation.status["address"] == "http://chat.demo.svc:80/v1"
    assert simulation.status["revisions"] == {
        "canary": {"hash": simulation.front, "number": 1, "replicas": 2, "readyReplicas": 0}
    }


async def test_creation__with_an_image_that_cannot_be_pulled_says_so_and_heals() -> None:
    broken = {"llama:a": "ImagePullBackOff"}
    simulation = Simulation(broken_images=broken)
    simulation.create(spec("llama:a"))
    outcome = await simulation.settle()
    assert simulation.condition("Ready") == ("False", "ImagePullFailed")
    assert simulation.condition("Stalled") == ("True", "ImagePullFailed")
    assert "Check spec.engine.image and the pull secret." in simulation.message("Stalled")
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    simulation.change(spec("llama:b"))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 1}


async def test_deletion__leaves_nothing_to_do() -> None:
    simulation = await serving()
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    assert simulation.cluster.objects == {}
    with simulation.no_writes():
        outcome = await simulation.reconcile_gone()
    assert outcome.summary == "gone"
    assert simulation.observer.gone == [KEY]


async def test_deletion__in_the_foreground_is_not_worked_against() -> None:
    simulation = await serving()
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT,
        NAMESPACE,
        NAME,
        lambda manifest: manifest["metadata"].update(deletionTimestamp="2026-11-23T12:00:00Z"),
    )
    simulation.delete_child(kinds.SERVICE, NAME)
    with simulation.no_writes():
        outcome = await simulation.reconcile_gone()
    assert outcome.summary == "gone"


async def test_creation__under_the_name_of_one_just_deleted_takes_over_what_is_left() -> None:
    simulation = await serving()
    simulation.cluster.collects_garbage = False
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    simulation.create(spec("llama:b"), uid="22222222-2222-2222-2222-222222222222")
    await simulation.settle()
    simulation.cluster.collects_garbage = True
    simulation.cluster.collect_garbage()
    with simulation.no_writes():
        await simulation.reconcile()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 1}


# --- changes


async def test_change__replaces_the_revision_without_a_gap() -> None:
    simulation = await rolling(replicas=2)
    assert simulation.conditions == {
        "Ready": "True/Serving",
        "Reconciling": "True/RollingOut",
        "Stalled": "False/NotStalled",
    }
    assert simulation.front_image() == "llama:a"
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 2}
    assert simulation.status["revisions"]["stable"]["number"] == 2
    assert "canary" not in simulation.status["revisions"]
    assert simulation.recorder.reasons == ["Serving", "Promoted", "Promoted"]


async def test_change__serves_from_the_old_revision_for_as_long_as_the_new_one_is_broken() -> None:
    simulation = await serving(replicas=2)
    simulation.nodes.broken_images["llama:b"] = "CrashLoopBackOff"
    simulation.change(spec("llama:b", replicas=2))
    await simulation.settle()
    assert simulation.conditions == {
        "Ready": "True/Serving",
        "Reconciling": "True/RollingOut",
        "Stalled": "True/CrashLooping",
    }
    assert simulation.front_image() == "llama:a"
    assert simulation.served() == 2


async def test_change__back_in_the_middle_stops_the_new_revision() -> None:
    simulation = await rolling()
    simulation.change(spec("llama:a"))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:a": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 1


async def test_change__back_after_the_end_runs_the_recorded_revision_again() -> None:
    simulation = await serving()
    first = simulation.end_state()
    for image in ("llama:b", "llama:a"):
        simulation.change(spec(image))
        await simulation.settle()
    assert simulation.replicas() == {"llama:a": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 1
    again = simulation.end_state()
    assert first.keys() <= again.keys()
    same = {key for key in first if first[key] == again[key]}
    assert first.keys() - same <= {("LLMDeployment", NAMESPACE, NAME)}


async def test_change__to_a_third_revision_drops_the_second() -> None:
    simulation = await rolling()
    simulation.change(spec("llama:c"))
    await simulation.reconcile()
    assert set(simulation.replicas()) == {"llama:a", "llama:c"}
    await simulation.settle()
    assert simulation.replicas() == {"llama:c": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 3


async def test_change__of_what_does_not_behave_starts_no_revision() -> None:
    simulation = await serving()
    before = set(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION))
    simulation.change(spec("llama:a", rollout={"minStepSeconds": 600}))
    await simulation.settle()
    assert set(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION)) == before
    assert simulation.status["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 3, id="up"),
        pytest.param(3, 1, id="down"),
        pytest.param(2, 0, id="to zero"),
        pytest.param(0, 2, id="from zero"),
    ],
)
async def test_scaling__changes_the_pods_of_the_revision(before: int, after: int) -> None:
    simulation = Simulation()
    simulation.create(spec(replicas=before))
    await simulation.settle()
    simulation.change(spec(replicas=after))
    await simulation.settle()
    assert simulation.replicas() == {"llama:a": after}
    assert simulation.served() == after
    ready = "True/Serving" if after else "False/ScaledToZero"
    assert simulation.conditions == {**SERVING, "Ready": ready}
    assert len(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 3, id="up"),
        pytest.param(3, 1, id="down"),
        pytest.param(2, 0, id="to zero"),
    ],
)
async def test_scaling__in_the_middle_of_a_rollout_reaches_both(before: int, after: int) -> None:
    simulation = await rolling(replicas=before)
    simulation.change(spec("llama:b", replicas=after))
    await simulation.reconcile()
    assert simulation.replicas() == {"llama:a": after, "llama:b": after}
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": after}


# --- invalid specs


async def test_invalid_spec__at_creation_starts_nothing_and_says_why() -> None:
    simulation = Simulation()
    simulation.create(INVALID)
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.condition("Ready") == ("False", "InvalidSpec")
    assert "spec.replicas" in simulation.message("Stalled")
    assert set(simulation.cluster.objects) == {("LLMDeployment", NAMESPACE, NAME)}
    simulation.change(spec())
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_invalid_spec__in_the_middle_of_a_rollout_holds_both_revisions() -> None:
    simulation = await rolling(replicas=2)
    before = simulation.replicas()
    simulation.change(INVALID)
    await simulation.settle()
    assert simulation.replicas() == before
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.served() == 2
    simulation.change(spec("llama:b", replicas=2))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 2}


async def test_invalid_spec__keeps_everything_that_the_valid_one_had() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    before = simulation.end_state()
    simulation.change(INVALID)
    await simulation.settle()
    after = simulation.end_state()
    del before["LLMDeployment", NAMESPACE, NAME], after["LLMDeployment", NAMESPACE, NAME]
    assert after == before


# --- history


async def test_history__keeps_the_stable_revision_and_the_limit() -> None:
    simulation = await serving()
    for number in range(HISTORY_LIMIT + 4):
        simulation.change(spec(f"llama:v{number}"))
        await simulation.settle()
    records = simulation.cluster.of_kind(kinds.CONTROLLER_REVISION).values()
    numbers = sorted(record["revision"] for record in records)
    last = HISTORY_LIMIT + 5
    assert numbers == list(range(last - HISTORY_LIMIT, last + 1))
    assert simulation.status["revisions"]["stable"]["number"] == last
    assert len(simulation.cluster.of_kind(kinds.DEPLOYMENT)) == 1


# --- interruptions


async def test_conflict__somebody_changes_the_spec_in_the_middle_of_a_pass() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a"))
    original = simulation.cluster.on_write

    def change_once() -> None:
        simulation.cluster.on_write = original
        simulation.change(spec("llama:b"))

    simulation.cluster.on_write = change_once
    with pytest.raises(errors.Conflict):
        await simulation.reconcile()
    assert "status" not in simulation.manifest
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}


async def test_failure__of_a_write_ends_the_pass_and_the_next_goes_on() -> None:
    simulation = Simulation()
    simulation.create(spec())
    simulation.cluster.inject(Fault(3, errors.ClusterError("500", 500)))
    with pytest.raises(errors.ClusterError):
        await simulation.reconcile()
    assert len(simulation.cluster.writes) == 2
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_lost_lease__ends_the_pass_before_the_write() -> None:
    simulation = Simulation()
    simulation.create(spec())
    simulation.cluster.inject(Fault(3, errors.NotLeader("lost")))
    with pytest.raises(errors.NotLeader):
        await simulation.reconcile()
    assert len(simulation.cluster.writes) == 2


async def test_scaling__up_does_not_say_that_nobody_is_served() -> None:
    simulation = Simulation()
    simulation.create(spec(replicas=2))
    await simulation.settle()
    simulation.change(spec(replicas=3))
    for _ in range(3):  # the Deployment's controller has not looked yet
        await simulation.reconcile()
        assert simulation.condition("Ready") == ("True", "Serving")
        assert simulation.condition("Reconciling") == ("True", "ReplicasStarting")
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.recorder.reasons.count("Serving") == 1
