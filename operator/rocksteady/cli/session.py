"""The cluster that a command works with, and the options that say which one it is."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import click

from rocksteady.errors import RocksteadyError
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Clock, ClusterReader, Manifest, MetricsReader

Result = TypeVar("Result")


@dataclass(frozen=True)
class Target:
    """Which cluster and namespace, as the options say.

    Attributes:
        kubeconfig: Path; None: KUBECONFIG, then the one in the home directory.
        context: None: the current one.
        namespace: None: that of the context.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


class PersonsReach(ClusterReader, Protocol):
    """What a person can do: read, and ask by annotation."""

    async def annotate(
        self, namespace: str, name: str, uid: str, annotations: Mapping[str, str | None]
    ) -> Manifest:
        """See `adapters.people.PersonsCluster`."""

    async def user_name(self) -> str | None:
        """See `adapters.people.PersonsCluster`."""


@dataclass(frozen=True)
class Session:
    """A connection.

    Attributes:
        cluster: What is asked.
        namespace: Where.
    """

    cluster: PersonsReach
    namespace: str


@dataclass(frozen=True)
class World:
    """What a command has around it; tests give another one as click's `obj`.

    Attributes:
        connect: Opens a session.
        clock: The time.
        metrics: Opens sources of metrics.
    """

    connect: Callable[[Target], AbstractAsyncContextManager[Session]]
    clock: Clock
    metrics: Callable[[MetricsSources], AbstractAsyncContextManager[MetricsReader]]


def world() -> World:
    """The world of the command that runs."""
    given = click.get_current_context().find_object(World)
    if given is not None:
        return given
    from rocksteady.adapters.clock import SystemClock  # noqa: PLC0415 - for its real use only

    return World(_connected, SystemClock(), _metrics)


def run(target: Target, work: Callable[[Session], Awaitable[Result]]) -> Result:
    """Do some work in a session, and close it.

    Raises:
        ClickException: What the cluster refused, as a sentence; the command ends with 1.
    """
    connect = world().connect

    async def session() -> Result:
        async with connect(target) as opened:
            return await work(opened)

    try:
        return asyncio.run(session())
    except RocksteadyError as error:
        raise click.ClickException(str(error)) from error


def cluster_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of kubectl that say which cluster, as one `target`."""

    @click.option("-n", "--namespace", help="Default: the namespace of the context.")
    @click.option("--context", "context_name", help="Context of the kubeconfig.")
    @click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False),
        help="Default: KUBECONFIG, then ~/.kube/config.",
    )
    @functools.wraps(command)
    def wrapped(
        *,
        namespace: str | None,
        context_name: str | None,
        kubeconfig: str | None,
        **others: Any,
    ) -> None:
        command(target=Target(kubeconfig, context_name, namespace), **others)

    return wrapped


@asynccontextmanager
async def _connected(target: Target) -> AsyncIterator[Session]:
    # The Kubernetes client takes more than a second to import, which help should not wait for.
    from rocksteady.adapters import kubeconfig, kubernetes, people  # noqa: PLC0415

    path = kubeconfig.kubeconfig_path(target.kubeconfig)
    namespace = target.namespace or kubeconfig.namespace_of(path, target.context)
    api = await kubernetes.connect(path, target.context)
    try:
        yield Session(people.PersonsCluster(api), namespace)
    finally:
        await api.close()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def _metrics(sources: MetricsSources) -> AsyncIterator[MetricsReader]:
    from rocksteady.adapters.clock import SystemClock  # noqa: PLC0415 - for its real use only
    from rocksteady.adapters.prometheus import PrometheusSources  # noqa: PLC0415 - same

    reader = PrometheusSources(sources, SystemClock())
    try:
        yield reader
    finally:
        await reader.close()
