"""Configuration that the cluster's parts are given, and choices that are refused."""

import io
import json
import socket
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import pytest_socket
import yaml

from hack.images.mounts import mounts_below
from hack.images.recipes import reference
from hack.local_cluster import preflight
from hack.local_cluster.commands import run, succeeds
from hack.local_cluster.containerd import (
    PAUSE_IMAGE,
    containerd_config,
    references,
)
from hack.local_cluster.control_plane import audit_policy, wait_until
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import locked, write_whole
from hack.local_cluster.go_build import binary_path, kubernetes_go_mod, staging_modules
from hack.local_cluster.kind_cluster import kind_config
from hack.local_cluster.node_cluster import stale_pods
from hack.local_cluster.paths import Layout
from hack.local_cluster.pki import Authority, Certificate, openssl_request, write_kubeconfig
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import (
    HostPort,
    Settings,
)
from hack.local_cluster.tools import ETCD, TOOLS, Tool, kubernetes

_ROOT = Path(__file__).parents[3]


def test_containerd_config__has_the_image_that_is_built_here_and_places_of_its_own(
    tmp_path: Path,
) -> None:
    text = containerd_config(Layout(tmp_path))
    assert reference("pause") == PAUSE_IMAGE
    assert f'sandbox_image = "{PAUSE_IMAGE}"' in text
    assert "/var/lib/containerd" not in text
    assert "/run/containerd/" not in text


def test_mounts_below__unmounts_the_innermost_first_and_strangers_never() -> None:
    mountinfo = (
        "1 0 8:1 / / rw - ext4 /dev/root rw\n"
        "2 1 0:5 / /data/cluster/kubelet/pods/a/volumes rw - tmpfs tmpfs rw\n"
        "3 2 0:6 / /data/cluster/kubelet/pods/a/volumes/b\\040c rw - tmpfs tmpfs rw\n"
        "4 1 0:7 / /data/cluster-other rw - tmpfs tmpfs rw\n"
        "5 1 0:8 / /run/mine rw - tmpfs tmpfs rw\n"
    )
    assert mounts_below(mountinfo, [Path("/data/cluster"), Path("/run/mine")]) == [
        "/run/mine",
        "/data/cluster/kubelet/pods/a/volumes/b c",
        "/data/cluster/kubelet/pods/a/volumes",
    ]


def _archive(path: Path, manifest: bytes | None) -> Path:
    with tarfile.open(path, "w") as opened:
        if manifest is not None:
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(manifest)
            opened.addfile(entry, io.BytesIO(manifest))
    return path


def test_references__are_all_names_in_the_archive(tmp_path: Path) -> None:
    manifest = json.dumps([{"RepoTags": ["a:1", "b:2"]}, {"RepoTags": ["c:3"]}]).encode()
    assert references(_archive(tmp_path / "image.tar", manifest)) == ["a:1", "b:2", "c:3"]


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(None, id="no manifest"),
        pytest.param(b"{", id="a manifest that is no JSON"),
        pytest.param(b'[{"Config": "x"}]', id="an image without a name"),
    ],
)
def test_references__of_another_archive_is_refused_with_the_cure(
    tmp_path: Path, manifest: bytes | None
) -> None:
    with pytest.raises(ClusterError, match=r"is not a docker-archive.*docker save"):
        references(_archive(tmp_path / "image.tar", manifest))


def test_references__of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"missing\.tar is not a docker-archive"):
        references(tmp_path / "missing.tar")


def test_audit_policy__counts_the_operator_before_anything_is_left_out() -> None:
    rules: Any = audit_policy()["rules"]
    assert rules[0] == {
        "level": "Metadata",
        "userGroups": ["system:serviceaccounts:rocksteady-system"],
    }
    assert rules[-1] == {"level": "None"}


def test_staging_modules__are_those_that_kubernetes_takes_from_its_own_tree() -> None:
    go_mod = (
        "replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n"
        "\tk8s.io/pod-security-admission => ./staging/src/k8s.io/pod-security-admission\n"
        "\texample.com/x => ../x\n)\n"
    )
    assert staging_modules(go_mod) == ["k8s.io/api", "k8s.io/pod-security-admission"]


def test_kubernetes_go_mod__pins_staging_modules_to_the_same_release() -> None:
    text = kubernetes_go_mod("1.37.2", ["k8s.io/api"])
    assert "require k8s.io/kubernetes v1.37.2" in text
    assert "k8s.io/api => k8s.io/api v0.37.2" in text


