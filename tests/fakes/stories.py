"""Where stories of an LLMDeployment begin: something that serves, or is about to."""

from typing import Any

from rocksteady.ports import Manifest
from tests.builders import NAMESPACE, spec, with_gateway
from tests.fakes.cluster import copy
from tests.fakes.simulation import Simulation

SERVING = {
    "Ready": "True/Serving",
    "Reconciling": "False/Settled",
    "Stalled": "False/NotStalled",
}
INVALID = {**spec("llama:a"), "replicas": -1}
GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "inference", "namespace": NAMESPACE},
    "spec": {"listeners": [{"name": "http"}]},
}


ENGINE_WITH_PROMPT: dict[str, Any] = {
    "type": "llamacpp",
    "image": "llama:a",
    "env": [
        {
            "name": "PROMPT",
            "valueFrom": {"configMapKeyRef": {"name": "prompts", "key": "system"}},
        }
    ],
}


def prompts(text: str, key: str = "system") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prompts", "namespace": NAMESPACE},
        "data": {key: text},
    }


async def serving(**fields: Any) -> Simulation:
    """A simulation in which the first revision, image llama:a, serves."""
    simulation = Simulation()
    simulation.create(spec("llama:a", **fields))
    await simulation.settle()
    assert simulation.conditions == SERVING
    return simulation


async def rolling(**fields: Any) -> Simulation:
    """A simulation in which llama:a serves and llama:b has just been started."""
    simulation = await serving(**fields)
    simulation.change(spec("llama:b", **fields))
    await simulation.reconcile()
    assert set(simulation.replicas()) == {"llama:a", "llama:b"}
    return simulation


async def full() -> Simulation:
    """A simulation that owns one of every kind."""
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.cluster.put(prompts("Be kind."))
    simulation.create(spec(routing=with_gateway("inference"), engine=ENGINE_WITH_PROMPT))
    await simulation.settle()
    assert simulation.conditions == SERVING
    return simulation
