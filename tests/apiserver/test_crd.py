"""The CRD on a real API server: its schema, CEL rules, defaults and subresources."""

from typing import Any

import pytest

from rocksteady.api.reading import read_status
from rocksteady.resources.validation import validate_manifest
from tests.apiserver.conftest import CRDS, LLMDEPLOYMENTS, ApiServer
from tests.cases.invalid import INVALID
from tests.cases.manifests import (
    BASE,
    GATE,
    GATEWAY,
    LORA,
    Invalid,
    Manifest,
    Valid,
    build,
)
from tests.cases.valid import VALID

# A cold API server is compiled by the fixture, which takes minutes and is no test's time.
pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(60, func_only=True)]

NAME = f"{CRDS}/llmdeployments.rocksteady.dev"
CHAT = f"{LLMDEPLOYMENTS}/chat"
MERGE = "application/merge-patch+json"
STATUS: Manifest = {
    "observedGeneration": 1,
    "replicas": 3,
    "readyReplicas": 2,
    "selector": "rocksteady.dev/llmdeployment=chat",
    "revisions": {"stable": {"hash": "0123456789", "number": 1}},
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": "2 of 3 replicas are ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


def test_crd__is_established_without_violations(api: ApiServer) -> None:
    conditions = {
        condition["type"]: condition
        for condition in api.request("GET", NAME).body["status"]["conditions"]
    }

    assert conditions["Established"]["status"] == "True"
    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_crd__can_be_applied_again_without_a_change(api: ApiServer) -> None:
    before = api.request("GET", NAME).body
    again = api.request("PUT", NAME, before, fieldValidation="Strict")

    assert again.code == 200, again.message
    assert again.body["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in VALID])
def test_api_server__accepts(api: ApiServer, case: Valid) -> None:
    answer = api.create(build(case.changes))

    assert answer.code == 201, answer.message
    # The operator reads with defaults filled in and empty fields gone, and says the same of it.
    read = validate_manifest(answer.body, strict=True)
    assert read.errors == ()
    assert [warning.path for warning in read.warnings] == [path for path, _ in case.warnings]


REFUSED = [case for case in INVALID if case.server is not None]
LEFT_TO_US = [case for case in INVALID if case.server is None]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in REFUSED])
def test_api_server__refuses(api: ApiServer, case: Invalid) -> None:
    answer = api.create(build(case.changes))

    assert answer.code in {400, 422}, answer.body
    assert case.server is not None
    assert case.server in answer.message
    assert api.request("GET", LLMDEPLOYMENTS).body["items"] == []


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in LEFT_TO_US])
def test_api_server__leaves_to_the_operator(api: ApiServer, case: Invalid) -> None:
    answer = api.create(build(case.changes))

    assert answer.code == 201, answer.message
    assert [e.path for e in validate_manifest(answer.body, strict=False).errors] == [case.path]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.case)
        for case in REFUSED
        if not case.path.startswith("metadata")  # a name cannot be edited
    ],
)
def test_api_server__refuses_an_edit_as_it_refuses_a_new_object(
    api: ApiServer, case: Invalid
) -> None:
    created = api.create(BASE).body
    edited = build(case.changes)
    edited["metadata"] = created["metadata"]

    answer = api.request("PUT", CHAT, edited, fieldValidation="Strict")

    assert answer.code in {400, 422}, answer.body
    assert case.server is not None
    assert case.server in answer.message


def test_defaults__are_few_and_never_change(api: ApiServer) -> None:
    changes = {
        "spec.routing.gateway": {"parentRefs": [{"name": "inference"}], "timeouts": {}},
        "spec.slos": {},
        "spec.rollout": {"metrics": [{"name": "a", "query": "b", "maxValue": "1"}]},
        "spec.guard": {"drift": {}},
        "spec.autoscaling": {"maxReplicas": 2, "metric": "Cpu", "target": 80},
        "spec.podTemplate": {"spec": {}},
    }

    spec = api.create(build(changes)).body["spec"]

    engine = BASE["spec"]["engine"]
    assert spec["engine"] == {**engine, "startupTimeoutSeconds": 1800, "drainTimeoutSeconds": 60}
    assert spec["routing"]["gateway"]["timeouts"] == {"request": "0s"}
    assert "replicas" not in spec
    for field in ("slos", "rollout", "guard", "autoscaling", "podTemplate"):
        assert spec[field] == changes[f"spec.{field}"]


