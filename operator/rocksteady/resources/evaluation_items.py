"""How items behind a URI get into the pod of a run, and who of it sees them.

An init container fetches the file, or the kubelet mounts it; with `anonymise` another one writes
what the runner reads, and the volume with the file as it was is none of the runner's.
"""

from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.item_checks import ITEM_FILE_MAX_BYTES
from rocksteady.api.item_file import is_item_file
from rocksteady.api.model_uri import ModelUri, parse_model_uri
from rocksteady.api.v1alpha1.evaluationsuite import ItemSource
from rocksteady.resources.security import container_security_context

ITEMS_FOLDER: Final = "/items"
RAW_FOLDER: Final = "/raw-items"
ITEMS_VOLUME: Final = "items"
RAW_VOLUME: Final = "raw-items"
"""Volume of the file as it was; only there when it is anonymised, and never mounted by a runner."""
FETCH_SECONDS_MOST: Final = 600
"""For the fetcher, in each try: 64 MiB at 1 Mbit/s take 540 s."""
ANONYMISE_SECONDS_MOST: Final = 7200
"""For the anonymiser, in each try: it takes some 70 s of CPU for a million characters, and so
4700 s for the largest file."""

_FILE: Final = "items.jsonl"
"""Of an artifact, and what the anonymiser writes."""
_FETCHED: Final = "fetched"
"""Folder that the fetcher leaves."""
_SCRATCH: Final = "items-scratch"
"""Of the init containers alone: what a library leaves in it is as private as the items."""
_FETCH_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "1Gi"},
}
_ANONYMISE_RESOURCES: Final = {
    "requests": {"cpu": "500m", "memory": "512Mi"},
    "limits": {"memory": "2Gi"},
}
"""The language model alone takes some 300 MiB."""

Json = dict[str, Any]


@dataclass(frozen=True)
class PlacedItems:
    """Items behind a URI in the pod of a run.

    Attributes:
        file: The file that the runner reads.
        init_containers: In their order; empty: the kubelet mounts the file.
        volumes: Of the pod.
        mounts: Of the runner.
    """

    file: str
    init_containers: tuple[Json, ...]
    volumes: tuple[Json, ...]
    mounts: tuple[Json, ...]


def place_items(source: ItemSource, fetch_image: str, harness_image: str) -> PlacedItems | None:
    """How the items of a suite get into the pod; None: they are not behind a URI.

    Args:
        source: `spec.items` of a valid suite.
        fetch_image: Of the fetcher: the operator's own.
        harness_image: Of the anonymiser.

    Raises:
        ModelUriError: The URI cannot be read.
    """
    if source.uri is None:
        return None
    uri = parse_model_uri(source.uri)
    folder, volume = (RAW_FOLDER, RAW_VOLUME) if source.anonymise else (ITEMS_FOLDER, ITEMS_VOLUME)
    file, read_only = _placed_file(uri, folder), _mount(uri, volume, folder)
    containers: list[Json] = []
    volumes = [_volume(uri, volume)]
    if not _is_mounted(uri):
        containers.append(_fetcher(source, fetch_image, folder, volume))
    if source.anonymise:
        containers.append(_anonymiser(file, harness_image, read_only))
        volumes.append(_scratch(ITEMS_VOLUME))
        file, read_only = f"{ITEMS_FOLDER}/{_FILE}", _read_only(ITEMS_VOLUME, ITEMS_FOLDER)
    if containers:
        volumes.append({"name": _SCRATCH, "emptyDir": {}})
    return PlacedItems(file, tuple(containers), tuple(volumes), (read_only,))


def prepare_seconds_at_most(source: ItemSource | None) -> int:
    """How long the init containers of one try may take."""
    if source is None or source.uri is None:
        return 0
    return FETCH_SECONDS_MOST + (ANONYMISE_SECONDS_MOST if source.anonymise else 0)


def _is_mounted(uri: ModelUri) -> bool:
    return uri.scheme in {"pvc", "oci"}


def _placed_file(uri: ModelUri, folder: str) -> str:
    name = uri.path.partition("?")[0].rpartition("/")[2]
    name = name if is_item_file(name) else _FILE
    return f"{folder}/{name}" if _is_mounted(uri) else f"{folder}/{_FETCHED}/{name}"


def _volume(uri: ModelUri, name: str) -> Json:
    if uri.scheme == "pvc":
        source = {"claimName": uri.location, "readOnly": True}
        return {"name": name, "persistentVolumeClaim": source}
    if uri.scheme == "oci":
        reference = f"{uri.location}@{uri.revision}" if uri.revision else uri.location
        return {"name": name, "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}
    return _scratch(name)


def _scratch(name: str) -> Json:
    # The fetcher refuses what is larger and says why; the kubelet ends the pod of one that does
    # not. Twice: a file that is on its way may be there in two places.
    return {"name": name, "emptyDir": {"sizeLimit": str(2 * ITEM_FILE_MAX_BYTES)}}


def _mount(uri: ModelUri, volume: str, folder: str) -> Json:
    """For who only reads: of a claim no more than the folder with the file."""
    mount = _read_only(volume, folder)
    below = uri.path.rpartition("/")[0] if uri.scheme == "pvc" else ""
    return {**mount, "subPath": below} if below else mount


def _read_only(volume: str, folder: str) -> Json:
    return {"name": volume, "mountPath": folder, "readOnly": True}


def _fetcher(source: ItemSource, image: str, folder: str, volume: str) -> Json:
    name = conventions.ITEMS_FETCHER_CONTAINER
    container = _container(name, image, "rocksteady.fetch", _FETCH_RESOURCES)
    arguments = ["--items-max-bytes", str(ITEM_FILE_MAX_BYTES), str(source.uri)]
    container["args"] = [*arguments, f"{folder}/{_FETCHED}"]
    container["volumeMounts"] += [{"name": volume, "mountPath": folder}]
    if source.credentials_secret_ref is not None:
        container["envFrom"] = [{"secretRef": {"name": source.credentials_secret_ref.name}}]
    return container


def _anonymiser(file: str, image: str, reads: Json) -> Json:
    name = conventions.ANONYMISER_CONTAINER
    container = _container(name, image, "rocksteady.evaluate.anonymise", _ANONYMISE_RESOURCES)
    container["args"] = [file, f"{ITEMS_FOLDER}/{_FILE}"]
    container["volumeMounts"] += [reads, {"name": ITEMS_VOLUME, "mountPath": ITEMS_FOLDER}]
    return container


def _container(name: str, image: str, module: str, resources: Json) -> Json:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", module],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - an emptyDir of this pod
        "resources": resources,
        # Not FallbackToLogsOnError: what nobody foresaw may quote an item.
        "terminationMessagePolicy": "File",
        "securityContext": container_security_context(read_only_root=True),
        "volumeMounts": [{"name": _SCRATCH, "mountPath": "/tmp"}],  # noqa: S108 - same
    }
