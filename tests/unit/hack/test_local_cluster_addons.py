"""What is installed into the cluster: images built here, ports on loopback, two gateways."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.images.recipes import reference
from hack.local_cluster import addons as addons_module
from hack.local_cluster import envoy_gateway
from hack.local_cluster.addons import Addon, Installer, addons, load_manifest, render
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.node import kubelet_config
from hack.local_cluster.paths import Layout
from hack.local_cluster.settings import DNS_ADDRESS, Settings

_ADDONS = addons(Settings(gateway_port=18080, prometheus_port=19090))


def _manifest(addon: Addon, archive: str = "image-1.tar") -> list[dict[str, Any]]:
    return load_manifest(render(addon, Path(archive), "127.0.0.1"))


def _deployment(addon: Addon, archive: str = "image-1.tar") -> dict[str, Any]:
    return next(item for item in _manifest(addon, archive) if item["kind"] == "Deployment")


@pytest.mark.parametrize("addon", _ADDONS, ids=lambda addon: addon.name)
def test_is_installed__is_false_once_an_object_has_been_deleted(
    addon: Addon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[dict[str, Any]]] = []
    missing = False

    def kubectl(command: list[str], *, stdin: str = "", **_options: object) -> str:
        if "get" in command and "-f" in command:
            asked.append(load_manifest(stdin))
            if missing:
                raise ClusterError("gateways.gateway.networking.k8s.io 'inference' not found")
        deployment = {"namespace": addon.namespace, "name": addon.name}
        ready = {"metadata": deployment, "status": {"availableReplicas": 1}}
        return json.dumps({"items": [ready]})

    monkeypatch.setattr(addons_module, "run", kubectl)
    installer = Installer(["kubectl"], tmp_path / "applied.json")
    wanted = {addon: Path("image-1.tar")}
    installer.apply(addon.name, render(addon, wanted[addon], "127.0.0.1"))
    assert installer.is_installed(wanted, "127.0.0.1")
    assert asked == [_manifest(addon)]
    missing = True
    assert not installer.is_installed(wanted, "127.0.0.1")


@pytest.mark.parametrize("addon", _ADDONS, ids=lambda addon: addon.name)
def test_render__names_the_image_that_is_built_here_and_never_pulls_it(addon: Addon) -> None:
    [container] = _deployment(addon)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == reference(addon.name)
    assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("addon", _ADDONS, ids=lambda addon: addon.name)
def test_render__restarts_pods_when_the_image_changes_and_only_then(addon: Addon) -> None:
    def annotations(archive: str) -> dict[str, str]:
        found = _deployment(addon, archive)["spec"]["template"]["metadata"]["annotations"]
        return {str(key): str(value) for key, value in found.items()}

    assert annotations("image-1.tar") == annotations("image-1.tar")
    assert annotations("image-1.tar") != annotations("image-2.tar")


def test_render__puts_the_chosen_ports_on_loopback_only() -> None:
    ports = {
        port["hostPort"]: port["hostIP"]
        for addon in _ADDONS
        for container in _deployment(addon)["spec"]["template"]["spec"]["containers"]
        for port in container.get("ports", ())
        if "hostPort" in port
    }
    assert ports == {18080: "127.0.0.1", 19090: "127.0.0.1"}


def test_render__has_dns_at_the_address_that_the_kubelet_tells_pods(tmp_path: Path) -> None:
    dns = next(addon for addon in _ADDONS if addon.name == "coredns")
    [service] = [item for item in _manifest(dns) if item["kind"] == "Service"]
    assert service["spec"]["clusterIP"] == DNS_ADDRESS
    assert kubelet_config(Layout(tmp_path))["clusterDNS"] == [DNS_ADDRESS]


def test_render__has_a_gateway_on_the_port_of_traefiks_entry_point() -> None:
    traefik = next(addon for addon in _ADDONS if addon.name == "traefik")
    [gateway] = [item for item in _manifest(traefik) if item["kind"] == "Gateway"]
    [listener] = gateway["spec"]["listeners"]
    [container] = _deployment(traefik)["spec"]["template"]["spec"]["containers"]
    assert f"--entrypoints.web.address=:{listener['port']}" in container["args"]
    assert listener["name"] == "http"
    assert listener["allowedRoutes"] == {"namespaces": {"from": "All"}}


def test_render__scrapes_every_five_seconds() -> None:
    prometheus = next(addon for addon in _ADDONS if addon.name == "prometheus")
    [config] = [item for item in _manifest(prometheus) if item["kind"] == "ConfigMap"]
    scraping = yaml.safe_load(config["data"]["prometheus.yml"])
    assert scraping["global"]["scrape_interval"] == "5s"
    jobs = [job["job_name"] for job in scraping["scrape_configs"]]
    assert jobs == ["model-servers", "operator", "gateway"]


_WITH_ENVOY = addons(Settings(extras=("envoy-gateway",), envoy_port=18081))


@pytest.fixture
def envoy() -> Addon:
    return next(addon for addon in _WITH_ENVOY if addon.name == "envoy")


def _only(addon: Addon, kind: str) -> dict[str, Any]:
    [found] = [item for item in _manifest(addon) if item["kind"] == kind]
    return found


def test_addons__envoy_comes_after_the_envoy_gateway_that_makes_it_and_only_when_chosen() -> None:
    names = [addon.name for addon in _ADDONS]
    assert names == ["kube-network-policies", "coredns", "traefik", "prometheus"]
    assert [addon.name for addon in _WITH_ENVOY] == [*names, "envoy-gateway", "envoy"]


def test_render__envoy_is_on_the_chosen_port_of_loopback_and_its_gateways_listener(
    envoy: Addon,
) -> None:
    made = _only(envoy, "EnvoyProxy")["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    [container] = made["patch"]["value"]["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    [listener] = _only(envoy, "Gateway")["spec"]["listeners"]
    assert made["container"]["image"] == reference("envoy")
    assert (port["hostPort"], port["hostIP"]) == (18081, "127.0.0.1")
    # The Envoy Gateway moves listeners below 1024 to another port of the container.
    assert port["containerPort"] == listener["port"] >= 1024
    assert listener["name"] == "http"
    assert listener["allowedRoutes"] == {"namespaces": {"from": "All"}}


def test_render__envoy_restarts_when_its_image_changes(envoy: Addon) -> None:
    def annotations(archive: str) -> dict[str, str]:
        [proxy] = [item for item in _manifest(envoy, archive) if item["kind"] == "EnvoyProxy"]
        made = proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]
        return dict(made["pod"]["annotations"])

    assert annotations("image-1.tar") == annotations("image-1.tar")
    assert annotations("image-1.tar") != annotations("image-2.tar")


def test_render__envoy_has_a_series_for_each_service_and_cuts_off_no_long_answer(
    envoy: Addon,
) -> None:
    policy = _only(envoy, "BackendTrafficPolicy")
    assert _only(envoy, "EnvoyProxy")["spec"]["mergeBackends"] == {}
    assert policy["spec"]["targetRefs"][0]["name"] == _only(envoy, "Gateway")["metadata"]["name"]
    assert policy["spec"]["timeout"] == {"http": {"requestTimeout": "0s"}}
    assert policy["spec"]["healthCheck"] == {"panicThreshold": 0}


def test_render__the_envoy_gateways_chart_restarts_when_its_image_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chart = "kind: Deployment\nspec: {template: {metadata: {}, spec: {containers: [{}]}}}\n"
    monkeypatch.setattr(envoy_gateway, "chart_manifest", lambda: chart)
    gateway = next(addon for addon in _WITH_ENVOY if addon.name == "envoy-gateway")
    first, second = (_deployment(gateway, archive) for archive in ("image-1.tar", "image-2.tar"))
    assert first["spec"]["template"]["metadata"]["annotations"]
    assert first != second


def test_chart_values__name_the_image_that_is_built_here() -> None:
    template = "image: ${GatewayImage}\npullPolicy: ${GatewayImagePullPolicy}\n"
    filled = envoy_gateway.chart_values(template)
    assert yaml.safe_load(filled) == {
        "image": reference("envoy-gateway"),
        "pullPolicy": "IfNotPresent",
    }
