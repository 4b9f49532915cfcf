import re

import pytest

from rocksteady.api.answer_pattern import PatternError, check_pattern, is_found

ANSWER = "The capital is Paris.\nIt lies on the Seine, in [Ile-de-France]."


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"\bparis\b", id="case counts"),
        pytest.param(r"(?i)\bparis\b", id="case is ignored"),
        pytest.param(r"Paris.*Seine", id="a dot stops at a line break"),
        pytest.param(r"(?s)Paris.*Seine", id="a dot matches a line break"),
        pytest.param(r"(?m)^It", id="a line begins"),
        pytest.param(r"^It", id="the answer begins"),
        pytest.param(r"[[I]le", id="a bracket in a class is a bracket"),
        pytest.param(r"(?P<a>s).*?(?P=a)", id="a group is referred to by name"),
        pytest.param(r"(?<!The )capital", id="what stands before"),
        pytest.param(r"(?x) Paris  # the city", id="spaces and comments"),
        pytest.param(r"[a-z--[aeiou]]", id="no set operations"),
        pytest.param(r"\w{5}\.", id="a counted repetition"),
        pytest.param(r"(?>P+)aris", id="an atomic group"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible (nested|set):FutureWarning")
def test_is_found__finds_what_re_finds(pattern: str) -> None:
    check_pattern(pattern)

    assert is_found(pattern, ANSWER) == bool(re.search(pattern, ANSWER))


def test_is_found__gives_up_on_a_pattern_that_never_ends() -> None:
    with pytest.raises(PatternError, match=r"takes more than 0.05 s to be searched for"):
        is_found(r"^(a|a)*$", "a" * 60 + "b", timeout_seconds=0.05)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"\p{L}", id="a property of Unicode"),
        pytest.param(r"(?e)(?:Paris){e<=1}(", id="a fuzzy match"),
        pytest.param(r"a(?i)b", id="a flag in the middle"),
        pytest.param("(" * 2000 + ")" * 2000, id="too deep"),
        pytest.param("(?a)(?u)x", id="flags that exclude each other"),
    ],
)
def test_check_pattern__refuses_what_re_does_not_read(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"is (no regular expression of|more than) Python"):
        check_pattern(pattern)


def test_check_pattern__does_not_write_out_repetitions() -> None:
    """The operator reads patterns of strangers: this one would take `regex` hours."""
    check_pattern("(?:a{60000}){60000}")