def test_unknown_fields__are_dropped_with_a_warning_when_asked_to_be_lenient(
    api: ApiServer,
) -> None:
    answer = api.create(build({"spec.replica": 2}), fieldValidation="Warn")

    assert answer.code == 201, answer.message
    assert r"unknown field \"spec.replica\"" in answer.warnings
    assert "replica" not in answer.body["spec"]


def test_pod_template__keeps_fields_that_we_do_not_know(api: ApiServer) -> None:
    template = {"spec": {"inventedYesterday": {"deep": [1, None, "x"]}}}

    assert api.create(build({"spec.podTemplate": template})).body["spec"]["podTemplate"] == template


def test_spec__can_be_changed_in_every_part(api: ApiServer) -> None:
    api.create(BASE)
    changed = build(
        {
            "spec.model": {"name": "other", "uri": "oci://models/other:v1"},
            "spec.engine": {"type": "llamacpp", "image": "llama:1"},
            "spec.replicas": 5,
        }
    )

    answer = api.request("PATCH", CHAT, {"spec": changed["spec"]}, MERGE)

    assert answer.code == 200, answer.message
    assert answer.body["metadata"]["generation"] == 2
    assert answer.body["spec"]["model"]["uri"] == "oci://models/other:v1"


def test_status__is_written_through_its_subresource_only(api: ApiServer) -> None:
    created = api.create(build({"status": STATUS})).body
    assert "status" not in created

    answer = api.request("PUT", f"{CHAT}/status", {**created, "status": STATUS})

    assert answer.code == 200, answer.message
    assert answer.body["status"] == STATUS
    assert answer.body["metadata"]["generation"] == 1


def test_status__cannot_change_the_spec(api: ApiServer) -> None:
    api.create(BASE)

    patch = {"spec": {"replicas": 9}, "status": {"replicas": 1}}
    answer = api.request("PATCH", f"{CHAT}/status", patch, MERGE)

    assert answer.body["status"] == {"replicas": 1}
    assert "replicas" not in answer.body["spec"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        pytest.param({"replicas": -1}, "status.replicas", id="a negative count"),
        pytest.param(
            {"revisions": {"stable": {"hash": "r7", "number": 7}}},
            "status.revisions.stable.hash",
            id="a revision that is not a hash",
        ),
        pytest.param(
            {"conditions": [STATUS["conditions"][0], STATUS["conditions"][0]]},
            "Duplicate value",
            id="a condition twice",
        ),
    ],
)
def test_status__is_checked(api: ApiServer, change: Manifest, part: str) -> None:
    created = api.create(BASE).body

    answer = api.request("PUT", f"{CHAT}/status", {**created, "status": {**STATUS, **change}})

    assert answer.code == 422
    assert part in answer.message


def test_scale__reads_and_writes_replicas(api: ApiServer) -> None:
    created = api.create(build({"spec.replicas": 2})).body
    api.request("PUT", f"{CHAT}/status", {**created, "status": STATUS})

    scale = api.request("GET", f"{CHAT}/scale").body
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 3, "selector": "rocksteady.dev/llmdeployment=chat"}

    answer = api.request("PATCH", f"{CHAT}/scale", {"spec": {"replicas": 4}}, MERGE)
    assert answer.code == 200, answer.message
    assert api.request("GET", CHAT).body["spec"]["replicas"] == 4


def test_scale__works_when_replicas_were_never_given(api: ApiServer) -> None:
    api.create(BASE)

    answer = api.request("PATCH", f"{CHAT}/scale", {"spec": {"replicas": 4}}, MERGE)

    assert answer.code == 200, answer.message
    assert api.request("GET", CHAT).body["spec"]["replicas"] == 4


def test_scale__is_refused_where_autoscaling_owns_the_replicas(api: ApiServer) -> None:
    api.create(build({"spec.autoscaling": {"maxReplicas": 2, "metric": "Cpu", "target": 80}}))

    answer = api.request("PATCH", f"{CHAT}/scale", {"spec": {"replicas": 4}}, MERGE)

    assert answer.code == 422
    assert "give either replicas or autoscaling, not both" in answer.message


