"""Which differences between what is wanted and what is there cost a write."""

from typing import Any

import pytest

from rocksteady import conventions
from rocksteady.resources import kinds, network, workload
from rocksteady.resources.drift import differs, has_foreign_entries
from rocksteady.resources.owned import Owner
from tests.builders import NAME, NAMESPACE, UID, A
from tests.fakes.cluster import FakeCluster, copy

MARK = conventions.ANNOTATION_APPLIED
CLOSED = network.Access((), behind_gateway=True, egress_ports=())
FETCHING = network.Access(("gateways",), behind_gateway=False, egress_ports=(443,))
OWNER = Owner(NAMESPACE, NAME, UID)


def marked(content: dict[str, Any], mark: str = "m1") -> dict[str, Any]:
    return {"metadata": {"annotations": {MARK: mark}}, "spec": content}


def limits(value: Any) -> dict[str, Any]:
    return marked({"resources": {"limits": {"x": value}}})


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param(limits("1000m"), limits("1"), id="1000m is 1"),
        pytest.param(limits("1024Mi"), limits("1Gi"), id="1024Mi is 1Gi"),
        pytest.param(limits("1.5"), limits("1500m"), id="1.5 is 1500m"),
        pytest.param(limits("0.5Gi"), limits("512Mi"), id="0.5Gi is 512Mi"),
        pytest.param(limits("1000k"), limits("1M"), id="1000k is 1M"),
        pytest.param(limits("1e3"), limits("1k"), id="1e3 is 1k"),
        pytest.param(limits(1), limits("1"), id="a number is its text"),
        pytest.param(limits("2"), limits(2), id="a text is its number"),
        pytest.param(marked({"egress": []}), marked({}), id="an empty list may be missing"),
        pytest.param(marked({"labels": {}}), marked({}), id="an empty map may be missing"),
        pytest.param(marked({"value": ""}), marked({}), id="an empty text may be missing"),
        pytest.param(marked({"delay": 0}), marked({}), id="a zero may be missing"),
        pytest.param(marked({"readOnly": False}), marked({}), id="a false may be missing"),
        pytest.param(marked({}), marked({"clusterIP": "10.0.0.1"}), id="the server adds a default"),
        pytest.param(
            marked({"containers": [{"name": "a"}]}),
            marked({"containers": [{"name": "a", "terminationMessagePath": "/dev/x"}]}),
            id="the server adds a default inside a list",
        ),
        pytest.param(
            {"metadata": {"annotations": {MARK: "m1"}, "labels": {"a": "1"}}},
            {"metadata": {"annotations": {MARK: "m1", "b": "2"}, "labels": {"a": "1", "c": "3"}}},
            id="somebody adds a label and an annotation",
        ),
    ],
)
def test_differs__not_in_spelling(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    assert not differs(wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param(limits("1"), limits("2"), id="another quantity"),
        pytest.param(limits("1Mi"), limits("1M"), id="another unit"),
        pytest.param(limits("1"), limits("one"), id="no quantity at all"),
        pytest.param(marked({"replicas": 2}), marked({"replicas": 1}), id="another number"),
        pytest.param(marked({"replicas": 2}), marked({}), id="a field is missing"),
        pytest.param(marked({"on": True}), marked({"on": 1}), id="true is not 1"),
        pytest.param(marked({"on": True}), marked({"on": "true"}), id="true is not its text"),
        pytest.param(marked({"on": True}), marked({"on": False}), id="true is not false"),
        pytest.param(marked({"image": "a"}), marked({"image": "b"}), id="another text"),
        pytest.param(marked({"args": ["a"]}), marked({"args": ["a", "b"]}), id="a longer list"),
        pytest.param(marked({"args": ["a", "b"]}), marked({"args": ["a"]}), id="a shorter list"),
        pytest.param(
            marked({"args": ["a", "b"]}), marked({"args": ["b", "a"]}), id="another order"
        ),
        pytest.param(marked({"args": ["a"]}), marked({"args": "a"}), id="a text for a list"),
        pytest.param(marked({"args": ["a"]}), marked({}), id="a list is missing"),
        pytest.param(marked({"port": {"a": 1}}), marked({"port": 1}), id="a number for a map"),
        pytest.param(marked({}, "m1"), marked({}, "m2"), id="the mark of another manifest"),
        pytest.param(marked({}), {"metadata": {}, "spec": {}}, id="no mark"),
        pytest.param(
            {"metadata": {"annotations": {MARK: "m1"}, "labels": {"a": "1"}}},
            {"metadata": {"annotations": {MARK: "m1"}}},
            id="a label was taken away",
        ),
    ],
)
def test_differs__in_meaning(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    assert differs(wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param(
            marked({"selector": {"a": "1"}}),
            marked({"selector": {"a": "1", "b": "2"}}),
            id="a Service selects by one more label",
        ),
        pytest.param(
            marked({"selector": {"matchLabels": {"a": "1"}}}),
            marked({"selector": {"matchLabels": {"a": "1", "b": "2"}}}),
            id="a budget matches one more label",
        ),
        pytest.param(
            marked({"selector": {"matchLabels": {"a": "1"}}}),
            marked({"selector": {"matchLabels": {"a": "1"}, "matchExpressions": [{}]}}),
            id="a budget matches by an expression too",
        ),
        pytest.param(
            marked({"podSelector": {}}),
            marked({"podSelector": {"matchLabels": {"b": "2"}}}),
            id="a policy no longer covers every pod",
        ),
        pytest.param(
            marked({"ingress": [{"from": [{"namespaceSelector": {}}]}]}),
            marked({"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"b": "2"}}}]}]}),
            id="a policy lets fewer namespaces in",
        ),
        pytest.param(
            marked({"ports": [{"port": 80}]}),
            marked({"ports": [{"port": 80}, {"port": 81}]}),
            id="a Service has one more port",
        ),
        pytest.param(
            marked({"containers": [{"name": "a"}]}),
            marked({"containers": [{"name": "a"}, {"name": "b"}]}),
            id="a template has one more container",
        ),
        pytest.param(
            marked({"containers": [{"name": "a", "env": [{"name": "X"}]}]}),
            marked({"containers": [{"name": "a", "env": [{"name": "X"}, {"name": "Y"}]}]}),
            id="a container has one more environment variable",
        ),
        pytest.param(
            marked({"containers": [{"name": "a", "env": []}]}),
            marked({"containers": [{"name": "a", "env": [{"name": "Y"}]}]}),
            id="a container has its first environment variable from somebody else",
        ),
    ],
)
def test_has_foreign_entries__what_applying_cannot_take_away(
    wanted: dict[str, Any], live: dict[str, Any]
) -> None:
    assert differs(wanted, live)
    assert has_foreign_entries(wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param(
            marked({"selector": {"a": "1"}}),
            marked({"selector": {"a": "2"}}),
            id="a selector's value was changed",
        ),
        pytest.param(
            marked({"args": ["a"]}), marked({"args": ["a", "b"]}), id="a list without a merge key"
        ),
        pytest.param(
            marked({"containers": [{"name": "a"}, {"name": "b"}]}),
            marked({"containers": [{"name": "a"}]}),
            id="a container is missing",
        ),
    ],
)
def test_has_foreign_entries__not_what_applying_restores(
    wanted: dict[str, Any], live: dict[str, Any]
) -> None:
    assert differs(wanted, live)
    assert not has_foreign_entries(wanted, live)


def template(container: dict[str, Any]) -> dict[str, Any]:
    labels = {conventions.LABEL_LLMDEPLOYMENT: NAME, conventions.LABEL_REVISION: A}
    component = {conventions.LABEL_COMPONENT: conventions.COMPONENT_MODEL_SERVER}
    return {"metadata": {"labels": labels | component}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(workload.build_front_service(OWNER, A), id="Service"),
        pytest.param(workload.build_disruption_budget(OWNER), id="PodDisruptionBudget"),
        pytest.param(
            network.build_network_policy(OWNER, CLOSED),
            id="NetworkPolicy without egress",
        ),
        pytest.param(
            network.build_network_policy(OWNER, FETCHING),
            id="NetworkPolicy with egress",
        ),
        pytest.param(
            workload.build_deployment(
                OWNER,
                A,
                2,
                template(
                    {
                        "name": "model-server",
                        "args": [],
                        "env": [],
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "resources": {"limits": {"cpu": "2000m", "memory": "2048Mi", "gpu": 1}},
                        "readinessProbe": {"httpGet": {"path": "/health"}},
                        "volumeMounts": [{"name": "x", "mountPath": "/x", "readOnly": False}],
                    }
                ),
                60,
            ),
            id="Deployment",
        ),
    ],
)
async def test_differs__not_after_it_was_applied(manifest: dict[str, Any]) -> None:
    cluster = FakeCluster()
    kind = kinds.kind_of(manifest)
    await cluster.apply(kind, manifest)
    live = await cluster.get(kind, NAMESPACE, manifest["metadata"]["name"])
    assert live is not None
    assert live != copy(manifest)  # the server did add something
    assert not differs(manifest, live)
