"""Gates on queries of a user's own: templates of PromQL, and what their values say.

A template names `{{namespace}}`, `{{deployment}}`, `{{revision}}`, `{{stable}}` and `{{window}}`.
Values are escaped for PromQL's string literals, in which they are meant to stand; the window is a
duration, as `90s`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rocksteady.api.v1alpha1.policy import MetricGate
from rocksteady.queries.selectors import escape
from rocksteady.queries.signals import RevisionTarget

PASSED: Final = "Passed"
FAILED: Final = "Failed"
INCONCLUSIVE: Final = "Inconclusive"
ERROR: Final = "Error"

PLACEHOLDERS: Final = ("namespace", "deployment", "revision", "stable", "window")
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)


class TemplateError(ValueError):
    """A template cannot be filled in; the message says what is wrong and what would be right."""


@dataclass(frozen=True)
class Variables:
    """What a template is filled in with.

    Attributes:
        target: The revision that is asked about.
        stable: Hash of the stable revision.
        window_seconds: How far a query looks back.
    """

    target: RevisionTarget
    stable: str
    window_seconds: int

    def of_stable(self) -> "Variables":
        """The same query about the stable revision."""
        return replace(self, target=replace(self.target, revision=self.stable))

    def texts(self) -> Mapping[str, str]:
        """By placeholder."""
        return {
            "namespace": escape(self.target.namespace),
            "deployment": escape(self.target.name),
            "revision": escape(self.target.revision),
            "stable": escape(self.stable),
            "window": f"{self.window_seconds}s",
        }


@dataclass(frozen=True)
class GateResult:
    """What a gate says.

    Attributes:
        verdict: Passed, Failed, Inconclusive or Error; only Failed speaks against the canary.
        message: Why, in numbers, a sentence.
    """

    verdict: str
    message: str


def check_template(gate: MetricGate) -> str | None:
    """What is wrong with a gate's query, without a full stop; None: nothing."""
    used = _PLACEHOLDER.findall(gate.query)
    unknown = [name for name in used if name not in PLACEHOLDERS]
    if unknown:
        return f"{{{{{unknown[0]}}}}} is no placeholder; known are {_listed(PLACEHOLDERS)}"
    if gate.tolerance_percent is not None and "revision" not in used:
        return (
            "tolerancePercent compares two revisions, so the query must have {{revision}}, which is"
            " the canary's and then stable's"
        )
    return None


def render(template: str, variables: Variables) -> str:
    """A query to send.

    Raises:
        TemplateError: The template has a placeholder that is not known.
    """
    texts = variables.texts()

    def text(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in texts:
            raise TemplateError(
                f"{{{{{name}}}}} is no placeholder; known are {_listed(PLACEHOLDERS)}"
            )
        return texts[name]

    return _PLACEHOLDER.sub(text, template)


def judge(
    gate: MetricGate, canary: Sequence[float | None], stable: Sequence[float | None] = ()
) -> GateResult:
    """What the values of a gate's query say.

    The last `minSamples` values must agree, so that one stray value decides nothing where more are
    asked for.

    Args:
        gate: The bounds.
        canary: Values of the canary, oldest first; None: no data.
        stable: Values of stable at the same times; only needed with a tolerance.
    """
    needs_stable = gate.tolerance_percent is not None
    if needs_stable and len(stable) != len(canary):
        return GateResult(ERROR, f"{gate.name}: stable was not asked at the same times.")
    others = stable if needs_stable else [None] * len(canary)
    known = [
        (value, other)
        for value, other in zip(canary, others, strict=True)
        if value is not None and (other is not None or not needs_stable)
    ]
    if len(known) < gate.min_samples:
        return GateResult(
            INCONCLUSIVE, f"{gate.name}: {len(known)} of {gate.min_samples} values are there."
        )
    return _agreed(gate, [_judge(gate, *pair) for pair in known[-gate.min_samples :]])


def _agreed(gate: MetricGate, single: Sequence[GateResult]) -> GateResult:
    """The verdict of all of them, with the newest sentence; Inconclusive when they differ."""
    verdicts = [result.verdict for result in single]
    if len(set(verdicts)) == 1:
        return single[-1]
    failed = verdicts.count(FAILED)
    return GateResult(
        INCONCLUSIVE, f"{gate.name}: {failed} of the last {len(single)} values are out of bounds."
    )


def _judge(gate: MetricGate, value: float, stable: float | None) -> GateResult:
    """What one value says: its absolute bounds first, then how it stands to stable."""
    least, greatest = _number(gate.min_value), _number(gate.max_value)
    if least is not None and value < least:
        return GateResult(FAILED, f"{gate.name}: {value:g} is less than minValue {least:g}.")
    if greatest is not None and value > greatest:
        return GateResult(FAILED, f"{gate.name}: {value:g} is more than maxValue {greatest:g}.")
    tolerance = _number(gate.tolerance_percent)
    if tolerance is None or stable is None:
        return GateResult(PASSED, f"{gate.name}: {value:g} is within its bounds.")
    return _compare(gate, value, stable, tolerance)


def _compare(gate: MetricGate, value: float, stable: float, tolerance: float) -> GateResult:
    """How much worse than stable: less is worse where only minValue is given, else more is."""
    if stable == 0 and value != 0:
        return GateResult(
            INCONCLUSIVE,
            f"{gate.name}: {value:g} cannot be compared with stable's 0; give maxValue or minValue"
            " instead of tolerancePercent.",
        )
    less_is_worse = gate.min_value is not None and gate.max_value is None
    worse = 0.0 if stable == 0 else (value - stable) / abs(stable) * 100
    worse = -worse if less_is_worse else worse
    said = f"{gate.name}: {value:g}, stable {stable:g}:"
    if worse > tolerance:
        return GateResult(FAILED, f"{said} {worse:.3g} % worse, tolerated are {tolerance:g} %.")
    return GateResult(PASSED, f"{said} within {tolerance:g} %.")


def _number(text: str | float | None) -> float | None:
    return None if text is None else float(text)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in names)
