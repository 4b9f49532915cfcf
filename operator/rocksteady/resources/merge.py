"""Merge a partial pod template over a rendered one, as a strategic merge patch does.

Lists whose elements have a merge key (containers by name, volumeMounts by mountPath, ...) are
merged element by element; other lists are replaced; null removes. `$patch: replace` in an object
keeps nothing of ours in it, and as an element of its own in a list nothing of that list;
`$patch: delete` in an element takes it out, and in an object empties it. Three things are
friendlier than in Kubernetes: tolerations and envFrom are added to those that are there, a probe or
hook of another kind replaces the kind that was there, and a volume of another source replaces the
source.

Source: kubernetes/community:contributors/devel/sig-api-machinery/strategic-merge-patch.md; merge
keys from the `patchMergeKey` tags of kubernetes/api:core/v1/types.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rocksteady.api.pod_template import DIRECTIVE

MERGE_KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
"""Merge key of each list that is merged by element. Lists of which the operator renders none, like
imagePullSecrets, are not here: there is nothing to merge with."""

ADDED_LISTS: Final = frozenset({"tolerations", "envFrom"})
"""Lists without a merge key that are added to: replacing them would lose the toleration for GPUs
and the credentials."""

_OF_CONTAINER: Final = frozenset({"env", "envFrom", "ports", "volumeMounts", "volumeDevices"})
_LISTS: Final[Mapping[str, frozenset[str]]] = {
    "spec": frozenset({"containers", "initContainers", "volumes", "tolerations"}),
    "containers": _OF_CONTAINER,
    "initContainers": _OF_CONTAINER,
}
"""The lists of both sorts, by the field that they stand in: a label may well be called `env`."""

_OBJECTS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"metadata", "spec"}),
    "metadata": frozenset({"labels", "annotations"}),
}
"""Objects whose shape is known even where the patch keeps nothing of ours."""

ALTERNATIVES: Final = (
    frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"}),
    frozenset({"value", "valueFrom"}),
)
"""Keys of which an object may have one only: the patch's choice drops the others."""

_REPLACE: Final = {DIRECTIVE: "replace"}

Json = dict[str, Any]


class MergeError(ValueError):
    """The partial template has not the shape of a pod template.

    Attributes:
        path: The field, as in `podTemplate.spec.containers[0]`.
        problem: What is wrong with it.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


def merge(
    base: Mapping[str, Any], patch: Mapping[str, Any], path: str = "podTemplate", field: str = ""
) -> Json:
    """`base` with `patch` over it; neither argument is changed.

    Args:
        base: The rendered template.
        patch: The user's part.
        path: What messages call the patch.
        field: Name of the field that both stand in, or of the list that they are elements of.

    Raises:
        MergeError: A list is given where an object belongs, an element lacks its merge key, or a
            directive is not known.
    """
    directive = _directive(patch, path)
    kept = {} if directive else base
    merged = {key: _fresh(value) for key, value in kept.items() if not _displaced(key, patch)}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif key != DIRECTIVE:
            merged[key] = _merge_value(field, key, merged.get(key), value, f"{path}.{key}")
    return {} if directive == "delete" else merged


def _directive(patch: Mapping[str, Any], path: str) -> str | None:
    """What the object asks for beside its fields; None: to be merged."""
    for key, value in patch.items():
        if key.startswith("$") and (key != DIRECTIVE or value not in ("replace", "delete")):
            raise MergeError(
                path, f"has {key}: {value!r}, but only $patch: replace and $patch: delete work here"
            )
    return patch.get(DIRECTIVE)


def _fresh(value: Any) -> Any:
    """A copy that shares no part with anything, not even twice with itself."""
    if isinstance(value, Mapping):
        return {key: _fresh(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_fresh(inner) for inner in value]
    return value


def _displaced(key: str, patch: Mapping[str, Any]) -> bool:
    """True when the patch chooses another of several keys that exclude each other."""
    return any(
        key in group and key not in patch and any(patch.get(other) is not None for other in group)
        for group in ALTERNATIVES
    )


def _merge_value(field: str, key: str, base: Any, patch: Any, path: str) -> Any:
    """One field: objects and the lists of `_LISTS` are merged, all else is replaced."""
    if key in _LISTS.get(field, ()):
        if not isinstance(patch, list):
            raise MergeError(path, f"is {_kind(patch)}, but a pod template has a list there")
        if key in ADDED_LISTS:
            return _add(base or [], patch)
        return merge_keyed_list(base or [], patch, key, path)
    if isinstance(patch, Mapping):
        if base is not None and not isinstance(base, Mapping):
            raise MergeError(path, f"is an object, but a pod template has {_kind(base)} there")
        return merge(base or {}, patch, path, key)
    if isinstance(base, Mapping) or key in _OBJECTS.get(field, ()):
        raise MergeError(path, f"is {_kind(patch)}, but a pod template has an object there")
    return _fresh(patch)


def _add(base: Sequence[Any], patch: Sequence[Any]) -> list[Any]:
    """`base`, unless the patch replaces it, and what the patch has beside it."""
    before = [] if _REPLACE in patch else list(base)
    return [*before, *(_fresh(one) for one in patch if one != _REPLACE and one not in before)]


def merge_keyed_list(base: Sequence[Any], patch: Sequence[Any], key: str, path: str) -> list[Any]:
    """`base` with the elements of `patch`: those of the same merge key merged, new ones after.

    Args:
        base: As rendered.
        patch: The user's elements.
        key: Name of the list, one of `MERGE_KEYS`.
        path: What messages call the list.

    Raises:
        MergeError: An element lacks its merge key.
    """
    merge_key = MERGE_KEYS[key]
    merged: dict[Any, Any] = {} if _REPLACE in patch else {one[merge_key]: one for one in base}
    for index, element in enumerate(patch):
        if element == _REPLACE:
            continue
        where = f"{path}[{index}]"
        identity = _identity(element, merge_key, where)
        before = merged.get(identity, {})
        if key == "volumes":
            before = {name: value for name, value in before.items() if name in element}
        merged[identity] = merge(before, element, where, key)
        if element.get(DIRECTIVE) == "delete":
            del merged[identity]
    return list(merged.values())


def _identity(element: Any, merge_key: str, where: str) -> Any:
    """The value that tells which element is meant."""
    identity = element.get(merge_key) if isinstance(element, Mapping) else None
    if not isinstance(identity, str | int):
        raise MergeError(where, f"needs {merge_key}: it says which element is meant")
    return identity


def _kind(value: Any) -> str:
    """What a person calls the value."""
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else f"{value!r}"
