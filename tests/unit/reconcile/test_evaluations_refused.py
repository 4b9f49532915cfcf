"""An API server that does not take what asks a revision: everything else goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from rocksteady import errors
from rocksteady.reconcile.reconciler import REJECTED_SECONDS
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, scores, suite
from tests.fakes.rollouts import judged

pytestmark = pytest.mark.timeout(180)

ERRORS = [
    pytest.param(errors.ClusterError("failed calling webhook", 500), id="a webhook that is away"),
    pytest.param(errors.Invalid("spec.template: Invalid value", 422), id="it is invalid"),
    pytest.param(errors.Forbidden("exceeded quota", 403), id="a quota"),
    pytest.param(errors.Conflict("the object has been modified", 409), id="somebody else wrote"),
    pytest.param(errors.NotServed("no such kind", 404), id="nobody serves the kind"),
    pytest.param(errors.ClusterError("no answer in 10 s"), id="no answer"),
]


def evaluated(image: str = "llama:a", stage: str = "BeforeTraffic") -> dict[str, Any]:
    return judged(image, evaluations=[{"suite": GOLDEN, "stage": stage}])


def refuse(
    simulation: EvaluatedSimulation, error: Exception, is_refused: Callable[[Kind, str], bool]
) -> Callable[[], None]:
    """Let the API server fail for some objects; returns what lets it take them again."""
    cluster = simulation.cluster
    apply, delete = cluster.apply, cluster.delete

    async def failing_apply(kind: Kind, manifest: dict[str, Any]) -> dict[str, Any]:
        if is_refused(kind, manifest["metadata"]["name"]):
            raise error
        return await apply(kind, manifest)

    async def failing_delete(kind: Kind, namespace: str, name: str, uid: str) -> None:
        if is_refused(kind, name):
            raise error
        await delete(kind, namespace, name, uid)

    def mend() -> None:
        cluster.apply, cluster.delete = apply, delete  # type: ignore[method-assign]

    cluster.apply = failing_apply  # type: ignore[method-assign]
    cluster.delete = failing_delete  # type: ignore[method-assign]
    return mend


async def serving() -> EvaluatedSimulation:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite())
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(60)
    return simulation


@pytest.mark.parametrize("error", ERRORS[:2])
async def test_job_that_is_refused__holds_the_canary_says_why_and_stops_nothing_else(
    error: Exception,
) -> None:
    simulation = await serving()
    mend = refuse(simulation, error, lambda kind, _: kind == kinds.JOB)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.condition("Stalled")[1] == "RunnerRefused")

    assert simulation.open
    assert simulation.weight == 0
    assert simulation.condition("EvaluationsPassed") == ("False", "EvaluationError")
    assert f"cannot be written: {error}." in simulation.message("Stalled")
    assert simulation.condition("Ready") == ("True", "Serving")

    mend()
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.condition("Stalled") == ("False", "NotStalled")


async def test_job_that_is_refused__is_tried_again_though_nothing_wakes_anybody() -> None:
    simulation = await serving()
    refuse(simulation, errors.ClusterError("away", 500), lambda kind, _: kind == kinds.JOB)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.condition("Stalled")[1] == "RunnerRefused")

    outcome = await simulation.reconcile()

    assert outcome.requeue_after_seconds is not None
    assert outcome.requeue_after_seconds <= REJECTED_SECONDS


async def test_job_that_is_refused__at_the_last_step_leaves_the_route_to_the_operator() -> None:
    simulation = await serving()
    refuse(simulation, errors.ClusterError("away", 500), lambda kind, _: kind == kinds.JOB)
    simulation.change(evaluated("llama:b", stage="BeforePromotion"))
    await simulation.until(lambda: simulation.condition("Stalled")[1] == "RunnerRefused")
    assert simulation.weight > 0

    simulation.change(evaluated("llama:a"))
    await simulation.finished()

    assert simulation.weights == {"llama:a": 100}
    assert simulation.replicas() == {"llama:a": 2}, "what is not wanted is pruned"


async def test_first_revision__whose_job_is_refused_says_so_and_serves_nobody() -> None:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated())
    mend = refuse(simulation, errors.Forbidden("quota", 403), lambda kind, _: kind == kinds.JOB)
    await simulation.run(60)
    assert simulation.condition("Ready") == ("False", "RunnerRefused")
    assert simulation.served() == 0

    mend()
    await simulation.run(60)
    assert simulation.condition("Ready") == ("True", "Serving")


@pytest.mark.parametrize("error", ERRORS)
async def test_content_that_is_refused__is_the_trouble_of_its_runs(error: Exception) -> None:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated())
    refuse(simulation, error, lambda _, name: "-suite-" in name)
    await simulation.run(60)

    assert simulation.condition("Ready") == ("False", "RunnerRefused")
    assert simulation.jobs() == []


@pytest.mark.parametrize("error", ERRORS[:2])
async def test_result_that_cannot_be_kept__stays_in_its_job_and_stops_nothing(
    error: Exception,
) -> None:
    simulation = await serving()
    mend = refuse(
        simulation, error, lambda kind, name: kind == kinds.CONFIG_MAP and "-eval-" in name
    )
    simulation.change(evaluated("llama:b"))
    await simulation.finished()

    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+40", "llama:b 0+40"]
    assert len(simulation.jobs()) == 1
    mend()
    await simulation.run(90)
    assert len(simulation.kept_results()) == 2
    assert simulation.jobs() == []


@pytest.mark.parametrize("error", ERRORS[:1])
async def test_job_that_cannot_be_deleted__keeps_nothing_else(error: Exception) -> None:
    simulation = EvaluatedSimulation(scores())
    delete = simulation.cluster.delete

    async def failing(kind: Kind, namespace: str, name: str, uid: str) -> None:
        if kind == kinds.JOB:
            raise error
        await delete(kind, namespace, name, uid)

    simulation.cluster.delete = failing  # type: ignore[method-assign]
    simulation.cluster.put(suite())
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(evaluated("llama:b"))
    await simulation.finished()

    assert simulation.outcomes == ["Promoted"]
    assert simulation.replicas() == {"llama:b": 2}
    assert len(simulation.jobs()) == 2
    simulation.cluster.delete = delete  # type: ignore[method-assign]
    await simulation.run(90)
    assert simulation.jobs() == []
