"""Render the pod template of a model server: engine, model files, hardening, then the user's part.

Called by `reconcile.render` once per revision; the result is frozen in the revision. No I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.conventions import (
    COMPONENT_MODEL_SERVER,
    MODEL_SERVER_CONTAINER,
    MODEL_SERVER_PORT_NAME,
)
from rocksteady.engines.accelerators import device_taints, gpu_count
from rocksteady.engines.base import (
    CACHE_PATH,
    HOME_PATH,
    EngineDefinition,
    Launch,
    LoadedAdapter,
    Server,
)
from rocksteady.engines.registry import ENGINES
from rocksteady.resources.fetch_container import build_fetch_container
from rocksteady.resources.labels import owned_labels
from rocksteady.resources.merge import merge, merge_keyed_list
from rocksteady.resources.model_volume import (
    CACHE_VOLUME,
    PlacedModel,
    cache_volume,
    place_adapters,
    place_model,
)
from rocksteady.resources.security import container_security_context, pod_security_context

ENDPOINT_REMOVAL_SECONDS: Final = 15
"""Pause before a server is told to stop, so that gateways and kube-proxy stop sending to it first.

Source: kserve/kserve:config/llmisvcconfig/config-llm-template.yaml (preStop sleep 15).
"""
KILL_MARGIN_SECONDS: Final = 5
"""Between the end of the drain and SIGKILL: the server's own way out."""

SHARED_MEMORY: Final = "1Gi"
SHARED_MEMORY_TENSOR_PARALLEL: Final = "8Gi"
"""Size of /dev/shm for one and for several GPUs. It counts against the container's memory limit.

Source: kserve/kserve:config/llmisvcconfig/config-llm-template.yaml and its data-parallel sibling.
"""

CHAT_TEMPLATE_PATH: Final = "/mnt/chat-template"
CHAT_TEMPLATE_FILE: Final = "chat.jinja"
"""Name of the file, whatever its key is called: SGLang reads only `.jinja` as Jinja.

Source: sgl-project/sglang:python/sglang/srt/managers/template_manager.py.
"""

Json = dict[str, Any]


@dataclass(frozen=True)
class RenderContext:
    """What a pod template needs beside the spec.

    Attributes:
        name: Of the LLMDeployment.
        revision: hash10 of the revision.
        fetch_image: The operator's own image, which the fetching init containers run.
    """

    name: str
    revision: str
    fetch_image: str


def build_pod_template(spec: LLMDeploymentSpec, context: RenderContext) -> Json:
    """The PodTemplateSpec of a revision: `metadata` (labels, annotations) and `spec`.

    Raises:
        ModelUriError: A URI cannot be read.
        AcceleratorError: A number of GPUs is not whole.
        MergeError: `podTemplate` does not have the shape of a pod template.
    """
    definition = ENGINES[spec.engine.type]
    model, adapters = place_model(spec, definition), place_adapters(spec)
    server = definition.serve(_launch(spec, model, adapters))
    labels = owned_labels(context.name, context.revision, COMPONENT_MODEL_SERVER)
    rendered = {
        "metadata": {
            "labels": labels,
            "annotations": {"kubectl.kubernetes.io/default-container": MODEL_SERVER_CONTAINER},
        },
        "spec": _pod_spec(spec, context, server, (model, *adapters)),
    }
    merged = merge(rendered, spec.pod_template)
    # Services, budgets and policies select by these labels, so the user's part cannot change them.
    metadata = merged.setdefault("metadata", {})
    metadata["labels"] = {**metadata.get("labels", {}), **labels}
    return merged


def _launch(
    spec: LLMDeploymentSpec,
    model: PlacedModel,
    adapters: Sequence[PlacedModel],
) -> Launch:
    """What the engine is asked to serve."""
    template_path = f"{CHAT_TEMPLATE_PATH}/{CHAT_TEMPLATE_FILE}"
    names = (adapter.name for adapter in spec.model.adapters)
    return Launch(
        engine=spec.engine,
        served_name=spec.model.name,
        model=model.reference,
        model_revision=model.revision,
        fetches_model=model.fetched_by_engine,
        adapters=tuple(
            LoadedAdapter(name, placed.reference)
            for name, placed in zip(names, adapters, strict=True)
        ),
        chat_template_path=template_path if spec.model.chat_template else None,
        gpu_count=gpu_count(spec.resources.limits),
        on_gpu=bool(device_taints(spec.resources.limits)),
    )