def test_tools__are_pinned_in_their_go_mod_as_well() -> None:
    modules = {
        "etcd": ("go.etcd.io/etcd/server/v3", "3.6.16"),
        "kubernetes": ("k8s.io/kubernetes", "1.34.4"),
        "coredns": ("github.com/coredns/coredns", "1.14.6"),
        "traefik": ("github.com/traefik/traefik/v3", "3.6.12"),
        # The module of Prometheus 3.13.4 is numbered 0.313.4.
        "prometheus": ("github.com/prometheus/prometheus", "0.313.4"),
        "envoy-gateway": ("github.com/envoyproxy/gateway", "1.9.1"),
        "kube-network-policies": ("sigs.k8s.io/kube-network-policies", "0.8.0"),
        "helm": ("helm.sh/helm/v3", "3.22.0"),
        "vegeta": ("github.com/tsenart/vegeta/v12", "12.13.0"),
    }
    assert set(modules) == set(TOOLS)
    for name, (module, version) in modules.items():
        folder = _ROOT / "hack" / "local_cluster" / "go" / name
        assert f"{module} v{version}" in (folder / "go.mod").read_text(encoding="utf-8")
        assert f"{module} v{version} h1:" in (folder / "go.sum").read_text(encoding="utf-8")
        assert TOOLS[name].version == {"0.313.4": "3.13.4"}.get(version, version)


def test_linker_flags__stamp_the_version() -> None:
    tool = Tool("x", "1.2.3", MappingProxyType({"x": "p"}), MappingProxyType({"p.V": "1.2.3"}))
    assert tool.linker_flags == "-s -w -X p.V=1.2.3"
    assert "gitVersion=v1.34.4" in kubernetes().linker_flags


def test_binary_path__of_an_unknown_program_names_those_there_are() -> None:
    with pytest.raises(ClusterError, match="etcd has no program 'etcdctl': etcd"):
        binary_path(ETCD, "etcdctl")


def test_openssl_request__makes_only_the_authority_an_authority() -> None:
    leaf = Certificate("node", "system:node:a", "system:nodes", ("IP:127.0.0.1",))
    assert "CA:TRUE" in openssl_request(Certificate("ca", "x"))
    text = openssl_request(leaf)
    assert "CA:FALSE" in text
    assert "O = system:nodes\nCN = system:node:a" in text
    assert "subjectAltName = IP:127.0.0.1" in text


