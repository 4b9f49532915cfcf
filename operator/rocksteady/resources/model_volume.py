"""How a model's files get into the pod, per URI scheme: volumes, mounts, and what must be fetched.

`image` is already there; `pvc` and `oci` are mounted read-only; `hf` is left to engines that fetch
a pinned revision themselves; everything else is fetched by an init container into the cache volume,
from which the engine sees that model only, read-only.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.api.model_uri import ModelUri, parse_model_uri
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.engines.base import ADAPTERS_PATH, CACHE_PATH, MODELS_PATH, EngineDefinition, Loads

CACHE_VOLUME: Final = "cache"
DEFAULT_FILE: Final = "model.gguf"
"""The file that an engine which loads one file takes from a URI that names a folder."""
FETCHED_SCHEMES: Final = frozenset({"hf", "s3", "gs", "https"})
"""Schemes whose files come over the network, whoever fetches them."""

HTTPS_PORT: Final = 443

_KEY_LENGTH: Final = 16
_COMMIT_LENGTH: Final = 40


@dataclass(frozen=True)
class Fetch:
    """What an init container brings into the cache volume.

    Attributes:
        container: Its name.
        uri: As the user wrote it.
        destination: Folder that holds the files once all of them are there.
    """

    container: str
    uri: str
    destination: str


@dataclass(frozen=True)
class PlacedModel:
    """A model or adapter in the pod.

    Attributes:
        reference: What the engine is told: a path, or `org/name` when it fetches itself.
        revision: Commit or branch, only when the engine fetches itself.
        fetched_by_engine: True when the engine downloads it.
        volumes: Volumes of its own; empty when it is in the cache volume or the image.
        mounts: Mounts in the engine's container.
        fetch: What an init container fetches; None: nothing.
    """

    reference: str
    revision: str | None = None
    fetched_by_engine: bool = False
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    fetch: Fetch | None = None


def place_model(spec: LLMDeploymentSpec, definition: EngineDefinition) -> PlacedModel:
    """Where the engine finds the base model.

    Raises:
        ModelUriError: `model.uri` cannot be read.
    """
    uri = parse_model_uri(spec.model.uri)
    if uri.scheme in definition.fetched_schemes and not uri.path and not _abbreviated(uri):
        return PlacedModel(uri.location, revision=uri.revision, fetched_by_engine=True)
    return _place(
        spec.model.uri, uri, MODELS_PATH, "model", loads_file=definition.loads is Loads.FILE
    )


def place_adapters(spec: LLMDeploymentSpec) -> tuple[PlacedModel, ...]:
    """Where the engine finds each LoRA adapter, in the order of the spec.

    Raises:
        ModelUriError: The `uri` of an adapter cannot be read.
    """
    return tuple(
        _place(
            adapter.uri,
            parse_model_uri(adapter.uri),
            f"{ADAPTERS_PATH}/{adapter.name}",
            f"adapter-{index}",
            loads_file=False,
        )
        for index, adapter in enumerate(spec.model.adapters)
    )


def egress_ports(spec: LLMDeploymentSpec) -> tuple[int, ...]:
    """TCP ports from which a pod fetches model and adapters; empty: it fetches nothing.

    The kubelet's own pulls do not count. 443 is always among them, since a server on another port
    may redirect to one there.

    Raises:
        ModelUriError: A URI cannot be read.
    """
    fetched = [uri for uri in _uris(spec) if uri.scheme in FETCHED_SCHEMES]
    ports = {HTTPS_PORT, *map(_port, fetched)} if fetched else set()
    return tuple(sorted(ports))


def _port(uri: ModelUri) -> int:
    """The port that an https URI gives; that of HTTPS for all that give none."""
    given = uri.location.rpartition(":")[2]
    return int(given) if uri.scheme == "https" and given.isdecimal() else HTTPS_PORT


def cache_volume(spec: LLMDeploymentSpec) -> dict[str, Any]:
    """The volume of fetched files and compiled code: the user's claim, or an emptyDir."""
    cache = spec.model.cache
    if cache is not None and cache.claim_name is not None:
        return {
            "name": CACHE_VOLUME,
            "persistentVolumeClaim": {"claimName": cache.claim_name},
        }
    limit = {"sizeLimit": cache.size_limit} if cache is not None and cache.size_limit else {}
    return {"name": CACHE_VOLUME, "emptyDir": limit}


def cache_key(uri: str) -> str:
    """Folder name of a URI in the cache: the same URI is the same folder in every pod.

    >>> cache_key("s3://models/smollm2")
    'cb4e8479a8fc85b6'
    """
    return hashlib.sha256(uri.encode()).hexdigest()[:_KEY_LENGTH]


def _uris(spec: LLMDeploymentSpec) -> list[ModelUri]:
    texts = [spec.model.uri, *(adapter.uri for adapter in spec.model.adapters)]
    return [parse_model_uri(text) for text in texts]


def _place(
    text: str, uri: ModelUri, mount_path: str, volume: str, *, loads_file: bool
) -> PlacedModel:
    """A model that is on a file system when the engine starts."""
    if uri.scheme == "image":
        return PlacedModel(uri.path)
    name = uri.file_name or (DEFAULT_FILE if loads_file else None)
    reference = f"{mount_path}/{name}" if name else mount_path
    mount: dict[str, Any] = {"name": volume, "mountPath": mount_path, "readOnly": True}
    if uri.scheme == "oci":
        return PlacedModel(reference, volumes=(_image_volume(volume, uri),), mounts=(mount,))
    if uri.scheme == "pvc":
        folder = uri.path.rpartition("/")[0] if uri.file_name else uri.path
        source = {"claimName": uri.location, "readOnly": True}
        claim = {"name": volume, "persistentVolumeClaim": source}
        return PlacedModel(reference, volumes=(claim,), mounts=(_under(mount, folder),))
    folder = f"models/{cache_key(text)}"
    return PlacedModel(
        reference,
        mounts=(_under({**mount, "name": CACHE_VOLUME}, folder),),
        fetch=Fetch(f"fetch-{volume}", text, f"{CACHE_PATH}/{folder}"),
    )


def _abbreviated(uri: ModelUri) -> bool:
    """True for a shortened commit, which Hugging Face does not serve and `fetch` looks up.

    Source: huggingface/huggingface_hub:docs/source/en/guides/download.md ("it must be the
    full-length hash").
    """
    return uri.pinned and uri.revision is not None and len(uri.revision) < _COMMIT_LENGTH


def _under(mount: dict[str, Any], folder: str) -> dict[str, Any]:
    """The mount of a folder of the volume; all of it when the folder is empty."""
    return {**mount, "subPath": folder} if folder else mount


def _image_volume(name: str, uri: ModelUri) -> dict[str, Any]:
    """An OCI artifact as a read-only volume, pulled by the kubelet with the pod's pull secrets."""
    reference = f"{uri.location}@{uri.revision}" if uri.revision else uri.location
    return {"name": name, "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}
