"""The chart's roles at a real API server: what people who are bound to them may do."""

from typing import Any

import pytest

from tests.apiserver.conftest import ApiServer
from tests.chart_roles import chart_roles

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(60, func_only=True)]

RBAC = "/apis/rbac.authorization.k8s.io/v1"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@pytest.fixture(scope="module")
def bound(server: ApiServer) -> ApiServer:
    """The API server with each role bound, in one namespace, to a user of the role's name."""
    for name, role in chart_roles().items():
        binding: dict[str, Any] = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": name,
            },
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        }
        for path, manifest in ((f"{RBAC}/clusterroles", role), (BINDINGS, binding)):
            created = server.request("POST", path, manifest, fieldValidation="Strict")
            assert created.code in {201, 409}, created.message
    return server


@pytest.mark.parametrize(
    ("user", "verb", "resource", "namespace", "allowed"),
    [
        pytest.param("rocksteady-suite-owner", "update", "evaluationsuites", "default", True,
                     id="a suite owner edits suites"),
        pytest.param("rocksteady-suite-owner", "update", "llmdeployments", "default", False,
                     id="a suite owner edits no deployment"),
        pytest.param("rocksteady-suite-owner", "update", "evaluationsuites", "kube-system", False,
                     id="a suite owner edits no suite of another namespace"),
        pytest.param("rocksteady-deployer", "update", "llmdeployments", "default", True,
                     id="a deployer edits deployments"),
        pytest.param("rocksteady-deployer", "update", "evaluationsuites", "default", False,
                     id="a deployer edits no suite"),
        pytest.param("rocksteady-deployer", "promote", "llmdeployments", "default", False,
                     id="a deployer does not promote"),
        pytest.param("rocksteady-approver", "promote", "llmdeployments", "default", True,
                     id="an approver promotes"),
        pytest.param("rocksteady-approver", "update", "evaluationsuites", "default", False,
                     id="an approver edits no suite"),
        pytest.param("rocksteady-viewer", "list", "llmrollouts", "default", True,
                     id="a viewer reads the records"),
        pytest.param("rocksteady-viewer", "patch", "llmdeployments", "default", False,
                     id="a viewer asks for nothing"),
    ],
)  # fmt: skip
def test_roles__allow(
    bound: ApiServer,
    user: str,
    verb: str,
    resource: str,
    namespace: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "group": "rocksteady.dev",
                "resource": resource,
                "verb": verb,
                "namespace": namespace,
            },
        },
    }

    answer = bound.request("POST", REVIEWS, review)

    assert answer.code == 201, answer.message
    assert answer.body["status"].get("allowed", False) is allowed
