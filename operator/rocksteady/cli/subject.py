"""The LLMDeployment that a command is about, and its attempts, as the cluster has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import click

from rocksteady.api.reading import read_rollout, read_status
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.cli.session import Session
from rocksteady.errors import Forbidden, NotServed
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.resources.labels import owned_labels, selector_text


@dataclass(frozen=True)
class Subject:
    """An LLMDeployment as it was read.

    Attributes:
        manifest: The whole object.
        status: What the operator reported last.
        attempts: Its LLMRollouts by name, the oldest first; empty when they cannot be read.
    """

    manifest: Manifest
    status: LLMDeploymentStatus
    attempts: Mapping[str, LLMRollout] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the LLMDeployment."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Of the LLMDeployment."""
        return str(self.manifest["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """Of the LLMDeployment."""
        return str(self.manifest["metadata"].get("uid", ""))

    @property
    def annotations(self) -> Mapping[str, str]:
        """Of the LLMDeployment."""
        return self.manifest["metadata"].get("annotations") or {}

    @property
    def is_behind(self) -> bool:
        """True when the operator has not reported on the present spec yet."""
        generation = int(self.manifest["metadata"].get("generation", 0))
        return self.status.observed_generation < generation

    @property
    def current(self) -> tuple[str, LLMRollout] | None:
        """The attempt that runs, or the last one, by the status; None: there is none to read."""
        rollout = self.status.rollout
        if rollout is None or rollout.name not in self.attempts:
            return None
        return rollout.name, self.attempts[rollout.name]


async def read_subject(session: Session, name: str) -> Subject:
    """The LLMDeployment of that name, with its attempts where they may be read.

    Raises:
        ClickException: There is none, or the cluster does not know the kind.
        ClusterError: Refused, or not answered.
    """
    try:
        manifest = await session.cluster.get(kinds.LLM_DEPLOYMENT, session.namespace, name)
    except NotServed as error:
        raise click.ClickException(
            "the cluster does not know LLMDeployments: install the CRDs, or choose another context"
        ) from error
    if manifest is None:
        raise click.ClickException(f"there is no llmdeployment {name} in {session.namespace}")
    return Subject(manifest, read_status(manifest), await _attempts(session, name))


async def _attempts(session: Session, name: str) -> dict[str, LLMRollout]:
    selector = selector_text(owned_labels(name))
    try:
        found = await session.cluster.list(kinds.LLM_ROLLOUT, session.namespace, selector)
    except (Forbidden, NotServed):
        return {}
    read = {one["metadata"]["name"]: read_rollout(one) for one in found}
    known = [(key, attempt) for key, attempt in read.items() if attempt is not None]
    return dict(sorted(known, key=lambda item: item[1].spec.attempt))


def attempt_of(subject: Subject, number: int | None) -> tuple[str, LLMRollout]:
    """An attempt by its number; None: the newest.

    Raises:
        ClickException: There is no such attempt, or it is no longer kept.
    """
    if not subject.attempts:
        raise click.ClickException(
            f"llmdeployment {subject.name} has no rollout that is kept and can be read"
        )
    if number is None:
        return list(subject.attempts.items())[-1]
    for name, attempt in subject.attempts.items():
        if attempt.spec.attempt == number:
            return name, attempt
    kept = ", ".join(str(attempt.spec.attempt) for attempt in subject.attempts.values())
    raise click.ClickException(f"attempt {number} is not kept; there are: {kept}")
