"""What the status of an EvaluationSuite says."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rocksteady import conventions
from rocksteady.api.suite_validation import validate_suite
from rocksteady.ports import Key, Manifest
from rocksteady.reconcile import evaluations
from rocksteady.reconcile import suite as reconcile_of_suite
from rocksteady.reconcile.suite import reconcile_suite
from rocksteady.resources import kinds
from tests.builders import NAMESPACE, NOW
from tests.fakes.cluster import FakeCluster
from tests.fakes.evaluations import GOLDEN, suite
from tests.fakes.recording import RecordingObserver

KEY = Key(NAMESPACE, GOLDEN, conventions.SUITE_KIND)
LINE = '{"id": "a", "prompt": "Say yes.", "checks": [{"type": "Exact", "texts": ["yes"]}]}\n'


def items(text: str, key: str = "items.jsonl") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "questions", "namespace": NAMESPACE},
        "data": {key: text},
    }


def by_config_map() -> Manifest:
    found = suite()
    found["spec"]["items"] = {"configMap": {"name": "questions", "key": "items.jsonl"}}
    return found


async def status_of(
    cluster: FakeCluster, again: Callable[[float | None], None] = lambda _: None
) -> dict[str, Any]:
    seconds, _ = await reconcile_suite(KEY, cluster, NOW, RecordingObserver())
    again(seconds)
    found: dict[str, Any] = cluster.of_kind(kinds.EVALUATION_SUITE)[GOLDEN]["status"]
    return found


def condition(status: dict[str, Any], type_: str = "Ready") -> tuple[str, str]:
    by_type = {one["type"]: one for one in status["conditions"]}
    return by_type[type_]["status"], by_type[type_]["reason"]


async def test_suite__says_what_it_is_and_is_written_once() -> None:
    cluster = FakeCluster()
    cluster.put(suite(40))
    status = await status_of(cluster)
    assert condition(status) == ("True", "Valid")
    assert condition(status, "Stalled") == ("False", "Valid")
    assert status["itemCount"] == 40
    assert len(status["contentHash"]) == 64
    writes = len(cluster.writes)
    await status_of(cluster)
    assert len(cluster.writes) == writes


async def test_suite__has_another_content_when_an_item_changes_and_the_same_for_a_margin() -> None:
    cluster = FakeCluster()
    cluster.put(suite(40))
    first = (await status_of(cluster))["contentHash"]
    cluster.put(suite(40, marginPoints="20"))
    assert (await status_of(cluster))["contentHash"] == first
    cluster.put(suite(41))
    assert (await status_of(cluster))["contentHash"] != first


async def test_suite__from_a_config_map_is_looked_at_again() -> None:
    cluster = FakeCluster()
    seconds: list[float | None] = []
    cluster.put(by_config_map())
    cluster.put(items(LINE))
    status = await status_of(cluster, seconds.append)
    assert (condition(status), status["itemCount"]) == (("True", "Valid"), 1)
    assert seconds == [60.0]


@pytest.mark.parametrize(
    ("found", "reason", "said"),
    [
        pytest.param([], "SuiteItemsNotFound", "questions has no key", id="no ConfigMap"),
        pytest.param(
            [items(LINE, "other.jsonl")], "SuiteItemsNotFound", "items.jsonl", id="no such key"
        ),
        pytest.param([items("")], "SuiteInvalid", "has no items", id="no items"),
        pytest.param([items(LINE * 2)], "SuiteInvalid", "id", id="two items with one id"),
        pytest.param([items("{")], "SuiteInvalid", "is not JSON", id="no JSON"),
    ],
)
async def test_suite__that_cannot_be_run_says_why(
    found: list[Manifest], reason: str, said: str
) -> None:
    cluster = FakeCluster()
    cluster.put(by_config_map())
    for one in found:
        cluster.put(one)
    status = await status_of(cluster)
    assert condition(status) == ("False", reason)
    assert condition(status, "Stalled") == ("True", reason)
    assert said in status["conditions"][0]["message"]
    assert "contentHash" not in status


async def test_suite__that_is_gone_needs_nothing() -> None:
    assert await reconcile_suite(KEY, FakeCluster(), NOW, RecordingObserver()) == (None, "gone")


async def test_suite__is_checked_in_a_thread_while_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """10,000 items take seconds, in which every other object would wait."""
    threads: list[bool] = []

    def checked(*args: Any, **more: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return validate_suite(*args, **more)

    monkeypatch.setattr(evaluations, "validate_suite", checked)
    monkeypatch.setattr(reconcile_of_suite, "validate_suite", checked)
    cluster = FakeCluster()
    cluster.put(by_config_map())
    cluster.put(items(LINE))

    status = await status_of(cluster)

    assert status["itemCount"] == 1
    assert threads == [False, False, False], "alone, with its items, and for its warnings"
