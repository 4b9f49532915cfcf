"""When a run of the tests is no pass although no test failed."""

from collections import Counter

import pytest

from tests.tiers import not_run


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param({"unit": Counter(passed=1)}, [], id="one that passed has run"),
        pytest.param({"unit": Counter(failed=1, skipped=3)}, [], id="one that failed has run"),
        pytest.param({"unit": Counter(error=1)}, [], id="one that could not be set up has run"),
        pytest.param({"unit": Counter(skipped=3)}, ["unit"], id="skipped tests do not count"),
        pytest.param({"unit": Counter()}, ["unit"], id="no test was chosen"),
        pytest.param({"golden": Counter(passed=1)}, ["unit"], id="another tier has run"),
    ],
)
def test_not_run__of_what_was_asked_for(
    outcomes: dict[str, Counter[str]], expected: list[str]
) -> None:
    assert not_run(["unit"], outcomes) == expected


def test_not_run__of_nothing_that_was_asked_for_is_nothing() -> None:
    assert not_run([], {"unit": Counter()}) == []