def test_apply__lets_two_managers_own_one_adapter_each(api: ApiServer) -> None:
    mine: list[Any] = [{"name": "sql", "uri": "hf://org/sql@7e27bd9"}]
    theirs: list[Any] = [{"name": "law", "uri": "hf://org/law@7e27bd9"}]
    api.apply(build({"spec.model.adapters": mine}), "me")
    partial = build({"spec.model.adapters": theirs})

    answer = api.apply(partial, "them")
    assert [a["name"] for a in answer.body["spec"]["model"]["adapters"]] == ["sql", "law"]

    answer = api.apply(BASE, "them")
    assert [a["name"] for a in answer.body["spec"]["model"]["adapters"]] == ["sql"]


def test_apply__gives_a_whole_list_of_arguments_one_owner(api: ApiServer) -> None:
    api.apply(build({"spec.engine.args": ["--seed=1"]}), "me")

    answer = api.apply(build({"spec.engine.args": ["--seed=2"]}), "them")

    assert answer.code == 409
    assert ".spec.engine.args" in answer.message


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        pytest.param("spec.resources", {"limits": {"cpu": 1}}, {}, id="resources"),
        pytest.param("spec.resources", {"limits": {"cpu": 1}}, {"limits": {}}, id="limits"),
        pytest.param("spec.podTemplate", {"spec": {"hostIPC": True}}, {}, id="the pod template"),
        pytest.param("spec.podTemplate", {"spec": {"hostIPC": True}}, {"spec": {}}, id="its spec"),
        pytest.param("spec.routing", {"gateway": GATEWAY}, {}, id="routing"),
        pytest.param("spec.slos", {"windowSeconds": 7200}, {}, id="SLOs"),
        pytest.param("spec.rollout", {"minStepSeconds": 5}, {}, id="the rollout"),
        pytest.param("spec.rollout", {"metrics": [GATE]}, {"metrics": []}, id="metrics"),
        pytest.param("spec.guard", {"drift": {"action": "Alert"}}, {"drift": {}}, id="a guard"),
        pytest.param("spec.engine.args", ["-x"], [], id="arguments"),
        pytest.param("spec.model.adapters", [LORA], [], id="adapters"),
    ],
)
def test_apply__accepts_what_a_manager_has_emptied(
    api: ApiServer, path: str, before: Any, after: Any
) -> None:
    assert api.apply(build({path: before}), "me").code == 201

    answer = api.apply(build({path: after}), "me")

    assert answer.code == 200, answer.message
    assert validate_manifest(answer.body, strict=True).errors == ()


def test_apply__accepts_a_status_whose_revisions_are_gone(api: ApiServer) -> None:
    api.create(BASE)
    base = {key: BASE[key] for key in ("apiVersion", "kind", "metadata")}
    api.apply({**base, "status": STATUS}, "rocksteady", "/status")

    emptied = {**STATUS, "revisions": {}}
    answer = api.apply({**base, "status": emptied}, "rocksteady", "/status")

    assert answer.code == 200, answer.message
    assert read_status(answer.body).revisions.stable is None
    assert read_status(answer.body).observed_generation == 1


def test_apply__keeps_conditions_of_other_writers(api: ApiServer) -> None:
    api.create(BASE)
    theirs = {**STATUS["conditions"][0], "type": "Audited"}
    base = {key: BASE[key] for key in ("apiVersion", "kind", "metadata")}
    api.apply({**base, "status": {"conditions": [theirs]}}, "auditor", "/status")

    answer = api.apply({**base, "status": STATUS}, "rocksteady", "/status")

    assert answer.code == 200, answer.message
    types = {condition["type"] for condition in answer.body["status"]["conditions"]}
    assert types == {"Audited", "Ready"}


def test_table__shows_what_a_person_looks_for(api: ApiServer) -> None:
    created = api.create(BASE).body
    api.request("PUT", f"{CHAT}/status", {**created, "status": STATUS})

    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    table = api.request("GET", LLMDEPLOYMENTS, accept=accept).body
    names = [column["name"] for column in table["columnDefinitions"]]
    shown = dict(zip(names, table["rows"][0]["cells"], strict=True))

    assert shown.pop("Age").endswith("s")
    assert shown == {
        "Name": "chat",
        "Ready": "True",
        "Ready-Replicas": 2,
        "Revision": "0123456789",
        "Canary": None,
        "Weight": None,
        "Engine": "vllm",
        "Model": "smollm2",
        "URI": "hf://HuggingFaceTB/SmolLM2-135M-Instruct@7e27bd9",
        "Message": "2 of 3 replicas are ready",
    }
