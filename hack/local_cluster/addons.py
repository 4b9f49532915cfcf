"""What is installed: network policies, DNS, the Gateway API, the gateway, Prometheus."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.local_cluster import envoy_gateway
from hack.local_cluster.commands import run
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.go_build import module_directory
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import Settings
from hack.local_cluster.tools import (
    COREDNS,
    ENVOY_GATEWAY,
    GATEWAY_API_MODULE,
    GATEWAY_API_VERSION,
    KUBE_NETWORK_POLICIES,
    PROMETHEUS,
    TRAEFIK,
    Tool,
)

_MANIFESTS = Path(__file__).resolve().parent / "manifests"
_FIELD_MANAGER = "rocksteady-local-cluster"
_IMAGE_ANNOTATION = "rocksteady.dev/image-archive"


@dataclass(frozen=True)
class Addon:
    """One program that runs in the cluster as a Deployment.

    Attributes:
        name: Of image, manifest and Deployment.
        namespace: Where its Deployment is.
        tool: The program that its image is made from; None for one made from packages.
        host_port: Where its port `http` is to be found on this machine; None for nowhere.
    """

    name: str
    namespace: str
    tool: Tool | None = None
    host_port: int | None = None


def addons(settings: Settings) -> list[Addon]:
    """Return the add-ons, in the order in which they are installed."""
    chosen = [
        _made_from(KUBE_NETWORK_POLICIES, "kube-system"),
        _made_from(COREDNS, "kube-system"),
        _made_from(TRAEFIK, "traefik", settings.gateway_port),
        _made_from(PROMETHEUS, "monitoring", settings.prometheus_port),
    ]
    if settings.has_envoy_gateway:
        chosen.append(_made_from(ENVOY_GATEWAY, envoy_gateway.NAMESPACE))
        chosen.append(Addon("envoy", envoy_gateway.NAMESPACE, host_port=settings.envoy_port))
    return chosen


def _made_from(tool: Tool, namespace: str, host_port: int | None = None) -> Addon:
    return Addon(tool.name, namespace, tool, host_port)


def render(addon: Addon, archive: Path, host_address: str) -> str:
    """Return an add-on's manifest with its port, and a restart asked for when its image changed.

    Args:
        addon: Which.
        archive: Of its image; a changed image has another file name.
        host_address: Address of the machine, or of kind's node, that the port is bound to.
    """
    documents = load_manifest(_manifest(addon))
    configured = [document for document in documents if document["kind"] == "ConfigMap"]
    inputs = [archive.name, json.dumps(configured, sort_keys=True)]
    stamp = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]
    for document in documents:
        for annotations, containers in _pods(document):
            annotations[_IMAGE_ANNOTATION] = stamp
            for container in containers:
                _set_host_port(container, addon.host_port, host_address)
    return yaml.safe_dump_all(documents, sort_keys=False)


def _manifest(addon: Addon) -> str:
    if addon.tool is ENVOY_GATEWAY:
        return envoy_gateway.chart_manifest()
    return (_MANIFESTS / f"{addon.name}.yaml").read_text(encoding="utf-8")


def _pods(document: dict[str, Any]) -> Iterator[tuple[dict[str, str], list[dict[str, Any]]]]:
    """Yield annotations and containers of the pods that an object stands for, if any."""
    if document["kind"] == "Deployment":
        template = document["spec"]["template"]
        yield template["metadata"].setdefault("annotations", {}), template["spec"]["containers"]
    if document["kind"] == "EnvoyProxy":
        made = document["spec"]["provider"]["kubernetes"]["envoyDeployment"]
        patched = made["patch"]["value"]["spec"]["template"]["spec"]
        yield made["pod"]["annotations"], patched["containers"]


def load_manifest(text: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return [document for document in yaml.safe_load_all(text) if document]


def _set_host_port(container: dict[str, Any], port: int | None, address: str) -> None:
    for entry in container.get("ports", []):
        if "hostPort" in entry:
            entry["hostPort"] = port
            entry["hostIP"] = address


class Installer:
    """Installs manifests, and knows which it installed last.

    Args:
        kubectl: Command words that reach the cluster.
        record: File that remembers what was installed; it lives and dies with etcd's data.
    """

    def __init__(self, kubectl: Sequence[str], record: Path) -> None:
        self._kubectl = list(kubectl)
        self._record = record

    def apply(self, name: str, manifest: str) -> None:
        """Apply a manifest server-side, and remember it."""
        flags = ["apply", "--server-side", "--force-conflicts", f"--field-manager={_FIELD_MANAGER}"]
        run([*self._kubectl, *flags, "-f", "-"], stdin=manifest, timeout_seconds=120)
        applied = {**self._applied(), name: _digest(manifest)}
        write_whole(self._record, json.dumps(applied, indent=1) + "\n")

    def is_current(self, name: str, manifest: str) -> bool:
        """Tell whether this very manifest was the last that was applied by this name."""
        return self._applied().get(name) == _digest(manifest)

    def forget(self) -> None:
        """Have everything applied again the next time."""
        self._record.unlink(missing_ok=True)

    def _applied(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._record.read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError, ValueError):
            return {}

    def is_installed(self, wanted: Mapping[Addon, Path], host_address: str) -> bool:
        """Tell whether add-ons are there in their present form, and ready.

        Args:
            wanted: Each with the archive of its image.
            host_address: See `render`.
        """
        rendered = {
            addon.name: render(addon, archive, host_address) for addon, archive in wanted.items()
        }
        current = all(self.is_current(name, manifest) for name, manifest in rendered.items())
        return current and not self.unavailable(wanted) and self._has_all(rendered.values())

    def _has_all(self, manifests: Iterable[str]) -> bool:
        """Tell whether every object is there, whatever has become of it."""
        objects = [item for manifest in manifests for item in load_manifest(manifest)]
        # A job goes by itself some time after it has ended.
        lasting = [item for item in objects if item["kind"] != "Job"]
        try:
            get = [*self._kubectl, "get", "-f", "-", "-o", "name"]
            run(get, stdin=yaml.safe_dump_all(lasting), timeout_seconds=60)
        except ClusterError:
            return False
        return True

    def install(self, wanted: Mapping[Addon, Path], progress: Progress, host_address: str) -> None:
        """Install the Gateway API and add-ons, and wait until they are ready.

        Args:
            wanted: Each with the archive of its image, which the cluster must have.
            progress: Where to show what is going on.
            host_address: See `render`.

        Raises:
            ClusterError: One of them does not get ready.
        """
        # All of it, also what was applied before: an object may have been deleted since.
        self.forget()
        with progress.step("installing the Gateway API"):
            self.apply("gateway-api", gateway_api_manifest())
            if any(addon.tool is ENVOY_GATEWAY for addon in wanted):
                self.apply("envoy-gateway-crds", envoy_gateway.crds_manifest())
            self.wait_for_definitions()
        for addon, archive in wanted.items():
            self.apply(addon.name, render(addon, archive, host_address))
        for addon in wanted:
            with progress.step(f"waiting for {addon.name}"):
                self.wait_for(addon)

    def unavailable(self, wanted: Iterable[Addon]) -> list[str]:
        """Return the names of the add-ons that are missing or not ready now."""
        found = json.loads(run([*self._kubectl, "get", "deployments", "-A", "-o", "json"]))["items"]
        ready = {
            (item["metadata"]["namespace"], item["metadata"]["name"])
            for item in found
            if item.get("status", {}).get("availableReplicas", 0) > 0
        }
        return [addon.name for addon in wanted if (addon.namespace, addon.name) not in ready]

    def wait_for_definitions(self) -> None:
        """Wait until the API server serves every kind that is defined."""
        waiting = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]
        run([*self._kubectl, *waiting])

    def wait_for(self, addon: Addon, timeout_seconds: int = 120) -> None:
        """Wait until the pods of an add-on are up to date and ready.

        Raises:
            ClusterError: They are not; the message has what the cluster says about them.
        """
        target = [f"--timeout={timeout_seconds}s"]
        target += ["-n", addon.namespace, f"deployment/{addon.name}"]
        try:
            # Envoy's is not made by us but by the Envoy Gateway, a little later.
            for look in (["wait", "--for=create"], ["rollout", "status"]):
                run([*self._kubectl, *look, *target], timeout_seconds=timeout_seconds + 10)
        except ClusterError as late:
            pods = run([*self._kubectl, "-n", addon.namespace, "get", "pods,events"])
            raise ClusterError(
                f"{addon.name} is not ready after {timeout_seconds} s:\n{pods}"
            ) from late


def _digest(manifest: str) -> str:
    return hashlib.sha256(manifest.encode()).hexdigest()


def gateway_api_manifest(crds: Iterable[Path] | None = None) -> str:
    """Return the resource definitions of the Gateway API, standard channel.

    Args:
        crds: The files; None takes them from the Go module.
    """
    if crds is None:
        module = module_directory(GATEWAY_API_MODULE, GATEWAY_API_VERSION)
        crds = (module / "config" / "crd" / "standard").glob("*.yaml")
    texts = [path.read_text(encoding="utf-8") for path in sorted(crds)]
    return "\n---\n".join(texts)
