"""Metrics read where they are made: the text that a gateway or an engine shows."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.queries.samples import Sample
from rocksteady.queries.selectors import METRIC_NAME

TIMEOUT_SECONDS: Final = 1.0
"""A reading that comes later is of no use to a lane that reads each second."""
MAX_TEXT_BYTES: Final = 32 * 1024 * 1024
"""Far more than a gateway of a thousand routes shows."""
SERIES_KNOWN: Final = 32768
"""Series whose labels are remembered, 1 KiB each as measured: those of a thousand LLMDeployments by
code and revision, four times over. To parse 4,000 of them anew takes 0.25 s, this 16 ms."""
_ACCEPT: Final = "text/plain;version=0.0.4"


class Expositions:
    """Reads text expositions; see `ports.ExpositionReader`.

    Args:
        session: Of aiohttp; its owner closes it.
        timeout_seconds: How long a reading may take.
    """

    def __init__(
        self, session: aiohttp.ClientSession, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def samples(
        self, address: str, port: int, path: str, names: Sequence[str]
    ) -> tuple[Sample, ...]:
        """See `ports.ExpositionReader`."""
        url = f"http://{_host(address)}:{port}{path}"
        try:
            text = await self._text(url)
        except TimeoutError:
            raise _error(url, f"did not come within {self._timeout.total:g} s") from None
        except aiohttp.ClientError as error:
            raise _error(url, f"cannot be read ({error})") from None
        try:
            return tuple(parse(text, names))
        except (ValueError, IndexError) as error:  # the parser has both for broken lines
            raise _error(url, f"are no metrics ({error})") from None

    async def _text(self, url: str) -> str:
        headers = {"Accept": _ACCEPT}
        async with self._session.get(
            url, headers=headers, timeout=self._timeout, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise aiohttp.ClientError(f"status {response.status}")
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_TEXT_BYTES:
                    raise aiohttp.ClientError("too long")
        return body.decode(errors="replace")


def parse(text: str, names: Sequence[str]) -> Iterator[Sample]:
    """Samples of these metrics in a text exposition.

    Only their lines are parsed, and no TYPE lines: with those the parser adds `_total` to the names
    of counters, which makes one of Envoy's `upstream_rq` and `upstream_rq_total`.

    Raises:
        ValueError: A line cannot be read.
    """
    wanted = frozenset(names)
    for line in text.splitlines():
        if _name(line) in wanted:
            series, brace, rest = line.rpartition("}")
            if not brace:
                series, _, rest = line.partition(" ")
            value = rest.split()[:1] or [""]
            yield Sample(_labels(series + brace), float(value[0]))


@lru_cache(maxsize=SERIES_KNOWN)
def _labels(series: str) -> Mapping[str, str]:
    """Name and labels of a series as it is written; the next reading shows the same ones."""
    families = text_string_to_metric_families(f"{series} 0\n")
    sample = next((sample for family in families for sample in family.samples), None)
    if sample is None:
        raise ValueError(f"no series: {series}")
    return MappingProxyType({METRIC_NAME: sample.name, **sample.labels})


def _name(line: str) -> str:
    """The metric's name at the beginning of a line."""
    return line.partition("{")[0].partition(" ")[0]


def _host(address: str) -> str:
    """An address for a URL; version 6 needs brackets."""
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def _error(url: str, text: str) -> MetricsError:
    return MetricsError(
        MetricsReason.EXPOSITION_UNREADABLE,
        f"The metrics at {url} {text}; check port and path, and that NetworkPolicies let the"
        " operator in.",
    )
