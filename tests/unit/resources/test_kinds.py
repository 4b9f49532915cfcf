"""Where the API server keeps what."""

import pytest

from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind


@pytest.mark.parametrize(
    ("kind", "group", "version"),
    [
        pytest.param(kinds.DEPLOYMENT, "apps", "v1", id="of a group"),
        pytest.param(kinds.SERVICE, "", "v1", id="of the core group"),
        pytest.param(kinds.LLM_DEPLOYMENT, "rocksteady.dev", "v1alpha1", id="our own"),
    ],
)
def test_kind__has_group_and_version(kind: Kind, group: str, version: str) -> None:
    assert (kind.group, kind.version) == (group, version)


@pytest.mark.parametrize("kind", kinds.OWNED, ids=lambda kind: kind.kind)
def test_kind_of__finds_every_owned_kind(kind: Kind) -> None:
    assert kinds.kind_of({"kind": kind.kind}) is kind


def test_kind_of__refuses_what_is_not_owned() -> None:
    with pytest.raises(KeyError):
        kinds.kind_of({"kind": "Pod"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            kinds.CONTROLLER_REVISION, kinds.DEPLOYMENT, id="a revision before what renders it"
        ),
        pytest.param(kinds.CONFIG_MAP, kinds.DEPLOYMENT, id="configuration before its pods"),
        pytest.param(kinds.NETWORK_POLICY, kinds.DEPLOYMENT, id="a policy before its pods"),
        pytest.param(kinds.SERVICE, kinds.HTTP_ROUTE, id="a backend before its route"),
        pytest.param(kinds.HTTP_ROUTE, kinds.JOB, id="what serves before what asks"),
    ],
)
def test_owned__are_applied_in_order(first: Kind, second: Kind) -> None:
    assert kinds.OWNED.index(first) < kinds.OWNED.index(second)
