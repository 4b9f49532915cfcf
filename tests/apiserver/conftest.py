"""A real API server with etcd and the CRDs installed: one for each Kubernetes version asked for."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from kubernetes import client, config

from hack.gen_crds import render_crds
from hack.local_cluster.control_plane import api_server
from hack.local_cluster.tools import KUBERNETES_VERSION

VERSIONS = os.environ.get("ROCKSTEADY_KUBERNETES_VERSIONS", KUBERNETES_VERSION).split(",")

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LLMDEPLOYMENTS = "/apis/rocksteady.dev/v1alpha1/namespaces/default/llmdeployments"
SUITES = "/apis/rocksteady.dev/v1alpha1/namespaces/default/evaluationsuites"
_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    """What the API server said.

    Attributes:
        code: HTTP status code.
        body: The object, or the Status that says why not.
        warnings: `Warning` headers, which kubectl shows.
    """

    code: int
    body: dict[str, Any]
    warnings: str = ""

    @property
    def message(self) -> str:
        """Why not; empty when it is an object."""
        return str(self.body.get("message", ""))


class ApiServer:
    """Requests as the administrator.

    Args:
        kubeconfig: Of the API server.
        version: Of Kubernetes.
    """

    def __init__(self, kubeconfig: Path, version: str) -> None:
        self.kubeconfig = kubeconfig
        self.version = version
        configuration = client.Configuration()
        config.load_kube_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), client_configuration=configuration
        )
        self._client = client.ApiClient(configuration)
        self._server = configuration.host

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        **query: str,
    ) -> Answer:
        """One request; any answer is returned, none raises."""
        url = f"{self._server}{path}?{urlencode(query)}"
        headers = {"Content-Type": content_type, "Accept": accept}
        try:
            answer: Any = self._client.call_api(method, url, headers, body)
            text = answer.read()
        except client.ApiException as error:
            return Answer(error.status or 0, json.loads(error.body or "{}"))
        return Answer(answer.status, json.loads(text), answer.getheaders().get("Warning", ""))

    def create(self, manifest: dict[str, Any], path: str = LLMDEPLOYMENTS, **query: str) -> Answer:
        """Create an object, with the strict field validation that kubectl asks for."""
        query = {"fieldValidation": "Strict", **query}
        return self.request("POST", path, manifest, **query)

    def apply(self, manifest: dict[str, Any], manager: str, subresource: str = "") -> Answer:
        """Server-side apply an LLMDeployment, without taking over what others own."""
        path = f"{LLMDEPLOYMENTS}/{manifest['metadata']['name']}{subresource}"
        return self.request("PATCH", path, manifest, _APPLY, fieldManager=manager)


@pytest.fixture(scope="session", params=VERSIONS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """An API server with the CRDs installed; compiled when missing, which takes minutes."""
    version: str = request.param
    with api_server(version, tmp_path_factory.mktemp("apiserver")) as kubeconfig:
        running = ApiServer(kubeconfig, version)
        for text in render_crds().values():
            crd = yaml.safe_load(text)
            created = running.request("POST", CRDS, crd, fieldValidation="Strict")
            assert created.code == 201, created.message
            _wait_established(running, crd["metadata"]["name"])
        yield running


@pytest.fixture
def api(server: ApiServer) -> Iterator[ApiServer]:
    """The API server, without any LLMDeployment or EvaluationSuite before and after."""
    yield server
    server.request("DELETE", LLMDEPLOYMENTS)
    server.request("DELETE", SUITES)


def _wait_established(running: ApiServer, name: str) -> None:
    """Wait until the API server serves the kind: it does so a little after it says Established."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        established = '"type": "Established"' in json.dumps(
            running.request("GET", f"{CRDS}/{name}").body.get("status", {})
        )
        if established and running.request("GET", LLMDEPLOYMENTS).code == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} was not established within 30 s")
