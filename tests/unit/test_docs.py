"""What the docs list is what the code says."""

import re
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from rocksteady import conventions
from rocksteady.__main__ import main
from rocksteady.adapters.telemetry import Telemetry
from rocksteady.cli.commands import COMMANDS
from rocksteady.engines.registry import ENGINES
from rocksteady.errors import MetricsReason
from rocksteady.queries.problems import ProblemReason
from rocksteady.queries.profiles import ENGINES as ENGINE_PROFILES
from rocksteady.queries.profiles import GATEWAYS
from rocksteady.queries.signals import Signal

REPOSITORY = Path(__file__).parents[2]
CLI_PAGE = (REPOSITORY / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
STATUS_PAGE = (REPOSITORY / "docs" / "reference" / "status.md").read_text(encoding="utf-8")
ENGINES_PAGE = (REPOSITORY / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")
METRICS_PAGE = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
_REASON = re.compile(r'(?:Finding\(|Claim\(\s*ConditionStatus\.\w+,)\s*"(\w+)"')


def reasons() -> set[str]:
    """Every reason that the code gives."""
    sources = (REPOSITORY / "operator" / "rocksteady").rglob("*.py")
    return {found for path in sources for found in _REASON.findall(path.read_text("utf-8"))}


def test_status_page__lists_every_reason_that_the_code_gives() -> None:
    found = reasons()

    assert len(found) > 20, "the pattern finds the reasons"
    assert {reason for reason in found if f"`{reason}`" not in STATUS_PAGE} == set()


def test_status_page__lists_every_condition() -> None:
    kinds = (
        conventions.READY,
        conventions.RECONCILING,
        conventions.STALLED,
        conventions.METRICS_AVAILABLE,
        conventions.EVALUATIONS_PASSED,
        conventions.TRAFFIC_SPLIT_VERIFIED,
        conventions.ROLLED_BACK,
    )

    assert [kind for kind in kinds if f"| `{kind}` |" not in STATUS_PAGE] == []


def test_status_page__lists_every_metric() -> None:
    registry = CollectorRegistry()
    Telemetry(registry)
    names = [family.name for family in registry.collect()]

    short = [name.removeprefix("rocksteady_workqueue") for name in names]
    assert names
    assert [name for name in short if name not in STATUS_PAGE] == []


def test_metrics_page__lists_every_reason_that_signals_cannot_be_read() -> None:
    reasons = {*MetricsReason, *ProblemReason}

    assert [reason for reason in reasons if f"| `{reason}` |" not in METRICS_PAGE] == []


def test_metrics_page__says_who_measures_what() -> None:
    table = METRICS_PAGE.partition("| | availability |")[2].partition("\n\n")[0]
    signals = [Signal.AVAILABILITY, *map(Signal, table.replace(" ", "").split("|")[:3])]
    for row in table.splitlines()[2:]:
        name, *cells = (cell.strip() for cell in row.split("|")[1:-1])
        profile = (GATEWAYS | ENGINE_PROFILES)[re.findall(r"`(\w+)`", name)[0]]
        said = {one for one, cell in zip(signals, cells, strict=False) if cell not in {"", "no"}}

        assert said == set(profile.signals)
        assert (cells[-1] == "yes") == profile.tried


def test_engines_page__lists_the_flags_that_each_engine_refuses() -> None:
    listed = ENGINES_PAGE.partition("| engine | refused |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in listed.splitlines()[2:]]
    refused = {
        engine.strip(): frozenset(re.findall(r"`([^`]+)`", flags))
        for engines, flags in rows
        for engine in engines.split(",")
    }

    assert refused == {kind.value: engine.reserved_flags for kind, engine in ENGINES.items()}


def parameters(command: click.Command) -> list[list[str]]:
    """How the parameters of a command and of those below it are spelled."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    found = [one.opts for one in command.params]
    return [*found, *(spelled for one in below for spelled in parameters(one))]


def test_cli_page__lists_every_command_and_its_options() -> None:
    context = click.Context(main)
    shared = {"--help", "--namespace", "--context", "--kubeconfig", "--watch", "--output"}
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        assert f"`{name}" in CLI_PAGE, name
        options = {option for one in parameters(command) for option in one if option[:2] == "--"}
        # The options of the operator stand in its own help.
        for option in sorted(options - shared) if name != "run" else ():
            assert option in CLI_PAGE or option == "--filename", f"{name} {option}"


def test_layout__operator_is_a_source_root_and_not_a_package() -> None:
    assert not (REPOSITORY / "operator" / "__init__.py").exists()
