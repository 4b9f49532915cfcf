from collections.abc import Iterator
from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.resources.labels import owned_labels
from rocksteady.resources.model_volume import egress_ports
from rocksteady.resources.pod_template import (
    RenderContext,
    build_pod_template,
)

COMMIT = "7e27bd9f95328f0f3b08261d1252705110c806f8"
CONTEXT = RenderContext("chat", "0a1b2c3d4e", "operator:1")
ALL = pytest.mark.parametrize("kind", list(EngineType), ids=str)


def spec_of(
    kind: str = "llamacpp",
    uri: str = "image:///models/model.gguf",
    model: dict[str, Any] | None = None,
    engine: dict[str, Any] | None = None,
    **fields: Any,
) -> LLMDeploymentSpec:
    port = {"port": 9000} if kind == "custom" else {}
    return LLMDeploymentSpec.model_validate(
        {
            "model": {"name": "smollm2", "uri": uri, **(model or {})},
            "engine": {"type": kind, "image": "image:1", **port, **(engine or {})},
            **fields,
        }
    )


def pod_of(spec: LLMDeploymentSpec) -> dict[str, Any]:
    pod: dict[str, Any] = build_pod_template(spec, CONTEXT)["spec"]
    return pod


def server_of(spec: LLMDeploymentSpec) -> dict[str, Any]:
    server: dict[str, Any] = pod_of(spec)["containers"][0]
    return server


