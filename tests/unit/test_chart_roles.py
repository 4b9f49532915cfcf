"""What the chart's roles allow, and to whom of Kubernetes' own roles those of people are added."""

import kubernetes_validate
import pytest

from rocksteady import conventions
from tests.chart_roles import allows, chart_roles, operator_role

OWNER, DEPLOYER = "rocksteady-suite-owner", "rocksteady-deployer"
APPROVER, VIEWER = "rocksteady-approver", "rocksteady-viewer"
RESULTS = "rocksteady-results-viewer"
SUITES, DEPLOYMENTS = conventions.SUITE_PLURAL, conventions.PLURAL
ROLLOUTS = conventions.ROLLOUT_PLURAL
ROLES = chart_roles()
OURS = [OWNER, DEPLOYER, APPROVER, VIEWER]
READS = {"get", "list", "watch"}
WRITES = ("create", "update", "patch", "delete", "deletecollection")
REQUESTS = [
    annotation.partition("/")[2]
    for annotation in (
        conventions.ANNOTATION_PROMOTE,
        conventions.ANNOTATION_ABORT,
        conventions.ANNOTATION_RETRY,
        conventions.ANNOTATION_RELEASE,
        conventions.ANNOTATION_EVALUATE,
        conventions.ANNOTATION_PAUSE,
    )
]


def test_roles__are_five() -> None:
    assert list(ROLES) == [*OURS, RESULTS]


def test_results_viewer__lists_config_maps_and_nothing_else_and_is_part_of_nothing() -> None:
    role = ROLES[RESULTS]

    assert role["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    assert not role["metadata"].get("labels")


@pytest.mark.parametrize("role", OURS)
def test_roles__read_no_config_maps(role: str) -> None:
    assert not any(allows(ROLES[role], verb, "configmaps", "") for verb in READS)


@pytest.mark.parametrize("role", ROLES)
def test_roles__are_valid(role: str) -> None:
    kubernetes_validate.validate(ROLES[role], "1.32", strict=True)


@pytest.mark.parametrize(
    ("role", "resource", "verbs"),
    [
        pytest.param(OWNER, SUITES, set(WRITES), id="a suite owner writes suites"),
        pytest.param(OWNER, DEPLOYMENTS, set(), id="a suite owner writes no deployment"),
        pytest.param(DEPLOYER, DEPLOYMENTS, set(WRITES), id="a deployer writes deployments"),
        pytest.param(DEPLOYER, SUITES, set(), id="a deployer writes no suite"),
        pytest.param(APPROVER, DEPLOYMENTS, {"patch"}, id="an approver sets annotations"),
        pytest.param(APPROVER, SUITES, set(), id="an approver writes no suite"),
        pytest.param(VIEWER, DEPLOYMENTS, set(), id="a viewer writes no deployment"),
        pytest.param(VIEWER, SUITES, set(), id="a viewer writes no suite"),
    ],
)
def test_roles__write(role: str, resource: str, verbs: set[str]) -> None:
    assert {verb for verb in WRITES if allows(ROLES[role], verb, resource)} == verbs


@pytest.mark.parametrize("role", ROLES)
def test_roles__write_no_record_and_no_status(role: str) -> None:
    protected = [ROLLOUTS, *(f"{kind}/status" for kind in (ROLLOUTS, SUITES, DEPLOYMENTS))]

    assert not [
        (verb, kind) for kind in protected for verb in WRITES if allows(ROLES[role], verb, kind)
    ]


@pytest.mark.parametrize("role", OURS)
@pytest.mark.parametrize("kind", [SUITES, DEPLOYMENTS, ROLLOUTS])
def test_roles__read_everything(role: str, kind: str) -> None:
    assert all(allows(ROLES[role], verb, kind) for verb in ("get", "list", "watch"))


@pytest.mark.parametrize("request_", REQUESTS)
def test_roles__give_only_an_approver_the_verbs_of_requests(request_: str) -> None:
    may = [name for name, role in ROLES.items() if allows(role, request_, DEPLOYMENTS)]

    assert may == [APPROVER]


@pytest.mark.parametrize(
    ("role", "part_of"),
    [
        pytest.param(OWNER, "edit", id="who edits a namespace owns its suites"),
        pytest.param(DEPLOYER, "edit", id="who edits a namespace deploys in it"),
        pytest.param(APPROVER, "admin", id="only who administers a namespace approves in it"),
        pytest.param(VIEWER, "view", id="who views a namespace views ours too"),
    ],
)
def test_roles__become_part_of_one_of_kubernetes_own(role: str, part_of: str) -> None:
    labels = ROLES[role]["metadata"]["labels"]

    assert labels == {f"rbac.authorization.k8s.io/aggregate-to-{part_of}": "true"}


EVERYTHING = (*WRITES, "get", "list", "watch")


@pytest.mark.parametrize(
    ("group", "resource", "verbs"),
    [
        pytest.param("rocksteady.dev", SUITES, READS, id="suites are read and not changed"),
        pytest.param("rocksteady.dev", f"{SUITES}/status", {"patch"}, id="their status is written"),
        pytest.param("batch", "jobs", READS | {"create", "patch", "delete"}, id="runs are Jobs"),
        pytest.param("", "pods", READS, id="pods are looked at only"),
        pytest.param(
            "", "configmaps", READS | {"create", "update", "patch", "delete"},
            id="content is kept in ConfigMaps",
        ),
        pytest.param("", "secrets", set(), id="no Secret is ever read"),
    ],
)  # fmt: skip
def test_operator__may(group: str, resource: str, verbs: set[str]) -> None:
    role = operator_role()

    assert {verb for verb in EVERYTHING if allows(role, verb, resource, group)} == verbs


def test_operator__may_nothing_on_whatever_there_is() -> None:
    assert not [
        rule
        for rule in operator_role()["rules"]
        if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
    ]
