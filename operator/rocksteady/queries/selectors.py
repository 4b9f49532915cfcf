"""What is asked of Prometheus: series by metric names and labels, written as PromQL in one place.

Raw samples are read, by an instant query of a range selector: the very samples that were scraped,
with their own timestamps. `increase()` and `rate()` would extrapolate, and read the first errors of
a new series as none (prometheus/prometheus#1673); a range query would repeat samples that are up to
five minutes old.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

METRIC_NAME: Final = "__name__"
"""The label that holds a metric's name."""


def quote(text: str) -> str:
    r"""A string literal of PromQL.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals

    >>> print(quote('a "b" \\ c'))
    "a \"b\" \\ c"
    """
    return f'"{escape(text)}"'


def escape(text: str) -> str:
    """What stands between the double quotes of a string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


def literally(text: str) -> str:
    r"""A regular expression that matches this text alone, for RE2 and for Python.

    Source: https://github.com/google/re2/wiki/Syntax

    >>> literally("a-b.c")
    'a-b\\.c'
    """
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


@lru_cache(maxsize=16_384)  # re's own cache is too small for the pods of a thousand deployments
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


@dataclass(frozen=True, order=True)
class Matcher:
    """A label and what it must be.

    Attributes:
        label: Its name.
        pattern: A regular expression that matches all of its value; in the syntax that RE2 and
            Python share.
    """

    label: str
    pattern: str

    @property
    def prefix(self) -> str:
        """What all values that match begin with; maybe less than that."""
        return _prefix(self.pattern)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True for series with such a label; one that is not there is empty."""
        return _compiled(self.pattern).fullmatch(labels.get(self.label, "")) is not None


def equals(label: str, value: str) -> Matcher:
    """The label has this value."""
    return Matcher(label, literally(value))


def starts_with(label: str, prefix: str) -> Matcher:
    """The label's value is this prefix and at least one character more."""
    return Matcher(label, f"{literally(prefix)}.+")


@dataclass(frozen=True)
class Selector:
    """Which series.

    Attributes:
        names: Names of metrics; any of them.
        matchers: All of them hold; each label at most once.
    """

    names: tuple[str, ...]
    matchers: tuple[Matcher, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True for the labels, name included, of a series that it selects."""
        return labels.get(METRIC_NAME) in self.names and all(
            matcher.matches(labels) for matcher in self.matchers
        )

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Labels that must have one certain value, and that value."""
        literals = {matcher.label: _literal(matcher.pattern) for matcher in self.matchers}
        return {label: text for label, text in literals.items() if text is not None}

    @cached_property
    def shape(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names and labels; selectors of one shape can be asked for in one query."""
        return self.names, tuple(sorted(matcher.label for matcher in self.matchers))


def promql(selectors: Sequence[Selector]) -> str:
    """Instant selector of all series that these selectors of one shape select, and maybe more.

    Each label may be what it is in any of them, so mixtures are selected too: who asked takes what
    `matches`.

    >>> promql([Selector(("up",), (equals("pod", "a.b"),))])
    'up{pod="a.b"}'
    >>> promql([Selector(("up", "x:y"), (equals("pod", p),)) for p in ("a", "b")])
    '{__name__=~"up|x:y",pod=~"a|b"}'
    """
    names, labels = selectors[0].shape
    if any(selector.shape != (names, labels) for selector in selectors):
        raise ValueError("selectors of different shapes cannot share a query")
    parts = [_condition(label, _patterns(selectors, label)) for label in labels]
    if len(names) == 1:
        return f"{names[0]}{{{','.join(parts)}}}" if parts else names[0]
    return f"{{{','.join([_condition(METRIC_NAME, map(literally, names)), *parts])}}}"


def raw_samples(selectors: Sequence[Selector], start_seconds: float, end_seconds: float) -> str:
    """Range selector that, evaluated at the end, gives all raw samples since the start.

    It may reach a millisecond further back: versions of Prometheus differ in whether the first
    instant belongs to a range.
    """
    milliseconds = max(1, math.ceil((end_seconds - start_seconds) * 1000) + 1)
    return f"{promql(selectors)}[{milliseconds}ms]"


def _patterns(selectors: Sequence[Selector], label: str) -> list[str]:
    return sorted(
        {
            matcher.pattern
            for selector in selectors
            for matcher in selector.matchers
            if matcher.label == label
        }
    )


def _condition(label: str, patterns: Iterable[str]) -> str:
    """One matcher of PromQL; equality where nothing but one value can match."""
    known = list(patterns)
    if len(known) == 1 and (value := _literal(known[0])) is not None:
        return f"{label}={quote(value)}"
    return f"{label}=~{quote('|'.join(known))}"


@lru_cache(maxsize=16_384)
def _literal(pattern: str) -> str | None:
    """The only text that a pattern matches; None when it matches several."""
    text = re.sub(r"\\(\W)", r"\1", pattern)
    return text if literally(text) == pattern else None


@lru_cache(maxsize=16_384)
def _prefix(pattern: str) -> str:
    """The beginning of a pattern that is literal; nothing where it has alternatives."""
    if "|" in pattern:
        return _literal(pattern) or ""
    head = re.match(r"(?:[^\\.+*?()|\[\]{}^$]|\\\W)*", pattern)
    text = "" if head is None else head.group()
    rest = pattern[len(text) :]
    if rest[:1] in {"*", "?", "{"}:  # the last character may be missing
        text = text[:-2] if text[-2:-1] == "\\" else text[:-1]
    return re.sub(r"\\(\W)", r"\1", text)
