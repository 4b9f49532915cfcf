import json
from typing import Any

import pytest

from rocksteady.api.suite_content import (
    content_hash,
    in_order,
    item_hash,
    items_digest,
    may_roll_back,
    suite_content,
)
from rocksteady.api.suite_validation import validate_suite
from tests.cases.manifests import DIGEST, SUITE, build
from tests.cases.suites import CONFIG_MAP, CUSTOM, ENDPOINT, HARNESS, INLINE, INSPECT, item

ITEMS = [item(id="a"), item(id="b"), item(id="c", prompt="Which river?")]
JUDGE = {**ENDPOINT, "apiKeySecretRef": {"name": "evaluation-judge", "key": "token"}}


def hashed(changes: dict[str, Any], file: bytes | None = None) -> str:
    """The hash of a suite of three items with changes."""
    manifest = build({INLINE: ITEMS} | changes, SUITE)
    result = validate_suite(manifest, strict=True, file=file)
    assert result.errors == ()
    assert result.suite is not None
    return content_hash(result.suite.spec, result.items)


IN_URI = {"uri": "hf://org/questions/items.jsonl@7e27bd9"}
UNCHANGED = hashed({})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({INLINE: ITEMS[:2]}, id="an item less"),
        pytest.param({INLINE: [*ITEMS[:2], item(id="c", prompt="River?")]}, id="another prompt"),
        pytest.param({INLINE: [*ITEMS[:2], {**ITEMS[2], "id": "d"}]}, id="another id"),
        pytest.param(
            {INLINE: [*ITEMS[:2], item({"type": "Exact", "texts": ["Po"]}, id="c")]},
            id="another check",
        ),
        pytest.param({"spec.sampling": {"seed": 7}}, id="another seed"),
        pytest.param({"spec.sampling": {"temperature": "1"}}, id="another temperature"),
        pytest.param({"spec.runner": CUSTOM}, id="another runner"),
        pytest.param({"spec.judge": JUDGE}, id="a judge"),
        pytest.param({"spec.kind": "Safety", "spec.marginPoints": None}, id="another kind"),
    ],
)
def test_content_hash__changes_with_what_decides_a_verdict(changes: dict[str, Any]) -> None:
    assert hashed(changes) != UNCHANGED


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"metadata.labels": {"team": "law"}}, id="labels"),
        pytest.param({INLINE: ITEMS[::-1]}, id="items in another order"),
        pytest.param({INLINE: [dict(reversed(one.items())) for one in ITEMS]}, id="field order"),
        pytest.param({"spec.limits": {"concurrency": 16, "retries": 0}}, id="limits"),
        pytest.param({"spec.marginPoints": "90", "spec.minScorePercent": "50"}, id="gates"),
        pytest.param({"spec.maxLatencyIncreasePercent": 10}, id="gates beyond accuracy"),
        pytest.param({"spec.reveal": True}, id="what may be shown"),
        pytest.param({"spec.artifacts": {"claimName": "evaluation-artifacts"}}, id="artifacts"),
        pytest.param(
            {"spec.sampling": {"temperature": "0", "seed": 1234, "maxTokens": 512},
             "spec.runner": {"type": "Builtin"}},
            id="defaults that are written out",
        ),
    ],
)  # fmt: skip
def test_content_hash__does_not_change_with_the_rest(changes: dict[str, Any]) -> None:
    assert hashed(changes) == UNCHANGED


def test_content_hash__is_the_same_wherever_the_items_were_read() -> None:
    file = "\n".join(map(json.dumps, ITEMS)).encode()

    assert hashed({"spec.items": CONFIG_MAP}, file) == UNCHANGED


def test_content_hash__covers_the_uri_of_items_that_only_a_run_can_read() -> None:
    before = hashed({"spec.items": {"uri": "hf://org/questions/items.jsonl@7e27bd9"}})
    after = hashed({"spec.items": {"uri": "hf://org/questions/items.jsonl@aaaaaaa"}})

    assert before != after


def test_content_hash__covers_whether_items_are_anonymised() -> None:
    before = hashed({"spec.items": {**IN_URI, "anonymise": False}})
    after = hashed({"spec.items": {**IN_URI, "anonymise": True}})

    assert hashed({"spec.items": IN_URI}) == before != after


