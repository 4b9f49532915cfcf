"""Breaks the local cluster in every way it has to survive: `python -m hack.local_cluster.faults`.

Needs root and a cluster made of this machine's processes, whose pods are restarted many times.
Prints a table of what was done and how long `up` took to repair it; ends with a failure at the
first thing that was not repaired, or was left over after `down`.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import click

from hack.local_cluster import cgroups, containerd, node
from hack.local_cluster.commands import run
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.node_cluster import NodeCluster
from hack.local_cluster.paths import cluster_layout
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import BRIDGE, Settings

_COMMAND = [sys.executable, "-m", "hack.local_cluster"]
_LONGEST_UP_SECONDS = 12.0
NO_FAULT = "nothing"
NOTHING_LEFT = "after a last kill and `down`, nothing was left."


@dataclass(frozen=True)
class Fault:
    """Something that happens to a running cluster.

    Attributes:
        name: What the table calls it.
        strike: Does it.
    """

    name: str
    strike: Callable[[NodeCluster], None]


def faults(randomness: random.Random, kills: int) -> list[Fault]:
    """Return the faults, in the order in which they strike.

    Args:
        randomness: Chooses when `up` is killed.
        kills: How many times it is.
    """
    moments = [randomness.uniform(0.2, _LONGEST_UP_SECONDS) for _ in range(kills)]
    return [
        *(Fault(f"kill -9 {name}", _killing(name)) for name in node.COMPONENTS),
        Fault("kill -9 all components", _kill_components),
        Fault("kill -9 components, shims and pods", _kill_everything),
        Fault("records of all processes lost", _lose_records),
        Fault("bridge deleted", lambda _cluster: _quietly("ip", "link", "delete", BRIDGE)),
        Fault("host ports flushed", lambda _cluster: _flush_host_ports()),
        *(Fault(f"up killed after {moment:.1f} s", _killed_up(moment)) for moment in moments),
    ]


def _killing(name: str) -> Callable[[NodeCluster], None]:
    def strike(cluster: NodeCluster) -> None:
        record = cluster.processes.record(name)
        if record is None:
            raise ClusterError(f"{name} does not run")
        os.kill(record.pid, signal.SIGKILL)

    return strike


def _kill_components(cluster: NodeCluster) -> None:
    for name in node.COMPONENTS:
        _killing(name)(cluster)


def _kill_everything(cluster: NodeCluster) -> None:
    _kill_components(cluster)
    for pid in (*containerd.shims(cluster.layout), *cgroups.members()):
        os.kill(pid, signal.SIGKILL)


def _lose_records(cluster: NodeCluster) -> None:
    shutil.rmtree(cluster.layout.processes)


def _flush_host_ports() -> None:
    _quietly("iptables", "-w", "-t", "nat", "-F", "CNI-HOSTPORT-DNAT")


def _quietly(*command: str) -> None:
    run(command)


def _killed_up(seconds: float) -> Callable[[NodeCluster], None]:
    def strike(cluster: NodeCluster) -> None:
        _kill_components(cluster)
        with subprocess.Popen([*_COMMAND, "up"], stderr=subprocess.DEVNULL) as started:
            time.sleep(seconds)
            started.kill()

    return strike


def _check_serving(settings: Settings) -> None:
    """Refuse a cluster whose gateways or Prometheus do not answer as they should."""
    for port in settings.served_ports():
        path, wanted = ("/-/ready", 200) if port.owner == "prometheus" else ("/no-such-route", 404)
        if (answer := _status(f"http://127.0.0.1:{port.number}{path}")) != wanted:
            raise ClusterError(f"{port.owner} answered {answer}, not {wanted}")


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def _check_gone(cluster: NodeCluster) -> None:
    left = cluster.leftovers()
    if left:
        raise click.ClickException("left over after down:\n" + "\n".join(left))


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--kills", type=int, default=5, show_default=True, help="How often up is killed.")
def main(seed: int, kills: int) -> None:
    """Break the local cluster and have it repaired, again and again."""
    _command("up")
    cluster = NodeCluster(cluster_layout(), Progress())
    settings = cluster.settings()
    if settings is None or settings.backend != NodeCluster.backend:
        raise click.ClickException("there is no cluster made of this machine's processes")
    click.echo("| fault | repaired by `up` in |\n|---|---|")
    for fault in faults(random.Random(seed), kills):  # noqa: S311 - no secret
        fault.strike(cluster)
        begun = time.monotonic()
        _command("up")
        seconds = time.monotonic() - begun
        _check_serving(settings)
        click.echo(f"| {fault.name} | {seconds:.1f} s |")
    begun = time.monotonic()
    _command("up")
    click.echo(f"| {NO_FAULT} | {time.monotonic() - begun:.1f} s |")
    _kill_components(cluster)
    _command("down")
    _check_gone(cluster)
    click.echo(f"\n{NOTHING_LEFT}")


def _command(name: str) -> None:
    done = subprocess.run([*_COMMAND, name], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(f"`{name}` ended with code {done.returncode}:\n{done.stderr}")


if __name__ == "__main__":
    main()
