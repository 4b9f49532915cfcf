"""The commands that people and make targets call."""

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import locked
from hack.local_cluster.go_build import ensure_binary
from hack.local_cluster.kind_cluster import KindCluster
from hack.local_cluster.kind_cluster import is_at_hand as kind_is_at_hand
from hack.local_cluster.node import COMPONENTS
from hack.local_cluster.node_cluster import NodeCluster
from hack.local_cluster.paths import cluster_layout
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import (
    EXTRAS,
    LAYOUT_VERSION,
    Settings,
    check_ports,
    has_our_sources,
    keep_sources,
    load_settings,
)
from hack.local_cluster.tools import KUBERNETES_VERSION, TOOLS, kubernetes

_NOT_RUNNING = 3


class _Commands(click.Group):
    """Shows our own errors as messages, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ClusterError as error:
            raise click.ClickException(str(error)) from error


Cluster = NodeCluster | KindCluster


def _cluster(backend: str = "auto") -> Cluster:
    """Return the cluster that is there, or the kind of one that this machine can have."""
    layout, progress = cluster_layout(), Progress()
    kept = load_settings(layout.state_file)
    if backend == "auto" and kept:
        backend = kept.backend
    if backend == "auto":
        backend = KindCluster.backend if kind_is_at_hand() else NodeCluster.backend
    made_by = KindCluster if backend == KindCluster.backend else NodeCluster
    return made_by(layout, progress)


@click.group(cls=_Commands)
def main() -> None:
    """Run a real Kubernetes on this machine, for demonstrations and tests."""


@main.command()
@click.option("--api-port", type=int, default=None, help="Of the API server; 6443.")
@click.option("--gateway-port", type=int, default=None, help="On 127.0.0.1; 8080.")
@click.option("--prometheus-port", type=int, default=None, help="On 127.0.0.1; 9090.")
@click.option("--envoy-port", type=int, default=None, help="Of --with envoy-gateway; 8081.")
@click.option(
    "--with",
    "extras",
    type=click.Choice(EXTRAS),
    multiple=True,
    help="Install this too; kept from then on, until `down --purge`.",
)
@click.option(
    "--backend",
    type=click.Choice(["auto", NodeCluster.backend, KindCluster.backend]),
    default="auto",
    show_default=True,
    help="kind where Docker and kind are at hand, else processes of this machine.",
)
def up(backend: str, extras: tuple[str, ...], **ports: int | None) -> None:
    """Have the cluster run; nothing is done where nothing is to do."""
    cluster = _cluster(backend)
    with _only_one(cluster):
        kept = cluster.settings() or Settings()
        settings = chosen(kept, extras, cluster.backend, ports)
        check_ports(settings)
        _refuse_other_backend(kept, settings)
        sources = cluster.layout.sources_file
        if has_our_sources(sources) and cluster.is_running(settings):
            cluster.progress.note("the cluster is running")
        else:
            cluster.up(settings)
            keep_sources(sources)
            cluster.progress.note("the cluster is up")
    _say_where(cluster, settings)


def chosen(
    kept: Settings, extras: Iterable[str], backend: str, ports: Mapping[str, int | None]
) -> Settings:
    """Return the settings to have: what was chosen before, what is asked for now, our versions.

    Args:
        kept: Of the cluster that is there, or the defaults.
        extras: To be installed beside those that are.
        backend: What makes the cluster.
        ports: By field of `Settings`; None keeps the port.
    """
    asked: dict[str, Any] = {name: port for name, port in ports.items() if port}
    together = tuple(sorted({*kept.extras, *extras}))
    asked |= {"kubernetes_version": KUBERNETES_VERSION, "layout_version": LAYOUT_VERSION}
    return replace(kept, **asked, extras=together, backend=backend)


def _refuse_other_backend(kept: Settings, wanted: Settings) -> None:
    if kept.backend != wanted.backend and cluster_layout().state_file.exists():
        raise ClusterError(
            f"there is a cluster made by {kept.backend}: take it away first by "
            "`python -m hack.local_cluster down --purge`"
        )


def _say_where(cluster: Cluster, settings: Settings) -> None:
    click.echo(f"{'kubeconfig':26}{cluster.layout.kubeconfig}")
    for port in settings.served_ports():
        click.echo(f"{port.owner:26}http://127.0.0.1:{port.number}")


@main.command()
@click.option("--purge", is_flag=True, help="Remove the data too.")
def down(*, purge: bool) -> None:
    """Stop all that `up` started, and leave nothing behind."""
    cluster = _cluster()
    with _only_one(cluster):
        if not cluster.was_here():
            click.echo("there is no cluster, running or not")
            return
        if purge:
            cluster.purge()
        else:
            cluster.down()
        left = cluster.leftovers()
    if left:
        raise ClusterError("this is left:\n" + "\n".join(left))
    click.echo("the cluster is down; nothing of it is left on this machine but files")


@main.command()
def status() -> None:
    """Tell what runs; ends with code 3 when the cluster does not."""
    cluster = _cluster()
    settings = cluster.settings()
    if not cluster.was_here():
        click.echo("there is no cluster, running or not")
        sys.exit(_NOT_RUNNING)
    for name, state in cluster.components().items():
        click.echo(f"{name:26}{state}")
    if settings and cluster.is_running(settings):
        click.echo(f"{'cluster':26}ready, by {settings.backend}")
        _say_where(cluster, settings)
        return
    left = cluster.leftovers()
    click.echo(f"{'cluster':26}{'not ready' if left else 'down, and nothing is left of it'}")
    for line in left:
        click.echo(f"{'left over':26}{line}")
    sys.exit(_NOT_RUNNING)


@main.command()
@click.argument("component", required=False, type=click.Choice(COMPONENTS))
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
def logs(component: str | None, lines: int, *, follow: bool) -> None:
    """Show the log of a component, or where the logs are."""
    directory = cluster_layout().logs
    if component is None:
        for path in sorted(directory.glob("*.log")):
            click.echo(path)
        return
    path = directory / f"{component}.log"
    if not path.exists():
        raise ClusterError(f"there is no {path}: {component} was never started")
    _become(["tail", "-n", str(lines), *(["-F"] if follow else []), str(path)])


@main.command()
def kubeconfig() -> None:
    """Print the path of the administrator's kubeconfig."""
    path = cluster_layout().kubeconfig
    if not path.exists():
        raise ClusterError("there is no cluster: run `python -m hack.local_cluster up` first")
    click.echo(path)


