"""What every owned manifest has: owner, labels, and the mark by which an unchanged one is known."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.resources.kinds import Kind
from rocksteady.resources.labels import owned_labels


def controller_of(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference of an object's controller, of which there is at most one; None: none."""
    references: Sequence[Mapping[str, Any]] = manifest["metadata"].get("ownerReferences", ())
    return next((reference for reference in references if reference.get("controller")), None)


@dataclass(frozen=True)
class Owner:
    """The LLMDeployment that owns what is rendered.

    Attributes:
        namespace: Where it and all that it owns live.
        name: Of the LLMDeployment.
        uid: Of this very object: a new one of the same name owns nothing of the old.
    """

    namespace: str
    name: str
    uid: str

    def revision_name(self, revision: str) -> str:
        """Name of the Deployment, Service and ControllerRevision of a revision."""
        return f"{self.name}-{revision}"

    def config_map_name(self, revision: str) -> str:
        """Name of the immutable copy of what a revision's spec refers to."""
        return f"{self.name}-{revision}-cfg"

    def reference(self) -> dict[str, Any]:
        """The owner reference by which the API server deletes what is owned."""
        return {
            "apiVersion": conventions.API_VERSION,
            "kind": conventions.KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def owned_manifest(
    owner: Owner,
    kind: Kind,
    name: str,
    body: Mapping[str, Any],
    revision: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A manifest with owner, labels and mark.

    Args:
        owner: The LLMDeployment.
        kind: Of the object.
        name: Of the object.
        body: Everything beside apiVersion, kind and metadata.
        revision: Hash of the revision that it belongs to; None: to all of them.
        labels: All of its labels; None: those of `owned_labels`.
    """
    manifest: dict[str, Any] = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": dict(labels or owned_labels(owner.name, revision)),
            "ownerReferences": [owner.reference()],
        },
        **body,
    }
    manifest["metadata"]["annotations"] = {conventions.ANNOTATION_APPLIED: digest(manifest)}
    return manifest


_DIGEST_LENGTH: Final = 16


def digest(manifest: Mapping[str, Any]) -> str:
    """Short hash of a manifest, the same for the same content."""
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGEST_LENGTH]