def test_issue__signs_by_one_authority_and_keeps_what_is_there(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    wanted = [Certificate("admin", "admin", "system:masters")]
    authority.issue(wanted)
    run(["openssl", "verify", "-CAfile", authority.certificate, authority.certificate_of("admin")])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    authority.issue(wanted)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_issue__after_the_authority_was_lost_signs_everything_anew(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    wanted = [Certificate("admin", "admin")]
    authority.issue(wanted)
    authority.certificate.unlink()
    authority.issue(wanted)
    run(["openssl", "verify", "-CAfile", authority.certificate, authority.certificate_of("admin")])


def test_write_kubeconfig__is_for_its_owner_only_and_selects_our_context(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    authority.issue([Certificate("admin", "admin")])
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, "https://127.0.0.1:6443", authority, "admin")
    assert path.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(path.read_text())["current-context"] == "rocksteady-local"


def test_write_whole__tells_whether_the_content_changed(tmp_path: Path) -> None:
    path = tmp_path / "below" / "file"
    assert write_whole(path, "a") is True
    assert write_whole(path, "a") is False
    assert write_whole(path, "b") is True
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_write_whole__goes_on_after_a_write_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / ".file.partial").write_text("half")
    write_whole(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"


def test_locked__is_free_again_afterwards_and_names_its_holder_meanwhile(tmp_path: Path) -> None:
    lock, said = tmp_path / "lock", list[str]()
    with locked(lock, said.append):
        assert lock.read_text().isdigit()
    with locked(lock, said.append):
        pass
    assert said == []


def test_progress__writes_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    with progress.step("a quick step"):
        pass
    with pytest.raises(ValueError, match="broken"), progress.step("a broken step"):
        raise ValueError("broken")
    assert stream.getvalue().count("\n") == 1
    assert "a broken step: failed" in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_run__reports_the_command_its_code_and_what_it_said() -> None:
    with pytest.raises(ClusterError, match=r"`sh -c .*` ended with code 3:\nno luck"):
        run(["sh", "-c", "echo no luck >&2; exit 3"])


def test_run__of_a_missing_program_names_it() -> None:
    with pytest.raises(ClusterError, match="no-such-program is missing"):
        run(["no-such-program"])
    assert succeeds(["no-such-program"]) is False


def test_run__gives_up_when_it_takes_too_long() -> None:
    with pytest.raises(ClusterError, match="did not end within"):
        run(["sleep", "5"], timeout_seconds=0.1)


def test_wait_until__gives_up_at_once_when_it_cannot_come_any_more() -> None:
    begun = time.monotonic()
    with pytest.raises(ClusterError, match="it died"):
        wait_until(lambda: False, 60, lambda: "it died", alive=lambda: False)
    assert time.monotonic() - begun < 5


def test_kind_config__has_the_chosen_ports_and_an_audit_log(tmp_path: Path) -> None:
    text = (_ROOT / "kind-config.yaml").read_text(encoding="utf-8")
    settings = Settings(
        api_port=16443,
        gateway_port=18080,
        prometheus_port=19090,
        extras=("envoy-gateway",),
        envoy_port=18081,
    )
    config = kind_config(text, settings, Layout(tmp_path))
    [node] = config["nodes"]
    assert config["networking"]["apiServerPort"] == 16443
    assert [entry["hostPort"] for entry in node["extraPortMappings"]] == [18080, 19090, 18081]
    assert {entry["listenAddress"] for entry in node["extraPortMappings"]} == {"127.0.0.1"}
    patch = yaml.safe_load(node["kubeadmConfigPatches"][0])
    mounted = {entry["containerPath"] for entry in node["extraMounts"]}
    assert patch["apiServer"]["extraArgs"]["audit-policy-file"] in mounted
    assert mounted == {entry["hostPath"] for entry in patch["apiServer"]["extraVolumes"]}


_SINCE = datetime(2030, 1, 2, 3, 4, 5, 900_000, tzinfo=UTC).timestamp()


def _pod(name: str, **state: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"containerStatuses": [{"state": state}]}}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(
            _pod("old", running={"startedAt": "2030-01-02T03:04:04Z"}),
            ["old"],
            id="running since before the moment",
        ),
        pytest.param(
            _pod("new", running={"startedAt": "2030-01-02T03:04:05Z"}),
            [],
            id="running since the moment, in whole seconds",
        ),
        pytest.param(_pod("dead", terminated={}), [], id="known to have ended"),
        pytest.param({"metadata": {"name": "pending"}, "status": {}}, [], id="not started yet"),
    ],
)
def test_stale_pods__are_said_to_run_since_before_the_node_started(
    pod: dict[str, Any], expected: list[str]
) -> None:
    assert stale_pods([pod], _SINCE) == expected


def test_check_ports_free__names_the_port_its_owner_and_the_option() -> None:
    pytest_socket.enable_socket()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = int(taken.getsockname()[1])
        with pytest.raises(ClusterError, match=rf"port {number}, wanted by gateway, is taken.*-x"):
            preflight.check_ports_free([HostPort(number, "gateway", "-x")])


def test_check_ports_free__offers_no_option_where_there_is_none() -> None:
    pytest_socket.enable_socket()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = HostPort(int(taken.getsockname()[1]), "kubelet")
        with pytest.raises(ClusterError) as refused:
            preflight.check_ports_free([port])
        assert "by -" not in str(refused.value)


def test_check__refuses_another_user_than_root_and_names_both_ways_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"needs root.*sudo.*Docker"):
        preflight.check(Layout(tmp_path), Settings(), _no_processes(), Progress(io.StringIO()))


def test_check__without_go_names_it_when_something_has_to_be_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "check_ports_free", lambda _ports: None)
    monkeypatch.setattr("hack.local_cluster.cgroups.check", lambda: None)
    monkeypatch.setattr(preflight, "_check_overlay", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"go is missing.*install Go"):
        preflight.check(Layout(tmp_path), Settings(), _no_processes(), Progress(io.StringIO()))


def test_check__with_a_full_disk_names_the_directory_and_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: _Usage(free=1_500_000_000))
    with pytest.raises(ClusterError, match=r"has 1\.5 GB free and the cluster needs 2 GB"):
        preflight._check_disk(Layout(tmp_path / "cluster"), 2_000_000_000)


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def _no_processes() -> Any:
    class NoProcesses:
        def record(self, _name: str) -> None:
            return None

    return NoProcesses()
