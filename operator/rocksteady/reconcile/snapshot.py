"""What was read of one LLMDeployment: live objects as dicts, beside the Observation made of them.

`decide` sees the Observation only; `render` and `apply` also need the objects themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rocksteady import conventions
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.ports import Manifest
from rocksteady.resources.evaluation import Content
from rocksteady.resources.kinds import Kind
from rocksteady.resources.owned import Owner, controller_of
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.revisions import FrozenText


@dataclass(frozen=True)
class Live:
    """Everything owned by one LLMDeployment, as the API server has it.

    Attributes:
        objects: By kind and name; only what has this very LLMDeployment as its controller.
        pods: Its model servers.
    """

    objects: Mapping[tuple[str, str], Manifest]
    pods: tuple[Manifest, ...]

    def find(self, kind: Kind, name: str) -> Manifest | None:
        """One owned object; None when it is not there."""
        return self.objects.get((kind.kind, name))

    def of_kind(self, kind: Kind) -> Iterator[Manifest]:
        """Owned objects of one kind."""
        return (found for (name, _), found in self.objects.items() if name == kind.kind)

    def by_revision(self, kind: Kind) -> dict[str, Manifest]:
        """Owned objects of one kind by the revision that they belong to."""
        labelled = ((revision_of(found), found) for found in self.of_kind(kind))
        return {revision: found for revision, found in labelled if revision is not None}


def revision_of(manifest: Manifest) -> str | None:
    """The revision that an object is labelled with; None: it belongs to all of them."""
    labels: Mapping[str, Any] = manifest["metadata"].get("labels") or {}
    revision = labels.get(conventions.LABEL_REVISION)
    return None if revision is None else str(revision)


def is_owned(owner: Owner, manifest: Manifest) -> bool:
    """True when this very LLMDeployment is the controller; anyone can write labels."""
    controller = controller_of(manifest)
    return controller is not None and controller["uid"] == owner.uid


@dataclass(frozen=True)
class Snapshot:
    """One read of the world.

    Attributes:
        manifest: The LLMDeployment as the API server has it.
        owner: Its identity.
        status: Its status as reported last.
        observation: What the decision rests on.
        live: What it owns.
        frozen: Contents that the target revision freezes, as they are now.
        rollouts: LLMRollouts by name, as the API server has them.
        contents: Contents of suites that are kept, by the first 10 digits of their hashes.
    """

    manifest: Manifest
    owner: Owner
    status: LLMDeploymentStatus
    observation: Observation
    live: Live
    frozen: tuple[FrozenText, ...]
    rollouts: Mapping[str, Manifest] = field(default_factory=dict)
    contents: Mapping[str, Content] = field(default_factory=dict)
