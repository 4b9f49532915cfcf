import pytest

from rocksteady.api.reading import is_ours, read_status
from tests.cases.manifests import BASE, Manifest, build


@pytest.mark.parametrize(
    ("status", "observed_generation"),
    [
        pytest.param({"observedGeneration": 3}, 3, id="a status"),
        pytest.param({"observedGeneration": 3, "revisions": None}, 3, id="emptied revisions"),
        pytest.param({"observedGeneration": "x"}, 0, id="a status that cannot be read"),
        pytest.param(None, 0, id="no status"),
    ],
)
def test_read_status__reads(status: Manifest | None, observed_generation: int) -> None:
    assert read_status(build({"status": status})).observed_generation == observed_generation


@pytest.mark.parametrize(
    ("manifest", "ours"),
    [
        pytest.param(BASE, True, id="an LLMDeployment"),
        pytest.param({"apiVersion": "rocksteady.dev/v1", "kind": "X"}, True, id="our group"),
        pytest.param({"kind": "LLMDeployment"}, True, id="our kind without a group"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap"}, False, id="a ConfigMap"),
    ],
)
def test_is_ours__goes_by_group_or_kind(manifest: Manifest, ours: bool) -> None:  # noqa: FBT001
    assert is_ours(manifest) is ours
