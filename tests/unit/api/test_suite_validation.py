import json
from decimal import Decimal

import pytest

from rocksteady.api.suite_advice import items_for_margin, margin_for_items
from rocksteady.api.suite_validation import validate_suite
from tests.cases.manifests import SUITE, Invalid, Valid, build
from tests.cases.suites import CONFIG_MAP, INVALID_SUITES, VALID_SUITES, item

IN_CONFIG_MAP = build({"spec.items": CONFIG_MAP}, SUITE)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in VALID_SUITES])
@pytest.mark.parametrize("strict", [True, False], ids=["by lint", "by the reconciler"])
def test_validate_suite__accepts(case: Valid, strict: bool) -> None:  # noqa: FBT001
    result = validate_suite(build(case.changes, SUITE), strict=strict)

    assert result.errors == ()
    assert result.suite is not None
    assert [warning.path for warning in result.warnings] == [path for path, _ in case.warnings]
    for warning, (_, part) in zip(result.warnings, case.warnings, strict=True):
        assert part in warning.message


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in INVALID_SUITES])
def test_validate_suite__names_the_field_and_the_cure(case: Invalid) -> None:
    result = validate_suite(build(case.changes, SUITE), strict=True)

    assert [error.path for error in result.errors] == [case.path]
    assert case.message in result.errors[0].message
    assert result.suite is None
    assert result.items is None


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in INVALID_SUITES])
def test_validate_suite__says_the_same_to_the_reconciler_but_for_unknown_fields(
    case: Invalid,
) -> None:
    written = validate_suite(build(case.changes, SUITE), strict=True)
    read = validate_suite(build(case.changes, SUITE), strict=False)

    assert read.errors == (() if case.lint_only else written.errors)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in INVALID_SUITES])
def test_validate_suite__repeats_no_prompt_and_no_secret(case: Invalid) -> None:
    result = validate_suite(build(case.changes, SUITE), strict=True)

    said = " ".join(error.message for error in result.errors)
    for private in ("Capital?", "Paris.", "planted", "secret@"):
        assert private not in said


def test_validate_suite__returns_all_errors_at_once() -> None:
    manifest = build(
        {
            "spec.items": {"inline": [item({"type": "Regex", "pattern": "("}), item()]},
            "spec.runner": {"type": "Custom"},
            "spec.kind": "Safety",
        },
        SUITE,
    )

    paths = [error.path for error in validate_suite(manifest, strict=True).errors]

    assert paths == [
        "spec.items.inline[0].checks[0].pattern",
        "spec.items.inline[1].id",
        "spec.runner",
        "spec",
    ]


def test_validate_suite__reads_the_items_of_a_config_map() -> None:
    lines = "\n".join(json.dumps(item(id=name)) for name in ("b", "a"))

    result = validate_suite(IN_CONFIG_MAP, strict=False, file=lines.encode())

    assert result.errors == ()
    assert result.items is not None
    assert [one.id for one in result.items] == ["b", "a"]


def test_validate_suite__leaves_items_open_that_it_was_not_given() -> None:
    result = validate_suite(IN_CONFIG_MAP, strict=False)

    assert (result.errors, result.items) == ((), None)


def test_validate_suite__judges_items_of_a_config_map_as_it_judges_inline_ones() -> None:
    needs_judge = item({"type": "ModelGraded", "criterion": "It is polite."})
    broken = item({"type": "Regex", "pattern": "("})

    (judge,) = validate_suite(
        IN_CONFIG_MAP, strict=False, file=json.dumps(needs_judge).encode()
    ).errors
    (pattern,) = validate_suite(
        IN_CONFIG_MAP, strict=False, file=json.dumps(broken).encode()
    ).errors

    assert "judge is needed by checks of type ModelGraded" in judge.message
    assert pattern.path == "spec.items.configMap"
    assert pattern.message.startswith("line 1: checks[0].pattern: is no regular expression")


@pytest.mark.parametrize(
    ("margin", "items"),
    [
        pytest.param("2", 133, id="2 points, as in the design"),
        pytest.param("5", 52, id="5 points"),
        pytest.param("100", 0, id="everything is allowed"),
        pytest.param("0", None, id="nothing is allowed"),
    ],
)
def test_items_for_margin__is_where_the_interval_ends_at_the_margin(
    margin: str, items: int | None
) -> None:
    assert items_for_margin(Decimal(margin)) == items


@pytest.mark.parametrize("count", [1, 24, 133, 1000])
def test_margin_for_items__is_enough_for_that_many(count: int) -> None:
    needed = items_for_margin(margin_for_items(count))

    assert needed is not None
    assert needed <= count


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(["PATIENT Jane"], id="a bare text in the list"),
        pytest.param("PATIENT Jane", id="a text instead of the list"),
        pytest.param([item(prompt={"PATIENT Jane": 1})], id="a group instead of a text"),
    ],
)
def test_validate_suite__quotes_nothing_of_inline_items(items: object) -> None:
    result = validate_suite(build({"spec.items.inline": items}, SUITE), strict=False)

    assert result.errors
    assert not any("PATIENT" in f"{error.path} {error.message}" for error in result.errors)
