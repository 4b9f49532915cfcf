"""The programs the cluster is built from, their versions, and how each is compiled."""

from dataclasses import dataclass, field
from types import MappingProxyType

KUBERNETES_VERSION = "1.34.4"
# The versions served as modules whose API servers are tried by `make test-extended`.
KUBERNETES_VERSIONS = ("1.32.13", KUBERNETES_VERSION, "1.37.2")
GATEWAY_API_MODULE = "sigs.k8s.io/gateway-api"
# The one that Envoy Gateway 1.9 asks for; Traefik 3.6, made for 1.4, serves it as well.
GATEWAY_API_VERSION = "1.6.1"

KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)


@dataclass(frozen=True)
class Tool:
    """A Go module that gives one or more programs.

    Attributes:
        name: Also the name of the folder with its go.mod.
        version: As its makers name it, without a leading v.
        packages: Program name to the import path of its main package.
        stamps: Variables set by the linker, so that the program tells its version.
    """

    name: str
    version: str
    packages: MappingProxyType[str, str] = field(hash=False)
    stamps: MappingProxyType[str, str] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )

    @property
    def linker_flags(self) -> str:
        """Flags for `go build -ldflags`: no symbol table, no debug data, and the stamps."""
        return " ".join(
            ["-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps.items())]
        )


def kubernetes(version: str = KUBERNETES_VERSION) -> Tool:
    """Return Kubernetes' own programs at a version such as 1.34.4."""
    major, minor, _patch = version.split(".")
    stamp = "k8s.io/component-base/version"
    return Tool(
        "kubernetes",
        version,
        MappingProxyType({name: f"k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES_PROGRAMS}),
        MappingProxyType(
            {
                f"{stamp}.gitVersion": f"v{version}",
                f"{stamp}.gitMajor": major,
                f"{stamp}.gitMinor": minor,
            }
        ),
    )


def _single(name: str, version: str, package: str, version_variable: str = "") -> Tool:
    stamps = {version_variable: version} if version_variable else {}
    return Tool(name, version, MappingProxyType({name: package}), MappingProxyType(stamps))


ETCD = _single("etcd", "3.6.16", "go.etcd.io/etcd/server/v3")
COREDNS = _single("coredns", "1.14.6", "github.com/coredns/coredns")
# One program, whose package is the module's folder cmd.
KUBE_NETWORK_POLICIES = _single(
    "kube-network-policies", "0.8.0", "sigs.k8s.io/kube-network-policies/cmd"
)
TRAEFIK = _single(
    "traefik",
    "3.6.12",
    "github.com/traefik/traefik/v3/cmd/traefik",
    "github.com/traefik/traefik/v3/pkg/version.Version",
)
# The module of Prometheus 3.13.4 is numbered v0.313.4.
PROMETHEUS = _single(
    "prometheus",
    "3.13.4",
    "github.com/prometheus/prometheus/cmd/prometheus",
    "github.com/prometheus/common/version.Version",
)
ENVOY_GATEWAY = _single(
    "envoy-gateway",
    "1.9.1",
    "github.com/envoyproxy/gateway/cmd/envoy-gateway",
    "github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion",
)
HELM = _single(
    "helm",
    "3.22.0",
    "helm.sh/helm/v3/cmd/helm",
    "helm.sh/helm/v3/internal/version.version",
)
# Sends tests' requests at a constant rate.
VEGETA = _single("vegeta", "12.13.0", "github.com/tsenart/vegeta/v12", "main.Version")

TOOLS = MappingProxyType(
    {
        tool.name: tool
        for tool in (
            ETCD,
            kubernetes(),
            COREDNS,
            KUBE_NETWORK_POLICIES,
            TRAEFIK,
            PROMETHEUS,
            ENVOY_GATEWAY,
            HELM,
            VEGETA,
        )
    }
)
