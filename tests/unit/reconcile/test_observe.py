"""What of the cluster a decision rests on."""

import pytest

from rocksteady import errors
from rocksteady.ports import Manifest
from rocksteady.reconcile.observe import observe
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from rocksteady.rollout.observation import Workload
from tests.builders import KEY, NAME, NAMESPACE, NOW, spec
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.simulation import Simulation


async def seen(simulation: Simulation) -> Snapshot:
    snapshot = await observe(KEY, simulation.cluster, NOW)
    assert snapshot is not None
    return snapshot


async def workload(simulation: Simulation) -> Workload:
    [found] = (await seen(simulation)).observation.workloads.values()
    return found


async def serving(replicas: int = 2) -> Simulation:
    simulation = Simulation()
    simulation.create(spec(replicas=replicas))
    await simulation.settle()
    return simulation


def deployment(simulation: Simulation) -> Manifest:
    [found] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    return copy(found)


async def test_observe__is_none_when_there_is_nothing() -> None:
    assert await observe(KEY, FakeCluster(), NOW) is None


async def test_observe__counts_wanted_existing_and_ready_pods() -> None:
    assert await workload(await serving()) == Workload(wanted=2, existing=2, ready=2)


async def test_observe__tells_whether_the_controller_saw_the_last_change() -> None:
    simulation = await serving()
    found = deployment(simulation)
    found["spec"]["replicas"] = 1
    simulation.cluster.put(found)
    assert await workload(simulation) == Workload(wanted=1, existing=2, ready=1, current=False)
    simulation.nodes.run()
    assert await workload(simulation) == Workload(wanted=1, existing=1, ready=1)


async def test_observe__counts_no_more_ready_pods_than_are_wanted() -> None:
    simulation = await serving()
    found = deployment(simulation)
    found["status"]["readyReplicas"] = 5
    simulation.cluster.put(found)
    assert (await workload(simulation)).ready == 2


async def test_observe__a_deployment_without_a_status_has_no_pods() -> None:
    simulation = await serving()
    found = deployment(simulation)
    del found["status"]
    simulation.cluster.put(found)
    assert await workload(simulation) == Workload(wanted=2, existing=0, ready=0, current=False)


async def test_observe__looks_for_trouble_only_while_pods_are_missing() -> None:
    simulation = await serving()
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    found = deployment(simulation)
    found["status"]["conditions"] = [late]
    simulation.cluster.put(found)
    assert (await workload(simulation)).trouble is None
    found["status"]["readyReplicas"] = 1
    simulation.cluster.put(found)
    trouble = (await workload(simulation)).trouble
    assert trouble is not None
    assert trouble.reason == "NotStarted"


async def test_observe__sees_only_what_this_very_object_controls() -> None:
    simulation = await serving()
    foreign = deployment(simulation)
    foreign["metadata"] |= {"name": "foreign", "uid": "foreign"}
    foreign["metadata"]["ownerReferences"][0]["uid"] = "of another"
    simulation.cluster.collects_garbage = False
    simulation.cluster.put(foreign)
    live = (await seen(simulation)).live
    assert live.find(kinds.DEPLOYMENT, "foreign") is None
    assert len(list(live.of_kind(kinds.DEPLOYMENT))) == 1


async def test_observe__names_the_invalid_fields() -> None:
    simulation = Simulation()
    simulation.create({**spec(), "replicas": -1})
    observation = (await seen(simulation)).observation
    assert observation.target is None
    assert observation.deployment is None
    assert observation.obstacle is not None
    assert observation.obstacle.reason == "InvalidSpec"
    assert observation.obstacle.message.startswith("spec.replicas: ")


class SilentFor(FakeCluster):
    """Does not list one kind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._silent = kind

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        if kind is self._silent:
            raise errors.ClusterError(f"no answer about {kind.plural}")
        return await super().list(kind, namespace, label_selector)


@pytest.mark.parametrize("kind", [kinds.POD, *kinds.OWNED], ids=lambda kind: kind.kind)
async def test_observe__what_cannot_be_read_is_not_taken_for_missing(kind: Kind) -> None:
    simulation = Simulation(SilentFor(kind))
    simulation.create(spec())
    with simulation.no_writes(), pytest.raises(errors.ClusterError, match=kind.plural):
        await simulation.reconcile()
    assert simulation.manifest["metadata"]["name"] == NAME
    assert simulation.manifest["metadata"]["namespace"] == NAMESPACE