def _pod_spec(
    spec: LLMDeploymentSpec,
    context: RenderContext,
    server: Server,
    placed: Sequence[PlacedModel],
) -> Json:
    """The spec of the pod, before the user's part."""
    definition = ENGINES[spec.engine.type]
    fetches = [one.fetch for one in placed if one.fetch is not None]
    uses_cache = bool(fetches) or definition.caches
    pod: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security_context(
            writes_claim=uses_cache and "persistentVolumeClaim" in cache_volume(spec)
        ),
        "terminationGracePeriodSeconds": ENDPOINT_REMOVAL_SECONDS
        + spec.engine.drain_timeout_seconds
        + KILL_MARGIN_SECONDS,
        "containers": [_server_container(spec, server, placed)],
        "volumes": _volumes(spec, placed, uses_cache=uses_cache),
    }
    if fetches:
        pod["initContainers"] = [
            build_fetch_container(fetch, context.fetch_image, spec.model.credentials_secret_ref)
            for fetch in fetches
        ]
    taints = device_taints(spec.resources.limits)
    if taints:
        pod["tolerations"] = [
            {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in taints
        ]
    return pod


def _server_container(
    spec: LLMDeploymentSpec,
    server: Server,
    placed: Sequence[PlacedModel],
) -> Json:
    """The container of the model server."""
    definition = ENGINES[spec.engine.type]
    probes = server.probes
    container: Json = {
        "name": MODEL_SERVER_CONTAINER,
        "image": spec.engine.image,
        "args": list(server.args),
        "env": _environment(spec, definition, server),
        "ports": [{"name": MODEL_SERVER_PORT_NAME, "containerPort": server.port}],
        "startupProbe": probes.startup,
        "readinessProbe": probes.readiness,
        "livenessProbe": probes.liveness,
        "lifecycle": {"preStop": {"sleep": {"seconds": _pre_stop_seconds(spec, server)}}},
        "securityContext": _container_security(spec, definition),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(spec, definition, placed),
    }
    if server.command is not None:
        container["command"] = list(server.command)
    resources = spec.resources.model_dump(mode="json", exclude_defaults=True)
    if resources:
        container["resources"] = resources
    secret = spec.model.credentials_secret_ref
    if secret is not None and any(one.fetched_by_engine for one in placed):
        container["envFrom"] = [{"secretRef": {"name": secret.name}}]
    return container


def _container_security(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Json:
    """Hardened as far as engine and devices permit.

    NVIDIA's hooks write into the container's root file system before it starts, and fail when it
    is read-only (kserve/kserve#5711).
    """
    return container_security_context(
        read_only_root=definition.read_only_root and not device_taints(spec.resources.limits),
        as_root=definition.runs_as_root,
    )


def _pre_stop_seconds(spec: LLMDeploymentSpec, server: Server) -> int:
    """How long the pod waits before SIGTERM: the whole drain when SIGTERM would cut requests.

    The kubelet sleeps, so the image needs no shell. Kubernetes 1.30 and newer.
    """
    drain = 0 if server.drains_itself else spec.engine.drain_timeout_seconds
    return ENDPOINT_REMOVAL_SECONDS + drain


def _environment(
    spec: LLMDeploymentSpec, definition: EngineDefinition, server: Server
) -> list[Json]:
    """The engine's environment variables; the user's win."""
    # A user id without an entry in /etc/passwd has no name, which PyTorch's compiler asks for.
    home = {"HOME": HOME_PATH, "USER": "model-server"} if definition.read_only_root else {}
    ours = [{"name": name, "value": value} for name, value in {**home, **server.env}.items()]
    return merge_keyed_list(ours, list(spec.engine.env), "env", "engine.env")


def _volumes(
    spec: LLMDeploymentSpec,
    placed: Sequence[PlacedModel],
    *,
    uses_cache: bool,
) -> list[Json]:
    """All volumes of the pod."""
    definition = ENGINES[spec.engine.type]
    fetches = any(one.fetch for one in placed)
    volumes: list[Json] = []
    if definition.read_only_root or fetches:
        volumes.append({"name": "tmp", "emptyDir": {}})
    if definition.read_only_root:
        volumes.append({"name": "home", "emptyDir": {}})
    if definition.shared_memory:
        several = gpu_count(spec.resources.limits) > 1
        size = SHARED_MEMORY_TENSOR_PARALLEL if several else SHARED_MEMORY
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}})
    if uses_cache:
        volumes.append(cache_volume(spec))
    volumes += [volume for one in placed for volume in one.volumes]
    template = spec.model.chat_template
    if template is not None:
        items = [{"key": template.key, "path": CHAT_TEMPLATE_FILE}]
        config_map = {"name": template.name, "items": items}
        volumes.append({"name": "chat-template", "configMap": config_map})
    return volumes


def _mounts(
    spec: LLMDeploymentSpec,
    definition: EngineDefinition,
    placed: Sequence[PlacedModel],
) -> list[Json]:
    """Mounts of the model server. Of the cache it may write its own folder only, not the models."""
    mounts: list[Json] = []
    if definition.read_only_root:
        mounts += [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of this pod
            {"name": "home", "mountPath": HOME_PATH},
        ]
    if definition.shared_memory:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - same
    if definition.caches:
        own = f"engines/{definition.type.value}"
        mounts.append({"name": CACHE_VOLUME, "mountPath": CACHE_PATH, "subPath": own})
    mounts += [mount for one in placed for mount in one.mounts]
    if spec.model.chat_template is not None:
        mounts.append({"name": "chat-template", "mountPath": CHAT_TEMPLATE_PATH, "readOnly": True})
    return mounts
