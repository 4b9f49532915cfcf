"""What the docs list is what the code says."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from rocksteady import conventions
from rocksteady.adapters.telemetry import Telemetry
from rocksteady.engines.registry import ENGINES

REPOSITORY = Path(__file__).parents[2]
STATUS_PAGE = (REPOSITORY / "docs" / "reference" / "status.md").read_text(encoding="utf-8")
ENGINES_PAGE = (REPOSITORY / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")
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
    kinds = (conventions.READY, conventions.RECONCILING, conventions.STALLED)

    assert [kind for kind in kinds if f"| `{kind}` |" not in STATUS_PAGE] == []


def test_status_page__lists_every_metric() -> None:
    registry = CollectorRegistry()
    Telemetry(registry)
    names = [family.name for family in registry.collect()]

    short = [name.removeprefix("rocksteady_workqueue") for name in names]
    assert names
    assert [name for name in short if name not in STATUS_PAGE] == []


def test_engines_page__lists_the_flags_that_each_engine_refuses() -> None:
    listed = ENGINES_PAGE.partition("| engine | refused |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in listed.splitlines()[2:]]
    refused = {
        engine.strip(): frozenset(re.findall(r"`([^`]+)`", flags))
        for engines, flags in rows
        for engine in engines.split(",")
    }

    assert refused == {kind.value: engine.reserved_flags for kind, engine in ENGINES.items()}


def test_layout__operator_is_a_source_root_and_not_a_package() -> None:
    assert not (REPOSITORY / "operator" / "__init__.py").exists()
