"""What a person asks of the operator: annotations on an LLMDeployment, in the person's own name.

Never with the operator's field manager: what a person set stays the person's, also in
`metadata.managedFields`.
"""

from collections.abc import Mapping
from typing import Final

from kubernetes.aio import client

from rocksteady import errors
from rocksteady.adapters.kubernetes import KubernetesCluster
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind

FIELD_MANAGER: Final = "kubectl-rocksteady"
_MERGE_PATCH: Final = "application/merge-patch+json"
_SELF_SUBJECT_REVIEW: Final = Kind(
    "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews"
)


class PersonsCluster(KubernetesCluster):
    """Reads like the operator, and writes annotations of LLMDeployments only.

    Args:
        api: Connected client, with the credentials of the person.
    """

    def __init__(self, api: client.ApiClient) -> None:
        super().__init__(api, may_write=_refuse)

    async def annotate(
        self, namespace: str, name: str, uid: str, annotations: Mapping[str, str | None]
    ) -> Manifest:
        """Set annotations of an LLMDeployment.

        Args:
            namespace: Of the LLMDeployment.
            name: Of the LLMDeployment.
            uid: Of this very object.
            annotations: By name; None: taken away.

        Raises:
            Conflict: It is another object by now.
            Forbidden: The person may not, or admission refuses.
            ClusterError: Refused otherwise, or not answered.
        """
        return await self._call(
            "PATCH",
            kinds.LLM_DEPLOYMENT,
            namespace,
            name,
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"uid": uid, "annotations": dict(annotations)}},
            content_type=_MERGE_PATCH,
        )

    async def user_name(self) -> str | None:
        """Who we are to the API server; None: it does not say, as before Kubernetes 1.28."""
        kind = _SELF_SUBJECT_REVIEW
        body = {"apiVersion": kind.api_version, "kind": kind.kind}
        try:
            answer = await self._call("POST", kind, None, body=body)
        except (errors.Forbidden, errors.NotServed, errors.NotFound):
            return None
        user = (answer.get("status") or {}).get("userInfo") or {}
        return str(user["username"]) if user.get("username") else None


def _refuse() -> None:
    raise errors.NotLeader("only the operator writes anything but annotations")