def test_content_hash__covers_the_files_of_tasks() -> None:
    result = validate_suite(build({"spec.items": None, "spec.runner": HARNESS}, SUITE), strict=True)
    assert result.suite is not None
    spec = result.suite.spec

    assert content_hash(spec, None, {"a.yaml": "x"}) != content_hash(spec, None, {"a.yaml": "y"})


def test_suite_content__names_no_secret() -> None:
    secret = {
        "name": "TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "evaluation-planted", "key": "k"}},
    }
    runner = {**CUSTOM, "env": [{"name": "MODE", "value": "strict"}, secret]}
    manifest = build(
        {
            "spec.runner": runner,
            "spec.judge": {
                **ENDPOINT,
                "apiKeySecretRef": {"name": "evaluation-planted", "key": "k"},
            },
        },
        SUITE,
    )
    result = validate_suite(manifest, strict=True)
    assert result.suite is not None

    content = suite_content(result.suite.spec, result.items)

    assert "planted" not in json.dumps(content)
    assert content["runner"] == {
        "type": "Custom",
        "image": f"me/runner@{DIGEST}",
        "env": [{"name": "MODE", "value": "strict"}],
    }


def test_content_hash__is_written_down() -> None:
    """Kept results are found by it: when this changes, every suite is run again."""
    assert UNCHANGED == "9760b2428534d6f0889bb505caaf6b5831a4208f7fc5f2d5d1e119cdcb9b6198"


def test_in_order__asks_the_same_items_in_the_same_order() -> None:
    result = validate_suite(build({INLINE: ITEMS}, SUITE), strict=True)
    assert result.items is not None

    asked = in_order(result.items)

    assert asked == in_order(result.items[::-1])
    assert [item_hash(one) for one in asked] == sorted(map(item_hash, result.items))


def test_items_digest__is_of_the_items_and_not_of_their_order() -> None:
    result = validate_suite(build({INLINE: ITEMS}, SUITE), strict=True)
    assert result.items is not None

    digest = items_digest(result.items)

    assert digest == items_digest(result.items[::-1])
    assert digest != items_digest(result.items[:2])
    assert digest == "da16c237fb92034da8acafa6a88c71b37426c6f7392949c1dd493c8f4644f4d7"


GRADED = item({"type": "ModelGraded", "criterion": "It is polite."}, id="graded")
SIMILAR = item({"type": "Similarity", "texts": ["Po"], "minSimilarityPercent": "80"}, id="similar")


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        pytest.param({}, True, id="no model judges"),
        pytest.param(
            {INLINE: [*ITEMS, GRADED], "spec.judge": ENDPOINT}, False, id="a model judges one item"
        ),
        pytest.param({"spec.judge": ENDPOINT}, True, id="a judge whom no item needs"),
        pytest.param(
            {INLINE: [*ITEMS, SIMILAR], "spec.embedder": ENDPOINT},
            True,
            id="embeddings, which err alike for both revisions",
        ),
        pytest.param({"spec.items": IN_URI}, True, id="unknown items that no model can judge"),
        pytest.param(
            {"spec.items": IN_URI, "spec.judge": ENDPOINT}, False, id="unknown items and a judge"
        ),
        pytest.param(
            {"spec.items": None, "spec.runner": HARNESS}, True, id="tasks, without a judge of ours"
        ),
        pytest.param(
            {"spec.items": None, "spec.runner": INSPECT},
            False,
            id="tasks whose scorer may ask the model about itself",
        ),
        pytest.param(
            {
                "spec.items": None,
                "spec.runner": {
                    "type": "Inspect",
                    "inspect": {"tasks": ["words.py"], "scorer": "includes"},
                },
            },
            True,
            id="tasks whose scorer compares texts",
        ),
    ],
)
def test_may_roll_back__is_for_suites_that_no_model_judges(
    changes: dict[str, Any],
    may: bool,  # noqa: FBT001
) -> None:
    result = validate_suite(build({INLINE: ITEMS} | changes, SUITE), strict=True)
    assert result.errors == ()
    assert result.suite is not None

    assert may_roll_back(result.suite.spec, result.items) is may
