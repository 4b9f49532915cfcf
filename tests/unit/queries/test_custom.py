"""Gates on queries of one's own."""

import pytest

from rocksteady.api.v1alpha1.policy import MetricGate
from rocksteady.queries.custom import (
    GateResult,
    TemplateError,
    Variables,
    check_template,
    judge,
    render,
)
from rocksteady.queries.signals import RevisionTarget

QUERY = 'sum(rate(errors{ns="{{namespace}}",pod=~"{{ deployment }}-{{revision}}-.+"}[{{window}}]))'
CANARY = Variables(RevisionTarget("demo", "chat", "48e21a213e"), "d22456549c", 90)


def gate(query: str = QUERY, min_samples: int = 1, **bounds: str) -> MetricGate:
    written = {"name": "errors", "query": query, "minSamples": min_samples, **bounds}
    return MetricGate.model_validate(written)


def test_render__fills_in_each_placeholder() -> None:
    assert render(QUERY, CANARY) == ('sum(rate(errors{ns="demo",pod=~"chat-48e21a213e-.+"}[90s]))')
    assert render("{{stable}}", CANARY) == "d22456549c"
    assert "chat-d22456549c-" in render(QUERY, CANARY.of_stable())


def test_render__values_cannot_leave_their_string() -> None:
    sly = Variables(RevisionTarget('a"} or vector(1) #', "b\\", "c"), "d", 90)
    assert render('x{n="{{namespace}}",d="{{deployment}}"}', sly) == (
        'x{n="a\\"} or vector(1) #",d="b\\\\"}'
    )


@pytest.mark.parametrize("query", ["up{{{pod}}}", "up{a='{{ canary }}'}", "{{}}"])
def test_render__names_what_it_does_not_know(query: str) -> None:
    with pytest.raises(TemplateError, match="is no placeholder; known are"):
        render(query, CANARY)
    assert "is no placeholder" in str(check_template(gate(query, maxValue="1")))


def test_check__comparison_needs_the_revision() -> None:
    problem = check_template(gate("sum(errors)", tolerancePercent="5"))
    assert problem is not None
    assert "{{revision}}" in problem
    assert check_template(gate(tolerancePercent="5")) is None
    assert check_template(gate("sum(errors)", maxValue="5")) is None


@pytest.mark.parametrize(
    ("bounds", "canary", "stable", "expected"),
    [
        pytest.param({"maxValue": "5"}, [5.0], [], "Passed", id="on the bound passes"),
        pytest.param({"maxValue": "5"}, [5.1], [], "Failed", id="above maxValue fails"),
        pytest.param({"minValue": "5"}, [4.9], [], "Failed", id="below minValue fails"),
        pytest.param({"maxValue": "5"}, [], [], "Inconclusive", id="no value yet"),
        pytest.param({"maxValue": "5"}, [None], [], "Inconclusive", id="no data is no pass"),
        pytest.param(
            {"maxValue": "5"}, [9.0, None], [], "Failed", id="the last known value counts"
        ),
        pytest.param({"tolerancePercent": "10"}, [110.0], [100.0], "Passed", id="10 % more is ok"),
        pytest.param({"tolerancePercent": "10"}, [110.1], [100.0], "Failed", id="more is worse"),
        pytest.param({"tolerancePercent": "10"}, [10.0], [100.0], "Passed", id="less is better"),
        pytest.param(
            {"tolerancePercent": "10", "minValue": "1"},
            [80.0],
            [100.0],
            "Failed",
            id="less is worse where only minValue is given",
        ),
        pytest.param(
            {"tolerancePercent": "10", "maxValue": "50"},
            [60.0],
            [100.0],
            "Failed",
            id="a bound holds however bad stable is",
        ),
        pytest.param({"tolerancePercent": "10"}, [0.0], [0.0], "Passed", id="both nothing"),
        pytest.param(
            {"tolerancePercent": "10"}, [0.1], [0.0], "Inconclusive", id="nothing to compare with"
        ),
        pytest.param({"tolerancePercent": "10"}, [1.0], [None], "Inconclusive", id="stable blind"),
        pytest.param({"tolerancePercent": "10"}, [1.0], [], "Error", id="stable was not asked"),
    ],
)
def test_judge(
    bounds: dict[str, str],
    canary: list[float | None],
    stable: list[float | None],
    expected: str,
) -> None:
    written = {"name": "errors", "query": QUERY, **bounds}
    result = judge(MetricGate.model_validate(written), canary, stable)
    assert result.verdict == expected
    assert result.message.startswith("errors: ")
    assert result.message.endswith(".")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([9.0, 9.0], "Inconclusive", id="too few"),
        pytest.param([9.0, 1.0, 9.0], "Inconclusive", id="they differ"),
        pytest.param([1.0, 9.0, 9.0, 9.0], "Failed", id="the last three agree"),
        pytest.param([9.0, 1.0, 1.0, 1.0], "Passed", id="early ones are forgotten"),
    ],
)
def test_judge__last_values_must_agree(values: list[float | None], expected: str) -> None:
    assert judge(gate(min_samples=3, maxValue="5"), values).verdict == expected


def test_judge__says_it_in_numbers() -> None:
    assert judge(gate(tolerancePercent="10"), [120.0], [100.0]) == GateResult(
        "Failed", "errors: 120, stable 100: 20 % worse, tolerated are 10 %."
    )
