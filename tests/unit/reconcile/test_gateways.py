"""A route that is wanted is a route that is needed: without it nobody is served."""

from rocksteady.resources import kinds
from rocksteady.rollout.decide import RECHECK_SECONDS
from tests.builders import NAME, NAMESPACE, spec, with_gateway
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.simulation import Simulation
from tests.fakes.stories import ENGINE_WITH_PROMPT, GATEWAY, SERVING, full


async def test_gateway__missing_is_said_and_heals_when_it_comes() -> None:
    simulation = Simulation()
    simulation.create(spec(routing=with_gateway("inference")))
    outcome = await simulation.settle()
    assert simulation.condition("Ready") == ("False", "GatewayNotFound")
    assert simulation.condition("Stalled") == ("True", "GatewayNotFound")
    assert simulation.message("Stalled") == (
        "Gateway demo/inference does not exist. Create it (and install the Gateway API), or correct"
        " spec.routing.gateway.parentRefs."
    )
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    simulation.cluster.put(copy(GATEWAY))
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__without_the_gateway_api_is_said_and_heals_when_it_is_installed() -> None:
    simulation = Simulation(FakeCluster(without=(kinds.GATEWAY, kinds.HTTP_ROUTE)))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    assert simulation.condition("Ready") == ("False", "GatewayNotFound")
    assert simulation.condition("Stalled") == ("True", "GatewayNotFound")
    assert simulation.served() == 1
    simulation.change(spec("llama:b", routing=with_gateway("inference")))
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}
    simulation.cluster.without.clear()
    simulation.cluster.put(copy(GATEWAY))
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__without_the_named_listener_is_said() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    parent = {"name": "inference", "sectionName": "https"}
    simulation.create(spec(routing={"gateway": {"parentRefs": [parent]}}))
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "GatewayListenerNotFound")
    assert simulation.message("Stalled") == (
        "Gateway demo/inference has no listener https, only http. Correct sectionName in"
        " spec.routing.gateway.parentRefs."
    )


async def test_gateway__that_refuses_the_route_is_said() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    route = copy(simulation.cluster.objects["HTTPRoute", NAMESPACE, NAME])
    route["status"]["parents"][0]["conditions"][0] |= {
        "status": "False",
        "reason": "NotAllowedByListeners",
        "message": "namespace demo is not allowed.",
    }
    simulation.cluster.put(route)
    await simulation.reconcile()
    assert simulation.condition("Ready") == ("False", "RouteRefused")
    assert simulation.message("Stalled") == (
        "Gateway inference refuses the route (NotAllowedByListeners): namespace demo is not"
        " allowed. Check spec.routing.gateway."
    )


async def test_gateway__that_has_not_seen_the_last_change_has_not_accepted_it() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    simulation.change(spec(routing=with_gateway("inference", hostnames=["chat.example.com"])))
    await simulation.reconcile()
    await simulation.reconcile()
    assert simulation.condition("Ready") == ("False", "RoutePending")
    simulation.nodes.run()
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__taken_out_of_the_spec_takes_the_route_away() -> None:
    simulation = await full()
    simulation.change(spec(engine=ENGINE_WITH_PROMPT))
    await simulation.settle()
    assert simulation.cluster.of_kind(kinds.HTTP_ROUTE) == {}
    assert simulation.conditions == SERVING


async def test_gateway__route_goes_to_the_revision_that_serves() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    routing = with_gateway("inference")
    simulation.create(spec("llama:a", routing=routing))
    await simulation.settle()
    simulation.change(spec("llama:b", routing=routing))
    await simulation.reconcile()
    assert backends(simulation) == [f"{NAME}-{simulation.front}"]
    assert simulation.front_image() == "llama:a"
    await simulation.settle()
    assert backends(simulation) == [f"{NAME}-{simulation.stable}"]
    assert simulation.front_image() == "llama:b"


def backends(simulation: Simulation) -> list[str]:
    [rule] = simulation.cluster.objects["HTTPRoute", NAMESPACE, NAME]["spec"]["rules"]
    return [backend["name"] for backend in rule["backendRefs"]]


async def test_gateway__that_has_not_taken_the_new_route_keeps_the_old_revision_running() -> None:
    # Given a model that serves behind a gateway, whose controller then goes away
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec("llama:a", routing=with_gateway("inference")))
    await simulation.settle()

    def all_but_the_route() -> None:
        while steps := [
            one for one in simulation.nodes.steps() if not one.name.startswith("route")
        ]:
            for step in steps:
                step.happen()

    # When a changed revision gets ready
    simulation.change(spec("llama:b", routing=with_gateway("inference")))
    for _ in range(8):
        await simulation.reconcile()
        all_but_the_route()

    # Then both run, since requests may still go to the old one
    assert simulation.replicas() == {"llama:a": 1, "llama:b": 1}
    assert simulation.condition("Reconciling") == ("True", "RoutePending")

    # And when the controller is back, the old one goes
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}
    assert simulation.conditions == SERVING
