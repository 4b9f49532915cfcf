from typing import Any

import pytest

from rocksteady.resources.merge import MergeError, merge

BASE: dict[str, Any] = {
    "spec": {
        "nodeSelector": {"a": "1"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "containers": [
            {
                "name": "model-server",
                "args": ["--a"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "envFrom": [{"secretRef": {"name": "ours"}}],
                "readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 5},
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
    }
}


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "model-server", **fields}]}}


def merged_container(**fields: Any) -> dict[str, Any]:
    merged = merge(BASE, container(**fields))
    result: dict[str, Any] = merged["spec"]["containers"][0]
    return result


def test_merge__of_nothing_changes_nothing() -> None:
    assert merge(BASE, {}) == BASE


def test_merge__shares_no_part_with_its_arguments_or_itself() -> None:
    shared = {"path": "/"}
    patch = {"metadata": {"labels": {"a": "b"}}, "one": {"x": shared}, "two": {"x": shared}}

    merged = merge(BASE, patch)
    merged["spec"]["containers"][0]["args"].append("--b")
    merged["metadata"]["labels"]["a"] = "changed"
    merged["one"]["x"]["path"] = "/changed"

    assert BASE["spec"]["containers"][0]["args"] == ["--a"]
    assert patch["metadata"] == {"labels": {"a": "b"}}
    assert merged["two"]["x"]["path"] == "/"


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        pytest.param(
            {"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
            "env",
            [
                {"name": "A", "value": "1"},
                {"name": "B", "value": "3"},
                {"name": "C", "value": "4"},
            ],
            id="variables are merged by name, in place, new ones after",
        ),
        pytest.param(
            {"env": [{"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
            "env",
            [
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
            ],
            id="a variable has a value or a source, never both",
        ),
        pytest.param(
            {"env": [{"name": "A", "$patch": "delete"}]},
            "env",
            [{"name": "B", "value": "2"}],
            id="an element can be deleted",
        ),
        pytest.param(
            {"env": [{"$patch": "replace"}, {"name": "Z", "value": "9"}]},
            "env",
            [{"name": "Z", "value": "9"}],
            id="a list can be replaced",
        ),
        pytest.param({"args": ["--z"]}, "args", ["--z"], id="lists without a key are replaced"),
        pytest.param(
            {"envFrom": [{"secretRef": {"name": "theirs"}}]},
            "envFrom",
            [{"secretRef": {"name": "ours"}}, {"secretRef": {"name": "theirs"}}],
            id="environment sources are added, so that credentials stay",
        ),
        pytest.param(
            {"readinessProbe": {"exec": {"command": ["true"]}}},
            "readinessProbe",
            {"exec": {"command": ["true"]}, "periodSeconds": 5},
            id="a probe of another kind replaces the kind and keeps the timing",
        ),
        pytest.param(
            {"readinessProbe": {"periodSeconds": 9}},
            "readinessProbe",
            {"httpGet": {"path": "/"}, "periodSeconds": 9},
            id="a probe keeps its kind when only the timing changes",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
            "volumeMounts",
            [{"name": "tmp", "mountPath": "/tmp"}, {"name": "data", "mountPath": "/data"}],
            id="mounts are merged by path",
        ),
        pytest.param(
            {"resources": {"limits": {"cpu": "1", "memory": None}}},
            "resources",
            {"limits": {"cpu": "1"}},
            id="a null in something new is left out",
        ),
    ],
)
def test_merge__of_a_container(fields: dict[str, Any], key: str, expected: Any) -> None:
    assert merged_container(**fields)[key] == expected


def test_merge__null_removes_a_field() -> None:
    assert "args" not in merged_container(args=None)


def test_merge__replace_directive_keeps_nothing() -> None:
    merged = merge(BASE, {"spec": {"nodeSelector": {"b": "2", "$patch": "replace"}}})

    assert merged["spec"]["nodeSelector"] == {"b": "2"}


def test_merge__replace_directive_at_the_top_keeps_nothing_at_all() -> None:
    own = {"spec": {"containers": [{"name": "log", "image": "log:1"}]}}

    assert merge(BASE, {"$patch": "replace", **own}) == own


@pytest.mark.parametrize(
    ("name", "element"),
    [
        pytest.param("containers", {"name": "log", "image": "log:1"}, id="a list with a key"),
        pytest.param("tolerations", {"operator": "Exists"}, id="a list that is added to"),
    ],
)
def test_merge__replace_directive_in_a_list_keeps_nothing_of_it(
    name: str, element: dict[str, Any]
) -> None:
    merged = merge(BASE, {"spec": {name: [{"$patch": "replace"}, element]}})

    assert merged["spec"][name] == [element]


def test_merge__delete_directive_empties_an_object() -> None:
    assert (
        merge(BASE, {"spec": {"nodeSelector": {"$patch": "delete"}}})["spec"]["nodeSelector"] == {}
    )


def test_merge__takes_a_label_for_a_label_whatever_it_is_called() -> None:
    labels = {"env": "prod", "volumes": "none"}

    assert (
        merge(BASE, {"metadata": {"labels": labels}})["metadata"]["labels"].items()
        >= labels.items()
    )


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param(
            {"name": "shm", "emptyDir": {"sizeLimit": "8Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}},
            id="the same source is merged",
        ),
        pytest.param(
            {"name": "shm", "hostPath": {"path": "/dev/shm"}},
            {"name": "shm", "hostPath": {"path": "/dev/shm"}},
            id="another source replaces ours",
        ),
    ],
)
def test_merge__of_a_volume(volume: dict[str, Any], expected: dict[str, Any]) -> None:
    merged = merge(BASE, {"spec": {"volumes": [volume]}})

    assert merged["spec"]["volumes"] == [expected, {"name": "tmp", "emptyDir": {}}]


def test_merge__adds_tolerations_once() -> None:
    own = {"key": "reserved", "operator": "Exists"}
    merged = merge(BASE, {"spec": {"tolerations": [own, BASE["spec"]["tolerations"][0]]}})

    assert merged["spec"]["tolerations"] == [BASE["spec"]["tolerations"][0], own]


def test_merge__adds_a_sidecar_after_the_server() -> None:
    merged = merge(BASE, {"spec": {"containers": [{"name": "log", "image": "log:1"}]}})

    assert [one["name"] for one in merged["spec"]["containers"]] == ["model-server", "log"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        pytest.param(
            {"spec": {"containers": [{"image": "x"}]}},
            r"podTemplate\.spec\.containers\[0\] needs name",
            id="an element without its key",
        ),
        pytest.param(
            {"spec": {"containers": ["x"]}},
            r"podTemplate\.spec\.containers\[0\] needs name",
            id="an element that is no object",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": ["x"]}]}},
            r"podTemplate\.spec\.containers\[0\] needs name",
            id="a key that is no text",
        ),
        pytest.param(
            {"spec": {"containers": {"name": "x"}}},
            r"podTemplate\.spec\.containers is an object, but a pod template has a list",
            id="an object for a list",
        ),
        pytest.param(
            {"spec": ["x"]},
            r"podTemplate\.spec is a list, but a pod template has an object",
            id="a list for an object",
        ),
        pytest.param(
            {"spec": {"$patch": "replace", "containers": {"a": 1}}},
            r"podTemplate\.spec\.containers is an object, but a pod template has a list",
            id="an object for a list in what replaces ours",
        ),
        pytest.param(
            {"spec": {"containers": [{"$patch": "replace"}, "x"]}},
            r"podTemplate\.spec\.containers\[1\] needs name",
            id="an element that is no object in a list that replaces ours",
        ),
        pytest.param(
            {"spec": {"$retainKeys": ["containers"]}},
            r"podTemplate\.spec has \$retainKeys: .*only \$patch: replace and",
            id="a directive that is not known",
        ),
        pytest.param(
            {"spec": {"volumes": "shm"}},
            r"podTemplate\.spec\.volumes is 'shm', but a pod template has a list",
            id="text for a list",
        ),
    ],
)
def test_merge__says_which_field_has_the_wrong_shape(patch: dict[str, Any], message: str) -> None:
    with pytest.raises(MergeError, match=message):
        merge(BASE, patch)
