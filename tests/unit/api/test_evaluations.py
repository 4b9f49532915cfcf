"""Evaluations of an LLMDeployment are no part of what runs."""

import pytest

from rocksteady.api.reading import read_manifest
from rocksteady.rollout.revisions import revision_hash
from tests.cases.manifests import EXTERNAL, Manifest, build


def hashed(evaluations: list[Manifest]) -> str:
    deployment, errors = read_manifest(build({"spec.evaluations": evaluations}), strict=True)
    assert deployment is not None, errors
    return revision_hash("demo", "chat", deployment.spec)


@pytest.mark.parametrize(
    "evaluation",
    [
        pytest.param({"suite": "golden", "stage": "BeforeTraffic"}, id="a suite"),
        pytest.param({"external": EXTERNAL, "stage": "BeforePromotion"}, id="a score elsewhere"),
    ],
)
def test_evaluations__make_no_new_revision(evaluation: Manifest) -> None:
    assert hashed([evaluation]) == hashed([])