@main.command()
@click.argument("part", type=click.Choice(["gateway", "prometheus", *EXTRAS]))
def address(part: str) -> None:
    """Print where a part of the cluster answers on this machine."""
    settings = _cluster().settings()
    if settings is None:
        raise ClusterError("there is no cluster: run `python -m hack.local_cluster up` first")
    ports = {port.owner: port.number for port in settings.served_ports()}
    if part not in ports:
        raise ClusterError(
            f"{part} is not installed: run `python -m hack.local_cluster up --with {part}` first"
        )
    click.echo(f"http://127.0.0.1:{ports[part]}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kubectl(arguments: tuple[str, ...]) -> None:
    """Run kubectl against the cluster."""
    command = [*_cluster().kubectl, *arguments]
    if not Path(command[0]).exists():
        raise ClusterError("there is no cluster: run `python -m hack.local_cluster up` first")
    _become(command)


@main.command()
@click.argument("archives", nargs=-1, required=True, metavar="IMAGE_TAR...")
def load(archives: tuple[str, ...]) -> None:
    """Have images in the cluster; a file that was imported before is skipped."""
    cluster = _cluster()
    if cluster.settings() is None:
        raise ClusterError("there is no cluster: run `python -m hack.local_cluster up` first")
    for archive in archives:
        with _only_one(cluster):
            imported = cluster.load(Path(archive).resolve())
        click.echo(f"{archive}: {'imported' if imported else 'was there'}")


@main.command()
@click.argument("names", nargs=-1, metavar="TOOL[/PROGRAM]...")
@click.option("--kubernetes-version", default=KUBERNETES_VERSION, show_default=True)
def build(names: tuple[str, ...], kubernetes_version: str) -> None:
    """Compile programs into the cache and print their paths; all of them without an argument."""
    tools = {**TOOLS, "kubernetes": kubernetes(kubernetes_version)}
    progress = Progress()
    for name in names or tuple(tools):
        tool_name, _, program = name.partition("/")
        if tool_name not in tools:
            raise ClusterError(f"no tool is called {tool_name!r}: choose from {', '.join(tools)}")
        tool = tools[tool_name]
        for wanted in [program] if program else tool.packages:
            click.echo(ensure_binary(tool, wanted, progress))


def _only_one(cluster: Cluster) -> AbstractContextManager[None]:
    """Hold the cluster's lock; it is beside its directory, which may be removed."""
    path = cluster.layout.root.with_suffix(".lock")
    note = cluster.progress.note
    return locked(path, lambda holder: note(f"waiting for process {holder} to finish with it"))


def _become(command: list[str]) -> NoReturn:
    """Turn into another program, so that its exit code and its signals are ours."""
    os.execvp(command[0], command)  # noqa: S606 - a list of arguments needs no shell
