"""Each folder `owned/<case>` holds a spec and everything that the operator makes of it.

`ROCKSTEADY_UPDATE_GOLDEN=1 pytest tests/golden` writes what is rendered; review the difference as a
change of behaviour.
"""

import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from rocksteady.ports import Manifest
from rocksteady.reconcile.observe import observe
from rocksteady.reconcile.render import render
from rocksteady.resources import kinds
from rocksteady.rollout.decide import decide
from rocksteady.settings import Settings
from tests.builders import KEY, NAMESPACE, NOW
from tests.fakes.simulation import Simulation

ROOT = Path(__file__).parent / "owned"
CASES = sorted(path.parent for path in ROOT.glob("*/input.yaml"))
UPDATE = os.environ.get("ROCKSTEADY_UPDATE_GOLDEN") == "1"
SETTINGS = Settings(
    fetch_image="example/rocksteady:0.1.0", client_namespaces=("traefik", "monitoring")
)
TEMPLATES = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "templates", "namespace": NAMESPACE},
    "data": {"chat.jinja": "{{ messages }}"},
}


async def rendered(case: Path) -> list[Manifest]:
    """What one pass over a new LLMDeployment holds."""
    simulation = Simulation()
    simulation.cluster.put(TEMPLATES)
    simulation.create(yaml.safe_load((case / "input.yaml").read_text(encoding="utf-8")))
    snapshot = await observe(KEY, simulation.cluster, NOW)
    assert snapshot is not None
    return render(snapshot, decide(snapshot.observation), SETTINGS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_render__makes_what_is_on_file(case: Path) -> None:
    text = yaml.safe_dump_all(await rendered(case), sort_keys=True, width=96)
    expected = case / "expected.yaml"
    if UPDATE:
        expected.write_text(text, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("version", ["1.32", "1.34", "1.37"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_render__makes_what_the_kubernetes_schemas_allow(case: Path, version: str) -> None:
    for manifest in await rendered(case):
        if manifest["kind"] != kinds.HTTP_ROUTE.kind:  # no part of Kubernetes itself
            kubernetes_validate.validate(manifest, version, strict=True)
