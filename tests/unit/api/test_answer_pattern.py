import pytest

from rocksteady.api.answer_pattern import PatternError, check_pattern


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


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("(?P<Jane Doe>x)", id="a group of a bad name"),
        pytest.param("(?P=Jane)", id="a group that is not there"),
        pytest.param("(?(Jane)a)", id="a condition"),
    ],
)
def test_check_pattern__quotes_nothing_of_it(pattern: str) -> None:
    with pytest.raises(PatternError, match="at character") as refused:
        check_pattern(pattern)
    assert "Jane" not in str(refused.value)
