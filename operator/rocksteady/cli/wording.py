"""How times, durations, evidence and scores are written for people."""

import math
from datetime import datetime
from typing import Final

from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord

_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Two units at most, such as `45s`, `3m10s`, `2h5m` or `3d4h`."""
    left = max(0, int(seconds))
    for index, (unit, length) in enumerate(_UNITS):
        if left >= length:
            smaller = _UNITS[index + 1 : index + 2]
            rest = [f"{left % length // size}{name}" for name, size in smaller]
            return f"{left // length}{unit}" + "".join(one for one in rest if one[0] != "0")
    return "0s"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago; `-` when the moment is not known."""
    return "-" if moment is None else duration((now - moment).total_seconds())


def moment_of(moment: datetime, now: datetime) -> str:
    """Time of day in UTC, with the date unless it is today's."""
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def share_of_bar(evidence: float, threshold: float) -> float:
    """Where evidence stands between 1, which says nothing, and its threshold: 0 to 1, by logs."""
    if threshold <= 1 or math.isnan(evidence):
        return 0.0
    return min(1.0, max(0.0, math.log(max(evidence, 1.0)) / math.log(threshold)))


def number_of(text: str) -> float:
    """A number that the operator wrote; NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def score_of(record: EvaluationRecord) -> str:
    """Share of the answered items that are correct, and all items; `-` while there are none."""
    if record.score_percent is None:
        return "-"
    return f"{number_of(record.score_percent):.4g} %, {record.items} items"
