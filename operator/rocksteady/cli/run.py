"""`rocksteady run`: the operator."""

import os
import socket
import sys
from functools import partial
from importlib.metadata import version
from typing import TextIO

import click

from rocksteady import settings as defaults
from rocksteady.adapters.kubernetes import connect
from rocksteady.adapters.telemetry import configure_logging
from rocksteady.app import run_operator
from rocksteady.errors import RocksteadyError
from rocksteady.metrics_sources import MetricsSources, SourcesError, load
from rocksteady.settings import Settings

_DEFAULT = Settings()


@click.command()
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default: the pod's account.")
@click.option(
    "--context",
    "context_name",
    envvar="ROCKSTEADY_RUN_CONTEXT",
    help="Context of the kubeconfig.",
)
@click.option(
    "--fetch-image",
    default=defaults.DEFAULT_FETCH_IMAGE,
    show_default=True,
    help="Image of the init container that fetches models: the operator's own.",
)
@click.option(
    "--harness-image",
    default=defaults.DEFAULT_HARNESS_IMAGE,
    show_default=True,
    help="Image of the runners LMEval and Inspect, and of the anonymiser of items.",
)
@click.option(
    "--client-namespaces",
    default="",
    help="Comma-separated namespaces of gateway, Prometheus and operator that NetworkPolicies let"
    " in. Default: every namespace.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=_DEFAULT.workers, show_default=True)
@click.option(
    "--resync-seconds",
    type=click.FloatRange(1),
    default=_DEFAULT.resync_seconds,
    show_default=True,
    help="How often everything is looked at without being woken.",
)
@click.option("--lease-namespace", default=_DEFAULT.lease_namespace, show_default=True)
@click.option("--identity", help="Who we are in the Lease. Default: host name and process.")
@click.option(
    "--probe-port",
    type=click.IntRange(1, 65535),
    default=_DEFAULT.probe_port,
    show_default=True,
    help="Port of /healthz, /readyz and /metrics.",
)
@click.option(
    "--tick-seconds",
    type=click.IntRange(1, 300),
    default=_DEFAULT.tick_seconds,
    show_default=True,
    help="Length of the ticks in which requests are counted; the scrape interval at least.",
)
@click.option(
    "--blind-limit-seconds",
    type=click.IntRange(30, 86400),
    default=_DEFAULT.blind_limit_seconds,
    show_default=True,
    help="How long a canary may have requests while its signals cannot be read.",
)
@click.option(
    "--metrics-sources",
    type=click.File(encoding="utf-8"),
    help="YAML file that says where metrics are read (docs/reference/metrics.md).",
)
@click.option("--log-level", default="INFO", show_default=True)
def run(
    kubeconfig: str | None,
    context_name: str | None,
    fetch_image: str,
    harness_image: str,
    client_namespaces: str,
    workers: int,
    resync_seconds: float,
    lease_namespace: str,
    identity: str | None,
    probe_port: int,
    tick_seconds: int,
    blind_limit_seconds: int,
    metrics_sources: TextIO | None,
    log_level: str,
) -> None:
    """Run the operator. Every option can also be given as ROCKSTEADY_RUN_<OPTION>."""
    configure_logging(log_level)
    settings = Settings(
        fetch_image=fetch_image,
        harness_image=harness_image,
        client_namespaces=tuple(
            name.strip() for name in client_namespaces.split(",") if name.strip()
        ),
        workers=workers,
        resync_seconds=resync_seconds,
        lease_namespace=lease_namespace,
        identity=identity or f"{socket.gethostname()}_{version('rocksteady')}_{os.getpid()}",
        probe_port=probe_port,
        tick_seconds=tick_seconds,
        blind_limit_seconds=blind_limit_seconds,
        sources=_sources(metrics_sources),
    )
    try:
        sys.exit(run_operator(settings, partial(connect, kubeconfig, context_name)))
    except RocksteadyError as error:
        raise click.ClickException(str(error)) from error


def _sources(file: TextIO | None) -> MetricsSources:
    if file is None:
        return MetricsSources()
    try:
        return load(file.read())
    except SourcesError as error:
        raise click.ClickException(f"{file.name}: {error}") from error
