"""The user's partial pod template: its outer form, and what in it deserves a warning.

What stands deeper is checked by the API server when the Deployment is applied.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rocksteady.api.environment import plain_secret_arguments, plain_secrets
from rocksteady.api.fields import FieldError, Path, format_path
from rocksteady.conventions import MODEL_SERVER_CONTAINER

DIRECTIVE: Final = "$patch"
"""Key by which a part says how it is merged; `resources.merge` tells how."""

_CONTAINER_LISTS: Final = ("containers", "initContainers")
_MAY_HOLD_SECRETS: Final = {
    "command": plain_secret_arguments,
    "args": plain_secret_arguments,
    "env": plain_secrets,
}
_CONFIG_MAP_KEYS: Final = ("configMap", "configMapRef", "configMapKeyRef")


def check_pod_template(template: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """Errors in the outer form: `metadata` and `spec`, and containers with names."""
    for key in template:
        if key not in {"metadata", "spec", DIRECTIVE}:
            yield FieldError(
                f"{path}.{key}",
                f"a pod template has metadata and spec: did you mean podTemplate.spec.{key}?",
            )
    for key in ("metadata", "spec"):
        if not isinstance(template.get(key, {}), Mapping):
            yield FieldError(f"{path}.{key}", "must be a group of fields")
    for where, container in containers_of(template, path):
        if container == {DIRECTIVE: "replace"}:
            continue
        if not isinstance(container, Mapping) or not isinstance(container.get("name"), str):
            yield FieldError(
                f"{where}.name",
                f"is required: {MODEL_SERVER_CONTAINER} is the model server, any other name adds"
                " a container",
            )


def containers_of(template: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Containers and init containers as they were written, whatever stands there, with their paths.

    Args:
        template: The partial pod template.
        path: Of the template.
    """
    spec = template.get("spec")
    for group in _CONTAINER_LISTS:
        containers = spec.get(group) if isinstance(spec, Mapping) else None
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            yield f"{path}.spec.{group}[{index}]", container


def plain_secrets_of_template(template: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """Secrets in plain text in the containers' command, arguments and environment."""
    for where, container in containers_of(template, path):
        for key, search in _MAY_HOLD_SECRETS.items():
            found = container.get(key) if isinstance(container, Mapping) else None
            if isinstance(found, list):
                yield from search(found, f"{where}.{key}")


def unfrozen_config_maps(template: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """References to ConfigMaps, whose contents are no part of the revision."""
    for where in _references(template, ()):
        yield FieldError(
            f"{path}.{format_path(where)}",
            "this ConfigMap is not frozen in the revision: an edit of it changes running models"
            " without a rollout; refer to one that is immutable, by a new name for each change",
        )


def _references(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in _CONFIG_MAP_KEYS and isinstance(item, Mapping):
                yield (*path, key)
            else:
                yield from _references(item, (*path, str(key)))
