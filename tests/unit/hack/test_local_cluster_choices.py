"""Choices of a cluster: what the commands take, what is kept, what is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hack.local_cluster import cli
from hack.local_cluster import settings as settings_module
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.node import COMPONENTS
from hack.local_cluster.node_cluster import NodeCluster
from hack.local_cluster.paths import cluster_layout
from hack.local_cluster.settings import (
    Settings,
    check_ports,
    has_our_sources,
    keep_sources,
    load_settings,
    save_settings,
    usable,
)


def test_settings__survive_being_kept(tmp_path: Path) -> None:
    settings = Settings(gateway_port=18080, extras=("envoy-gateway",))
    save_settings(tmp_path / "cluster.json", settings)
    assert load_settings(tmp_path / "cluster.json") == settings


def test_load_settings__of_a_cluster_from_before_there_were_extras_has_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "cluster.json").write_text('{"gateway_port": 18080}')
    assert load_settings(tmp_path / "cluster.json") == Settings(gateway_port=18080, extras=())


@pytest.mark.parametrize("content", ["", "{", '{"unknown": 1}', '{"extras": 1}', "[1]"])
def test_load_settings__that_make_no_sense_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "cluster.json").write_text(content)
    assert load_settings(tmp_path / "cluster.json") is None


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        pytest.param(Settings(gateway_port=1234), True, id="another port"),
        pytest.param(Settings(kubernetes_version="1.30.0"), False, id="another Kubernetes"),
        pytest.param(Settings(layout_version=0), False, id="another layout"),
    ],
)
def test_usable(kept: Settings, expected: bool) -> None:  # noqa: FBT001
    assert usable(kept, Settings()) is expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            Settings(gateway_port=9090),
            "port 9090 is wanted by both gateway and prometheus.*--gateway-port",
            id="one port for two",
        ),
        pytest.param(
            Settings(extras=("envoy-gateway",), envoy_port=8080),
            "port 8080 is wanted by both gateway and envoy-gateway.*--envoy-port",
            id="one port for two gateways",
        ),
        pytest.param(
            Settings(api_port=10250), "wanted by both kube-apiserver and kubelet", id="a fixed port"
        ),
        pytest.param(
            Settings(prometheus_port=70000), "--prometheus-port 70000 is not between", id="too high"
        ),
    ],
)
def test_check_ports__refuses(settings: Settings, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        check_ports(settings)


def test_status__without_a_cluster_says_so_and_does_not_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(NodeCluster, "was_here", lambda _self: False)
    result = CliRunner().invoke(cli.main, ["status"])
    assert result.exit_code == 3
    assert "there is no cluster" in result.output


def test_kubeconfig__without_a_cluster_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = CliRunner().invoke(cli.main, ["kubeconfig"])
    assert result.exit_code == 1
    assert "there is no cluster: run" in result.output


@pytest.mark.parametrize(
    ("kept", "extras", "ports", "expected"),
    [
        pytest.param(Settings(), (), {}, Settings(), id="nothing asked for"),
        pytest.param(
            Settings(),
            ("envoy-gateway",),
            {"envoy_port": 18081, "api_port": None},
            Settings(extras=("envoy-gateway",), envoy_port=18081),
            id="an extra and its port",
        ),
        pytest.param(
            Settings(extras=("envoy-gateway",), gateway_port=18080),
            (),
            {"gateway_port": None, "prometheus_port": 19090},
            Settings(extras=("envoy-gateway",), gateway_port=18080, prometheus_port=19090),
            id="what was chosen before stays",
        ),
        pytest.param(
            Settings(extras=("envoy-gateway",)),
            ("envoy-gateway",),
            {},
            Settings(extras=("envoy-gateway",)),
            id="the same extra twice",
        ),
        pytest.param(
            Settings(kubernetes_version="1.30.0", layout_version=0, gateway_port=18080),
            (),
            {},
            Settings(gateway_port=18080),
            id="versions are ours, whatever the cluster was made with",
        ),
    ],
)
def test_chosen__is_what_was_kept_and_what_is_asked_for(
    kept: Settings, extras: tuple[str, ...], ports: dict[str, int | None], expected: Settings
) -> None:
    assert cli.chosen(kept, extras, "node", ports) == expected


def test_chosen__after_a_bump_of_kubernetes_the_kept_data_are_of_no_use() -> None:
    kept = Settings(kubernetes_version="1.30.0")
    assert not usable(kept, cli.chosen(kept, (), "node", {}))


def test_has_our_sources__once_they_are_kept_and_until_one_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, source = tmp_path / "sources", tmp_path / "hack" / "settings.py"
    source.parent.mkdir()
    source.write_text("a = 1\n")
    monkeypatch.setattr(settings_module, "__file__", str(source))
    assert not has_our_sources(kept)
    keep_sources(kept)
    assert has_our_sources(kept)
    source.write_text("a = 2\n")
    assert not has_our_sources(kept)


@pytest.mark.parametrize(
    ("same_sources", "came_up"),
    [
        pytest.param(True, False, id="by the present sources, is left alone"),
        pytest.param(False, True, id="by other sources, is gone through again"),
    ],
)
def test_up__of_a_cluster_that_runs(
    *, same_sources: bool, came_up: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sources = cluster_layout().sources_file
    if same_sources:
        keep_sources(sources)
    calls: list[Settings] = []
    monkeypatch.setattr(NodeCluster, "is_running", lambda _self, _settings: True)
    monkeypatch.setattr(NodeCluster, "up", lambda _self, settings: calls.append(settings))
    result = CliRunner().invoke(cli.main, ["up", "--backend=node"])
    assert result.exit_code == 0, result.output
    assert bool(calls) is came_up
    assert has_our_sources(sources)


def test_up__with_an_extra_that_there_is_not_names_those_there_are() -> None:
    result = CliRunner().invoke(cli.main, ["up", "--with", "istio"])
    assert result.exit_code == 2
    assert "envoy-gateway" in result.output


def test_address__of_an_extra_that_is_not_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    save_settings(tmp_path / "rocksteady" / "cluster" / "cluster.json", Settings())
    result = CliRunner().invoke(cli.main, ["address", "envoy-gateway"])
    assert result.exit_code == 1
    assert "up --with envoy-gateway" in result.output


def test_up__with_ports_that_clash_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = CliRunner().invoke(cli.main, ["up", "--backend=node", "--gateway-port=9090"])
    assert result.exit_code == 1
    assert "wanted by both gateway and prometheus" in result.output
    assert not (tmp_path / "rocksteady" / "cluster").exists()


def test_logs__offers_the_components_there_are() -> None:
    result = CliRunner().invoke(cli.main, ["logs", "kube-dns"])
    assert result.exit_code == 2
    assert all(name in result.output for name in COMPONENTS)
