"""The Envoy Gateway, installed as its users do: resource definitions, then its chart by Helm."""

from functools import cache
from pathlib import Path

from hack.images.recipes import reference
from hack.local_cluster.commands import run
from hack.local_cluster.go_build import ensure_binary, module_directory
from hack.local_cluster.tools import ENVOY_GATEWAY, HELM, KUBERNETES_VERSION

NAMESPACE = "envoy-gateway-system"
_MODULE = "github.com/envoyproxy/gateway"
_RELEASE = "eg"
# The Gateway API is installed by us, for both gateways; the injector puts the zones of nodes into
# pods, and there is one node.
_CHOICES = ("crds.enabled=false", "topologyInjector.enabled=false", "createNamespace=true")


def chart_values(template: str) -> str:
    """Return the chart's values with the image that is built here.

    Args:
        template: The chart's values.tmpl.yaml, which its makers fill in for a release.
    """
    filled = template.replace("${GatewayImage}", reference(ENVOY_GATEWAY.name))
    return filled.replace("${GatewayImagePullPolicy}", "IfNotPresent")


@cache
def chart_manifest() -> str:
    """Return the chart's objects, the job that makes the certificates among them.

    Raises:
        ClusterError: The chart cannot be had, or Helm refuses it.
    """
    chart = _charts() / "gateway-helm"
    values = chart_values((chart / "values.tmpl.yaml").read_text(encoding="utf-8"))
    command: list[str | Path] = [ensure_binary(HELM, "helm"), "template", _RELEASE, chart]
    command += ["--values", "-"]
    command += ["--namespace", NAMESPACE, "--kube-version", KUBERNETES_VERSION]
    for choice in _CHOICES:
        command += ["--set", choice]
    return run(command, stdin=values, timeout_seconds=60)


def crds_manifest() -> str:
    """Return the Envoy Gateway's own resource definitions."""
    folder = _charts() / "gateway-helm" / "charts" / "crds" / "crds" / "generated"
    return "\n---\n".join(
        path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))
    )


def _charts() -> Path:
    return module_directory(_MODULE, ENVOY_GATEWAY.version) / "charts"
