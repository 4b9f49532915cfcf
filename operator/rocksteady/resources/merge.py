"""Merge a partial pod template over a rendered one, as a strategic merge patch does.

Lists whose elements have a merge key (containers by name, volumeMounts by mountPath, ...) are
merged element by element; other lists are replaced; null removes; `$patch: delete` and
`$patch: replace` do what they say. Three things are friendlier than in Kubernetes: tolerations and
envFrom are added to those that are there, a probe or hook of another kind replaces the kind that
was there, and a volume of another source replaces the source.

Source: kubernetes/community:contributors/devel/sig-api-machinery/strategic-merge-patch.md; merge
keys from the `patchMergeKey` tags of kubernetes/api:core/v1/types.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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

ALTERNATIVES: Final = (
    frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"}),
    frozenset({"value", "valueFrom"}),
)
"""Keys of which an object may have one only: the patch's choice drops the others."""

DIRECTIVE: Final = "$patch"

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


def merge(base: Mapping[str, Any], patch: Mapping[str, Any], path: str = "podTemplate") -> Json:
    """`base` with `patch` over it; neither argument is changed.

    Args:
        base: The rendered template.
        patch: The user's part.
        path: What messages call the patch.

    Raises:
        MergeError: A list is given where an object belongs, or an element lacks its merge key.
    """
    if patch.get(DIRECTIVE) == "replace":
        return {key: _fresh(value) for key, value in patch.items() if key != DIRECTIVE}
    merged = {key: _fresh(value) for key, value in base.items() if not _displaced(key, patch)}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif key != DIRECTIVE:
            merged[key] = _merge_value(key, merged.get(key), value, f"{path}.{key}")
    return merged


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


def _merge_value(key: str, base: Any, patch: Any, path: str) -> Any:
    """One field: objects and keyed lists are merged, all else is replaced."""
    if isinstance(patch, Mapping):
        if base is not None and not isinstance(base, Mapping):
            raise MergeError(path, f"is an object, but a pod template has {_kind(base)} there")
        return merge(base or {}, patch, path)
    if isinstance(base, Mapping):
        raise MergeError(path, f"is {_kind(patch)}, but a pod template has an object there")
    if key in MERGE_KEYS or key in ADDED_LISTS:
        if not isinstance(patch, list):
            raise MergeError(path, f"is {_kind(patch)}, but a pod template has a list there")
        if key in ADDED_LISTS:
            return [*(base or []), *(_fresh(one) for one in patch if one not in (base or []))]
        return merge_keyed_list(base or [], patch, key, path)
    return _fresh(patch)


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
    if any(isinstance(one, Mapping) and one == {DIRECTIVE: "replace"} for one in patch):
        return [_fresh(one) for one in patch if one != {DIRECTIVE: "replace"}]
    merged: dict[Any, Any] = {one[merge_key]: one for one in base}
    for index, element in enumerate(patch):
        where = f"{path}[{index}]"
        identity = _identity(element, merge_key, where)
        if element.get(DIRECTIVE) == "delete":
            merged.pop(identity, None)
            continue
        before = merged.get(identity, {})
        if key == "volumes":
            before = {name: value for name, value in before.items() if name in element}
        merged[identity] = merge(before, element, where)
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
