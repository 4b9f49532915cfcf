"""The kinds that the operator reads or owns, and where the API server keeps them."""

from dataclasses import dataclass
from typing import Final

from rocksteady import conventions


@dataclass(frozen=True)
class Kind:
    """One kind of the Kubernetes API.

    Attributes:
        api_version: Group and version as in a manifest, for example `apps/v1`.
        kind: As in a manifest.
        plural: As in the URL.
    """

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version without the group."""
        return self.api_version.rpartition("/")[2]


LLM_DEPLOYMENT: Final = Kind(conventions.API_VERSION, conventions.KIND, conventions.PLURAL)
LLM_ROLLOUT: Final = Kind(
    conventions.API_VERSION, conventions.ROLLOUT_KIND, conventions.ROLLOUT_PLURAL
)
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
CONTROLLER_REVISION: Final = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
SERVICE: Final = Kind("v1", "Service", "services")
POD: Final = Kind("v1", "Pod", "pods")
HTTP_ROUTE: Final = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
GATEWAY: Final = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
POD_DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
JOB: Final = Kind("batch/v1", "Job", "jobs")
EVALUATION_SUITE: Final = Kind(
    conventions.API_VERSION, conventions.SUITE_KIND, conventions.SUITE_PLURAL
)
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")

OWNED: Final = (
    CONTROLLER_REVISION,
    CONFIG_MAP,
    SERVICE,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    DEPLOYMENT,
    HTTP_ROUTE,
    JOB,
)
"""What the operator owns, in the order in which it is applied: a pod finds its configuration and
its network policy when it starts, a route finds its backends, and runs of suites come last."""

WATCHED: Final = (*OWNED, POD, ENDPOINT_SLICE, LLM_ROLLOUT)
"""Kinds whose changes wake the LLMDeployment that they belong to."""

OPTIONAL: Final = (HTTP_ROUTE, GATEWAY)
"""Kinds that a cluster may lack: without the Gateway API there are no routes."""


def kind_of(manifest: dict[str, str]) -> Kind:
    """The owned kind of a manifest.

    Raises:
        KeyError: The operator does not own such objects.
    """
    return _BY_NAME[manifest["kind"]]


_BY_NAME = {kind.kind: kind for kind in OWNED}
