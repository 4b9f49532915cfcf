"""What every owned object carries."""

from typing import Any

from rocksteady import conventions
from rocksteady.resources import kinds
from rocksteady.resources.owned import Owner, digest, owned_manifest
from tests.builders import NAME, NAMESPACE, UID, A

OWNER = Owner(NAMESPACE, NAME, UID)


def service(body: dict[str, Any] | None = None, revision: str | None = None) -> dict[str, Any]:
    return owned_manifest(OWNER, kinds.SERVICE, NAME, body or {"spec": {"a": 1}}, revision)


def mark(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["annotations"][conventions.ANNOTATION_APPLIED])


def test_owned_manifest__is_complete() -> None:
    manifest = service(revision=A)
    del manifest["metadata"]["annotations"]
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "chat",
            "namespace": "demo",
            "labels": {
                "app.kubernetes.io/name": "llm",
                "app.kubernetes.io/instance": "chat",
                "app.kubernetes.io/managed-by": "rocksteady",
                "rocksteady.dev/llmdeployment": "chat",
                "rocksteady.dev/revision": A,
            },
            "ownerReferences": [
                {
                    "apiVersion": "rocksteady.dev/v1alpha1",
                    "kind": "LLMDeployment",
                    "name": "chat",
                    "uid": UID,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"a": 1},
    }


def test_owned_manifest__has_the_same_mark_for_the_same_content() -> None:
    assert mark(service({"spec": {"a": 1, "b": 2}})) == mark(service({"spec": {"b": 2, "a": 1}}))


def test_owned_manifest__has_another_mark_for_another_content() -> None:
    marks = {
        mark(service()),
        mark(service({"spec": {"a": 2}})),
        mark(service({"spec": {}})),
        mark(service(revision=A)),
        mark(owned_manifest(Owner(NAMESPACE, NAME, "other"), kinds.SERVICE, NAME, {})),
    }
    assert len(marks) == 5


def test_digest__is_short_and_stable() -> None:
    # The mark is on the objects of running clusters: a change of it writes all of them once.
    assert digest({"a": 1}) == "015abd7f5cc57a2d"


def test_owner__names_what_belongs_to_a_revision() -> None:
    assert OWNER.revision_name(A) == "chat-aaaaaaaaaa"
    assert OWNER.config_map_name(A) == "chat-aaaaaaaaaa-cfg"


def test_owner__names_fit_into_a_service_name() -> None:
    longest = Owner(NAMESPACE, "a" * conventions.NAME_MAX_LENGTH, UID)
    assert len(longest.revision_name(A)) <= 63
    assert len(longest.config_map_name(A)) <= 63
