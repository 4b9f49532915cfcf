"""The labels by which owned objects and pods are found."""

import pytest

from rocksteady.resources.labels import owned_labels, selector_text, server_selector
from tests.builders import A

SHARED = {
    "app.kubernetes.io/name": "llm",
    "app.kubernetes.io/instance": "chat",
    "app.kubernetes.io/managed-by": "rocksteady",
    "rocksteady.dev/llmdeployment": "chat",
}
REVISION = {"rocksteady.dev/revision": A}
SERVER = {"app.kubernetes.io/component": "model-server"}


@pytest.mark.parametrize(
    ("revision", "component", "expected"),
    [
        pytest.param(None, None, SHARED, id="what belongs to all revisions"),
        pytest.param(A, None, SHARED | REVISION, id="what belongs to one revision"),
        pytest.param(A, "model-server", SHARED | REVISION | SERVER, id="a model server"),
    ],
)
def test_owned_labels__say_whose_it_is(
    revision: str | None, component: str | None, expected: dict[str, str]
) -> None:
    assert owned_labels("chat", revision, component) == expected


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        pytest.param(
            None, {"rocksteady.dev/llmdeployment": "chat"} | SERVER, id="of all revisions"
        ),
        pytest.param(
            A, {"rocksteady.dev/llmdeployment": "chat"} | SERVER | REVISION, id="of one revision"
        ),
    ],
)
def test_server_selector__selects_servers_and_no_job(
    revision: str | None, expected: dict[str, str]
) -> None:
    assert server_selector("chat", revision) == expected


def test_server_selector__matches_the_labels_of_a_server_only() -> None:
    servers = owned_labels("chat", A, "model-server")
    assert server_selector("chat", A).items() <= servers.items()
    for other in (
        owned_labels("chat", A, "evaluation"),
        owned_labels("chat", "bbbbbbbbbb", "model-server"),
        owned_labels("talk", A, "model-server"),
    ):
        assert not server_selector("chat", A).items() <= other.items()


def test_selector_text__is_sorted() -> None:
    assert selector_text({"b": "2", "a": "1"}) == "a=1,b=2"