def containers_of(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod["containers"]
    yield from pod.get("initContainers", [])


@ALL
def test_build_pod_template__meets_the_restricted_profile_unless_the_image_needs_root(
    kind: EngineType,
) -> None:
    pod = pod_of(spec_of(kind, "s3://bucket/model.gguf"))

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in containers_of(pod):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        as_root = kind is EngineType.TGI and container["name"] == "model-server"
        assert context.get("runAsNonRoot", True) is not as_root
    assert not any(key.startswith("host") for key in pod)


@ALL
def test_build_pod_template__mounts_only_volumes_that_exist_and_each_path_once(
    kind: EngineType,
) -> None:
    model = {"chatTemplate": {"name": "t", "key": "chat.jinja"}}
    pod = pod_of(spec_of(kind, "s3://bucket/model.gguf", model))

    names = [volume["name"] for volume in pod["volumes"]]
    assert len(names) == len(set(names))
    for container in containers_of(pod):
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(paths) == len(set(paths))
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(names)


@ALL
def test_build_pod_template__has_no_volume_that_nothing_mounts(kind: EngineType) -> None:
    pod = pod_of(spec_of(kind))

    mounted = {mount["name"] for one in containers_of(pod) for mount in one["volumeMounts"]}
    assert {volume["name"] for volume in pod["volumes"]} == mounted


@pytest.mark.parametrize(
    ("kind", "engine", "sleep", "grace"),
    [
        pytest.param(
            "llamacpp", {}, 75, 80, id="cuts on SIGTERM: waits endpoints and drain before"
        ),
        pytest.param("sglang", {}, 15, 80, id="drains itself: waits for endpoints only"),
        pytest.param("vllm", {}, 75, 80, id="vllm of unknown version may cut"),
        pytest.param("vllm", {"version": "0.18"}, 15, 80, id="vllm 0.18 drains itself"),
        pytest.param("llamacpp", {"drainTimeoutSeconds": 0}, 15, 20, id="no drain wanted"),
        pytest.param(
            "sglang", {"drainTimeoutSeconds": 600}, 15, 620, id="long drains get their time"
        ),
    ],
)
def test_build_pod_template__gives_endpoints_and_requests_time_to_leave(
    kind: str, engine: dict[str, Any], sleep: int, grace: int
) -> None:
    pod = pod_of(spec_of(kind, engine=engine))

    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": sleep}}}
    assert pod["terminationGracePeriodSeconds"] == grace


@pytest.mark.parametrize(
    ("uri", "reference", "mount", "fetched"),
    [
        pytest.param(
            "image:///models/model.gguf",
            "/models/model.gguf",
            None,
            None,
            id="image: where it is, nothing mounted",
        ),
        pytest.param(
            "pvc://claim/a/b.gguf",
            "/mnt/models/b.gguf",
            {"name": "model", "mountPath": "/mnt/models", "readOnly": True, "subPath": "a"},
            None,
            id="pvc: the folder of the file, read-only",
        ),
        pytest.param(
            "pvc://claim/b.gguf",
            "/mnt/models/b.gguf",
            {"name": "model", "mountPath": "/mnt/models", "readOnly": True},
            None,
            id="pvc: a file at the top, the whole claim",
        ),
        pytest.param(
            "oci://registry.example/model:1",
            "/mnt/models/model.gguf",
            {"name": "model", "mountPath": "/mnt/models", "readOnly": True},
            None,
            id="oci: model.gguf of the artifact",
        ),
        pytest.param(
            "https://host.example/a/b.gguf?token=1",
            "/mnt/models/b.gguf",
            {"name": "cache", "mountPath": "/mnt/models", "readOnly": True},
            "https://host.example/a/b.gguf?token=1",
            id="https: fetched, without the query in its name",
        ),
        pytest.param(
            "s3://bucket/prefix",
            "/mnt/models/model.gguf",
            {"name": "cache", "mountPath": "/mnt/models", "readOnly": True},
            "s3://bucket/prefix",
            id="s3: a folder, fetched",
        ),
        pytest.param(
            f"hf://org/name/q4/b.gguf@{COMMIT}",
            "/mnt/models/b.gguf",
            {"name": "cache", "mountPath": "/mnt/models", "readOnly": True},
            f"hf://org/name/q4/b.gguf@{COMMIT}",
            id="hf: a file, fetched",
        ),
    ],
)
def test_build_pod_template__brings_the_model_to_an_engine_that_loads_a_file(
    uri: str, reference: str, mount: dict[str, Any] | None, fetched: str | None
) -> None:
    pod = pod_of(spec_of("llamacpp", uri))
    server = pod["containers"][0]

    assert server["args"][:2] == ["--model", reference]
    mounts = [one for one in server["volumeMounts"] if one["mountPath"] == "/mnt/models"]
    if mount is None:
        assert mounts == []
    else:
        assert mount.items() <= mounts[0].items()
    inits = pod.get("initContainers", [])
    assert [one["args"][0] for one in inits] == ([fetched] if fetched else [])
    if fetched:
        assert inits[0]["image"] == "operator:1"
        assert inits[0]["args"][1] == "/mnt/cache/" + mounts[0]["subPath"]


@pytest.mark.parametrize(
    ("uri", "by_engine"),
    [
        pytest.param(f"hf://org/name@{COMMIT}", True, id="a pinned repository: by the engine"),
        pytest.param("hf://org/name", True, id="a moving repository: by the engine"),
        pytest.param("hf://org/name@v1.0", True, id="a tag: by the engine"),
        pytest.param("hf://org/name@7e27bd9", False, id="an abbreviated commit: looked up first"),
        pytest.param(f"hf://org/name/sub@{COMMIT}", False, id="a folder of a repository"),
    ],
)
def test_build_pod_template__lets_the_engine_fetch_only_what_it_can_pin(
    uri: str, *, by_engine: bool
) -> None:
    spec = spec_of("vllm", uri, {"credentialsSecretRef": {"name": "token"}})
    pod = pod_of(spec)
    server, inits = pod["containers"][0], pod.get("initContainers", [])

    assert (server["command"][2] == "org/name") is by_engine
    assert ("envFrom" in server) is by_engine
    assert (inits == []) is by_engine
    for one in inits:
        assert one["envFrom"] == [{"secretRef": {"name": "token"}}]


def test_build_pod_template__keeps_credentials_from_a_server_that_fetches_nothing() -> None:
    spec = spec_of("llamacpp", "s3://b/model.gguf", {"credentialsSecretRef": {"name": "s3"}})

    assert "envFrom" not in server_of(spec)


def test_build_pod_template__lets_the_engine_write_its_own_part_of_the_cache_only() -> None:
    mounts = server_of(spec_of("vllm", "s3://b/model", {"cache": {"claimName": "cache"}}))[
        "volumeMounts"
    ]

    of_cache = [mount for mount in mounts if mount["name"] == "cache"]
    assert [(mount["subPath"][:7], mount.get("readOnly", False)) for mount in of_cache] == [
        ("engines", False),
        ("models/", True),
    ]


@pytest.mark.parametrize(
    ("cache", "volume", "group"),
    [
        pytest.param(None, {"emptyDir": {}}, False, id="absent: an emptyDir"),
        pytest.param(
            {"sizeLimit": "5Gi"}, {"emptyDir": {"sizeLimit": "5Gi"}}, False, id="a bounded one"
        ),
        pytest.param(
            {"claimName": "c"},
            {"persistentVolumeClaim": {"claimName": "c"}},
            True,
            id="a claim, which the group of the pod must own to write",
        ),
    ],
)
def test_build_pod_template__caches_where_the_spec_says(
    cache: dict[str, Any] | None, volume: dict[str, Any], *, group: bool
) -> None:
    pod = pod_of(spec_of("vllm", "s3://b/model", {"cache": cache}))

    assert {"name": "cache", **volume} in pod["volumes"]
    assert ("fsGroup" in pod["securityContext"]) is group


def test_build_pod_template__leaves_the_owner_of_a_claim_that_is_only_read() -> None:
    assert "fsGroup" not in pod_of(spec_of("llamacpp", "pvc://c/m.gguf"))["securityContext"]


@pytest.mark.parametrize(
    ("limits", "shared_memory", "tolerated", "read_only"),
    [
        pytest.param({}, "1Gi", [], True, id="CPU"),
        pytest.param({"nvidia.com/gpu": "1"}, "1Gi", ["nvidia.com/gpu"], False, id="one GPU"),
        pytest.param({"nvidia.com/gpu": 2}, "8Gi", ["nvidia.com/gpu"], False, id="two GPUs"),
        pytest.param({"amd.com/gpu": "4"}, "8Gi", ["amd.com/gpu"], False, id="GPUs of AMD"),
    ],
)
def test_build_pod_template__fits_the_devices(
    limits: dict[str, str | int], shared_memory: str, tolerated: list[str], *, read_only: bool
) -> None:
    pod = pod_of(spec_of("vllm", resources={"limits": limits}))

    shm = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": shared_memory}}
    assert shm in pod["volumes"]
    assert [one["key"] for one in pod.get("tolerations", [])] == tolerated
    server = pod["containers"][0]
    assert server["securityContext"]["readOnlyRootFilesystem"] is read_only
    assert server.get("resources", {}).get("limits", {}) == limits


@pytest.mark.parametrize(
    ("resource", "offloads"),
    [
        ("nvidia.com/gpu", True),
        ("nvidia.com/gpu.shared", True),
        ("nvidia.com/mig-1g.10gb", True),
        ("amd.com/gpu", True),
        ("cpu", False),
    ],
)
def test_build_pod_template__offloads_to_whatever_part_of_a_gpu_is_asked_for(
    resource: str, *, offloads: bool
) -> None:
    server = server_of(spec_of("llamacpp", resources={"limits": {resource: 1}}))

    assert ("--n-gpu-layers" in server["args"]) is offloads


def test_build_pod_template__gives_the_chat_template_a_name_that_says_what_it_is() -> None:
    spec = spec_of("sglang", model={"chatTemplate": {"name": "templates", "key": "llama"}})

    volumes = {volume["name"]: volume for volume in pod_of(spec)["volumes"]}

    items = [{"key": "llama", "path": "chat.jinja"}]
    assert volumes["chat-template"]["configMap"] == {"name": "templates", "items": items}
    assert "/mnt/chat-template/chat.jinja" in server_of(spec)["args"]


def test_build_pod_template__lets_the_users_variables_win() -> None:
    env = [{"name": "HF_HOME", "value": "/elsewhere"}, {"name": "NEW", "value": "1"}]

    rendered = server_of(spec_of("vllm", engine={"env": env}))["env"]

    values = {entry["name"]: entry["value"] for entry in rendered}
    assert len(values) == len(rendered)
    assert (values["HF_HOME"], values["NEW"]) == ("/elsewhere", "1")


def test_build_pod_template__keeps_the_labels_that_selectors_rely_on() -> None:
    ours = owned_labels("chat", "0a1b2c3d4e", "model-server")
    wanted = dict.fromkeys(ours, "stolen") | {"team": "search"}

    spec = spec_of(podTemplate={"metadata": {"labels": wanted}})

    assert build_pod_template(spec, CONTEXT)["metadata"]["labels"] == {**ours, "team": "search"}


@pytest.mark.parametrize(
    "template",
    [
        pytest.param({"metadata": None}, id="null metadata"),
        pytest.param({"metadata": {"labels": None}}, id="null labels"),
        pytest.param({"spec": None}, id="null spec"),
    ],
)
def test_build_pod_template__survives_a_podtemplate_of_nulls(template: dict[str, Any]) -> None:
    rendered = build_pod_template(spec_of(podTemplate=template), CONTEXT)

    assert rendered["metadata"]["labels"] == owned_labels("chat", "0a1b2c3d4e", "model-server")
    assert rendered["spec"]["containers"]


@pytest.mark.parametrize(
    ("uri", "ports"),
    [
        ("image:///m.gguf", ()),
        ("pvc://claim/m.gguf", ()),
        ("oci://registry.example:5000/m:1", ()),
        (f"hf://org/name@{COMMIT}", (443,)),
        ("s3://bucket/m", (443,)),
        ("gs://bucket/m", (443,)),
        ("https://host.example/m.gguf", (443,)),
        ("https://host.example:8443/m.gguf", (443, 8443)),
        ("https://[2001:db8::1]:9000/m.gguf", (443, 9000)),
        ("https://[2001:db8::1]/m.gguf", (443,)),
    ],
)
def test_egress_ports__are_those_from_which_something_is_fetched(
    uri: str, ports: tuple[int, ...]
) -> None:
    model = spec_of("vllm", uri)
    adapter = spec_of("vllm", model={"adapters": [{"name": "a", "uri": uri}]})

    for spec in (model, adapter):
        assert egress_ports(spec) == ports
