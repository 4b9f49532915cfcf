"""What an answer of Prometheus says, told before prometheus-api-client reads it.

That library drops warnings, and takes any JSON for an answer.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/ (format, codes),
https://docs.victoriametrics.com (`isPartial`), thanos-io/thanos (warnings for what is missing).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import requests

from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.queries.problems import CLOCK_SKEW_SECONDS

_URL: Final = "check the url of the source"
_TEXT_CHARACTERS: Final = 300


def check_answer(response: requests.Response, body: bytes, source: str, now: datetime) -> None:
    """Raise what an answer is other than a whole and timely one.

    Args:
        response: Status and headers.
        body: All of it.
        source: Its name in the configuration.
        now: When it came.

    Raises:
        MetricsError: See its reasons.
    """
    content = _content(body)
    _check_status(response, content, source)
    if content.get("status") != "success" or not isinstance(content.get("data"), Mapping):
        kind = response.headers.get("Content-Type", "no content type")
        raise MetricsError(
            MetricsReason.NOT_PROMETHEUS,
            f"The source {source} answers, but not as Prometheus does ({kind}); {_URL}: it must be"
            " that of Prometheus itself, and no login page or console.",
        )
    _check_whole(content, source)
    _check_clock(response, source, now)


def _content(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, Mapping) else {}


def _check_status(response: requests.Response, content: Mapping[str, Any], source: str) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    if content.get("status") == "error":
        raise _said(content, source)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise MetricsError(
            MetricsReason.REFUSED,
            f"The source {source} refuses us ({status}); check its authentication.",
        )
    if status == HTTPStatus.NOT_FOUND:
        raise MetricsError(
            MetricsReason.NOT_FOUND,
            f"The source {source} has no /api/v1/query (404); {_URL}, also its path.",
        )
    if response.is_redirect or status < HTTPStatus.BAD_REQUEST:
        raise MetricsError(
            MetricsReason.NOT_PROMETHEUS,
            f"The source {source} sends us elsewhere ({status}), as login pages do; {_URL}.",
        )
    raise MetricsError(
        MetricsReason.FAILED,
        f"The source {source} answers {status}; look at its pods and its log.",
    )


def _said(content: Mapping[str, Any], source: str) -> MetricsError:
    """What Prometheus itself says went wrong."""
    said = str(content.get("error", ""))[:_TEXT_CHARACTERS]
    match content.get("errorType"):
        case "bad_data" | "execution":
            return MetricsError(
                MetricsReason.QUERY_INVALID,
                f"The source {source} cannot answer a query: {said}. Correct the query.",
            )
        case "timeout" | "canceled":
            return MetricsError(
                MetricsReason.TIMEOUT,
                f"The source {source} gave a query up: {said}. Raise timeoutSeconds, or give"
                " Prometheus more resources.",
            )
    return MetricsError(
        MetricsReason.FAILED, f"The source {source} failed: {said}. Look at its log."
    )


def _check_whole(content: Mapping[str, Any], source: str) -> None:
    """Parts that are missing would be read as requests that never were."""
    warnings = content.get("warnings") or []
    if not warnings and content.get("isPartial") is not True:
        return
    said = str(warnings[0])[:_TEXT_CHARACTERS] if warnings else "isPartial"
    raise MetricsError(
        MetricsReason.PARTIAL,
        f"The source {source} answers in part only: {said}. Look at the stores behind it.",
    )


def _check_clock(response: requests.Response, source: str, now: datetime) -> None:
    """Samples have the time of Prometheus, ticks and weights have ours."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return
    if theirs.tzinfo is None:
        return
    skew = (theirs - now).total_seconds()
    if abs(skew) > CLOCK_SKEW_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        raise MetricsError(
            MetricsReason.CLOCK_SKEW,
            f"The clock of the source {source} is {abs(skew):.0f} s {side} ours; synchronise the"
            " clocks of its node and of the operator's.",
        )
