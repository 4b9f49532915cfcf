"""What people ask for, at a real API server: from the command line to what stands there then."""

import time

from click.testing import CliRunner, Result

from rocksteady.__main__ import main
from tests.apiserver.conftest import LLMDEPLOYMENTS, ApiServer
from tests.builders import llm_deployment

STATUS = {
    "observedGeneration": 1,
    "revisions": {"canary": {"hash": "bbbbbbbbbb", "number": 2}},
    "rollout": {"name": "asked-1", "phase": "Stepping"},
}


def run(server: ApiServer, *arguments: str) -> Result:
    where = ("-n", "default", "--kubeconfig", str(server.kubeconfig))
    return CliRunner().invoke(main, [*arguments, *where])


def test_requests__are_annotations_in_the_name_of_who_asks(api: ApiServer) -> None:
    _wait_served(api)
    manifest = llm_deployment(name="asked", namespace="default")
    assert api.create(manifest).code == 201
    merge = "application/merge-patch+json"
    path = f"{LLMDEPLOYMENTS}/asked/status"
    assert api.request("PATCH", path, {"status": STATUS}, merge).code == 200

    promoted, paused = run(api, "promote", "asked"), run(api, "pause", "asked")

    assert (promoted.exit_code, paused.exit_code) == (0, 0), promoted.output + paused.output
    metadata = api.request("GET", f"{LLMDEPLOYMENTS}/asked").body["metadata"]
    annotations = metadata["annotations"]
    assert annotations["rocksteady.dev/promote"] == "bbbbbbbbbb"
    assert annotations["rocksteady.dev/pause"] == "true"
    assert annotations["rocksteady.dev/requested-by"]
    managers = {one["manager"] for one in metadata["managedFields"]}
    assert "kubectl-rocksteady" in managers
    assert "rocksteady" not in managers
    assert run(api, "status", "asked").exit_code == 0
    assert run(api, "resume", "asked").exit_code == 0
    metadata = api.request("GET", f"{LLMDEPLOYMENTS}/asked").body["metadata"]
    assert "rocksteady.dev/pause" not in metadata["annotations"]


def _wait_served(server: ApiServer) -> None:
    """Wait until the API server has its storage of the second kind ready too."""
    rollouts = LLMDEPLOYMENTS.replace("llmdeployments", "llmrollouts")
    deadline = time.monotonic() + 30
    while server.request("GET", rollouts).code != 200:
        assert time.monotonic() < deadline, "llmrollouts were not served within 30 s"
        time.sleep(0.1)
