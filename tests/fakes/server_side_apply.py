"""Server-side apply for one field manager, as far as the operator relies on it.

Fields that this manager applied before and no longer applies are removed; lists with a merge key
are merged by element, so that what somebody else added stays; other lists are replaced.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from collections.abc import Mapping
from typing import Any

_MERGE_KEYS = {
    "ownerReferences": ("uid",),
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
}


def merge_keys(name: str, items: list[Any]) -> tuple[str, ...]:
    """Merge keys of a list by its field name; empty when it is replaced as a whole."""
    if name == "ports" and all(isinstance(item, Mapping) for item in items):
        port = "port" if any("port" in item for item in items) else "containerPort"
        return (port, "protocol")
    return _MERGE_KEYS.get(name, ())


def apply_over(live: Any, before: Any, wanted: Any, name: str = "") -> Any:
    """What is stored after `wanted` is applied.

    Args:
        live: What is stored now; None: nothing.
        before: What this manager applied last; None: nothing.
        wanted: What it applies now.
        name: Name of the field.
    """
    if isinstance(wanted, Mapping):
        return _apply_map(_map(live), _map(before), wanted)
    keys = merge_keys(name, wanted) if isinstance(wanted, list) else ()
    if not keys:
        return wanted
    lives, befores = _by_key(live, keys), _by_key(before, keys)
    news = _by_key(wanted, keys)
    kept = {key: item for key, item in lives.items() if key not in befores or key in news}
    for key, item in news.items():
        kept[key] = apply_over(kept.get(key), befores.get(key), item)
    return list(kept.values())


def _apply_map(
    live: Mapping[str, Any], before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    result = {key: value for key, value in live.items() if key in wanted or key not in before}
    for key, value in wanted.items():
        result[key] = apply_over(live.get(key), before.get(key), value, key)
    return result


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _by_key(items: Any, keys: tuple[str, ...]) -> dict[tuple[Any, ...], Any]:
    found = items if isinstance(items, list) else []
    defaults = {"protocol": "TCP"}
    return {tuple(item.get(key, defaults.get(key)) for key in keys): item for item in found}
