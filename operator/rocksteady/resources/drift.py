"""Whether an object still is what was applied, judged without a write.

The API server adds defaults and other clients may add fields, so the question is not equality but:
does the live object say everything that the manifest says, and in the places that decide where
requests go, nothing else?
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.quantity import parse_quantity
from rocksteady.resources.merge import MERGE_KEYS

_EXACT: Final = frozenset({"selector", "podSelector", "namespaceSelector", "matchLabels"})
"""Maps in which a foreign entry changes where requests go."""

_KEYED_LISTS: Final = frozenset({*MERGE_KEYS, "ownerReferences"})
"""Lists that applying merges by element: what somebody else added to them stays."""


def differs(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True when the live object must be applied again.

    Args:
        wanted: The rendered manifest, with its mark.
        live: As the API server returns it.
    """
    mark = conventions.ANNOTATION_APPLIED
    wanted_mark = wanted["metadata"]["annotations"][mark]
    if live["metadata"].get("annotations", {}).get(mark) != wanted_mark:
        return True  # also finds fields that the manifest no longer has
    return not _says(wanted, live) or has_foreign_entries(wanted, live)


def lacks(answer: Any, wanted: Any) -> bool:
    """True when the API server's answer leaves out something that was wanted.

    What it, or admission, sets to another value is not left out.
    """
    if isinstance(wanted, dict):
        present = answer if isinstance(answer, dict) else {}
        return any(lacks(present.get(key), value) for key, value in wanted.items())
    if _is_list(wanted):
        elements = answer if _is_list(answer) else ()
        return len(elements) < len(wanted) or any(map(lacks, elements, wanted))
    return answer is None and not _same_scalar(wanted, answer)


def has_foreign_entries(wanted: Any, live: Any) -> bool:
    """True when somebody added to a selector or to a list that is merged by element.

    Applying cannot take that away, replacing can.
    """
    if isinstance(wanted, dict) and isinstance(live, dict):
        return any(
            _adds(key, value, live.get(key)) or has_foreign_entries(value, live.get(key))
            for key, value in wanted.items()
        )
    if _is_list(wanted) and _is_list(live):
        return any(map(has_foreign_entries, wanted, live))
    return False


def _adds(key: str, wanted: Any, live: Any) -> bool:
    """True when a selector or a keyed list has more in it than wanted."""
    if key in _EXACT and isinstance(wanted, dict):
        return not set(live or ()) <= set(wanted)
    return key in _KEYED_LISTS and _is_list(wanted) and len(live or ()) > len(wanted)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _says(wanted: Any, live: Any) -> bool:
    """True when everything in `wanted` is in `live`."""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return not wanted
        return all(_says(value, live.get(key)) for key, value in wanted.items())
    if _is_list(wanted):
        if not _is_list(live):
            return not wanted
        return len(wanted) == len(live) and all(map(_says, wanted, live))
    return _same_scalar(wanted, live)


def _same_scalar(wanted: Any, live: Any) -> bool:
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if live is None:
        return wanted in ("", 0, False)  # the API server leaves out what is empty
    left, right = _quantity(wanted), _quantity(live)
    return left is not None and left == right


def _quantity(value: Any) -> Decimal | None:
    """Size of a Kubernetes quantity, which the API server rewrites; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return parse_quantity(value)
    except InvalidOperation:
        return None
