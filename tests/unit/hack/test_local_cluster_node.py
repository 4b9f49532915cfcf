"""What the cluster does to the machine: nothing when refused, nothing to what is not its own."""

import os
from pathlib import Path

import pytest

from hack.local_cluster import cgroups, containerd, network, node_cluster, preflight
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.node_cluster import NodeCluster
from hack.local_cluster.paths import Layout
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import Settings, save_settings


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeCluster:
    """A cluster on a machine on which it has not run."""
    monkeypatch.setattr(network, "exists", lambda: False)
    monkeypatch.setattr(node_cluster, "RUNTIME_DIRECTORY", tmp_path / "run")
    return NodeCluster(Layout(tmp_path / "cluster"), Progress())


def _refuse(*_arguments: object) -> None:
    raise ClusterError("port 6443, wanted by kube-apiserver, is taken")


def test_up__that_the_machine_refuses_keeps_data_of_another_version(
    cluster: NodeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.layout.etcd.mkdir(parents=True)
    save_settings(cluster.layout.state_file, Settings(kubernetes_version="1.30.0"))
    monkeypatch.setattr(cluster, "_end_strays", lambda: None)
    monkeypatch.setattr(preflight, "check", _refuse)
    monkeypatch.setattr(cluster, "down", lambda: pytest.fail("took something away"))
    with pytest.raises(ClusterError, match="6443"):
        cluster.up(Settings())
    assert cluster.layout.etcd.exists()


def test_preflight__with_a_taken_port_makes_no_cgroup(
    cluster: NodeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "check_ports_free", _refuse)
    monkeypatch.setattr(cgroups, "create", lambda: pytest.fail("made a cgroup"))
    with pytest.raises(ClusterError, match="6443"):
        preflight.check(cluster.layout, Settings(), cluster.processes, cluster.progress)


@pytest.mark.parametrize(
    "was_here", [pytest.param(False, id="on a new machine"), pytest.param(True, id="in use")]
)
def test_cgroups_check__leaves_cgroups_as_they_were(
    was_here: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cgroups, "_MOUNT", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    if was_here:
        (tmp_path / cgroups.ROOT).mkdir()
    cgroups.check()
    assert (tmp_path / cgroups.ROOT).exists() is was_here


@pytest.mark.parametrize(
    ("bridge", "runtime_directory", "expected"),
    [
        pytest.param(False, False, False, id="it has not run since the machine started"),
        pytest.param(True, False, True, id="its bridge is there"),
        pytest.param(False, True, True, id="its bridge was deleted by hand"),
    ],
)
def test_down__takes_chains_of_kubernetes_for_its_own_only_if_it_has_run(
    *,
    bridge: bool,
    runtime_directory: bool,
    expected: bool,
    cluster: NodeCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "exists", lambda: bridge)
    if runtime_directory:
        (tmp_path / "run").mkdir()
    taken: list[bool] = []
    monkeypatch.setattr(network, "remove", lambda *, with_kubernetes: taken.append(with_kubernetes))
    monkeypatch.setattr(node_cluster, "terminate", lambda *_: None)
    monkeypatch.setattr(containerd, "end_containers", lambda *_, **__: None)
    monkeypatch.setattr(containerd, "remove_traces", lambda _: None)
    cluster.down()
    assert taken == [expected]
