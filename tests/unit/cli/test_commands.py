"""The list of commands, and that help comes before anything slow is imported."""

import subprocess
import sys

import click
import pytest

from rocksteady.__main__ import main
from rocksteady.cli.commands import COMMANDS

SLOW = ("kopf", "kubernetes", "aiohttp", "rich", "pydantic")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.name == name
    assert command.help


def test_help__imports_nothing_slow() -> None:
    code = (
        "import sys; from rocksteady.__main__ import main;"
        " main(['--help'], standalone_mode=False);"
        f" print([name for name in {SLOW!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=15
    )

    assert "status" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert main.get_command(click.Context(main), "rollback") is None
