import pytest

from rocksteady.engines.base import command_line, flag, flag_names, version_at_least


@pytest.mark.parametrize(
    ("user_args", "expected"),
    [
        pytest.param((), ("--port", "1", "--quiet"), id="without user arguments: ours in order"),
        pytest.param(
            ("--seed", "7"),
            ("--port", "1", "--quiet", "--seed", "7"),
            id="other flags of the user follow ours",
        ),
        pytest.param(("--port", "2"), ("--quiet", "--port", "2"), id="the same flag replaces ours"),
        pytest.param(("--port=2",), ("--quiet", "--port=2"), id="written with an equals sign too"),
        pytest.param(("-p", "2"), ("--quiet", "-p", "2"), id="an alias replaces ours as well"),
        pytest.param(
            ("--po_rt", "--quiet"),
            ("--port", "1", "--po_rt", "--quiet"),
            id="a switch is replaced, an unknown flag is kept",
        ),
    ],
)
def test_command_line__lets_the_user_win(
    user_args: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    ours = [flag("--port", 1, aliases=("-p",)), flag("--quiet")]

    assert command_line(ours, user_args) == expected


def test_flag_names__takes_no_value_for_a_flag() -> None:
    args = ["--max_model_len=--odd", "serve", "8", "-tp", "2"]

    assert flag_names(args) == {"--max-model-len", "-tp"}


@pytest.mark.parametrize(
    ("declared", "wanted", "expected"),
    [
        pytest.param(None, "0.1", False, id="nothing declared knows nothing new"),
        pytest.param("0.18", "0.18", True, id="the version itself knows it"),
        pytest.param("0.9.2", "0.18", False, id="9 is less than 18"),
        pytest.param("1", "0.18", True, id="a major version alone"),
        pytest.param("3.2", "3.2.2", False, id="without a patch the first of its line is meant"),
        pytest.param("3.2.3", "3.2.2", True, id="patch versions count"),
    ],
)
def test_version_at_least__compares_numbers(
    declared: str | None, wanted: str, *, expected: bool
) -> None:
    assert version_at_least(declared, wanted) is expected
