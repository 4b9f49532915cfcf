"""What a command has around it in tests: a cluster in memory, a clock that stands, a user."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from click.testing import CliRunner, Result

from rocksteady import errors
from rocksteady.__main__ import main
from rocksteady.cli.session import Session, Target, World
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Manifest, MetricsReader
from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import Selector
from tests.builders import NAMESPACE
from tests.fakes.cluster import FakeCluster
from tests.fakes.recording import FakeClock
from tests.fakes.rollout_story import RolloutStory

USER = "ada@example.org"


class RecordedSeries:
    """A source of metrics that has these series, whatever it is asked for.

    Args:
        series: What it has.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = tuple(series)

    async def series(
        self,
        source: str,  # noqa: ARG002
        selectors: Sequence[Selector],  # noqa: ARG002
        start_seconds: float,
        end_seconds: float,
    ) -> tuple[Series, ...]:
        return tuple(
            Series(
                one.labels,
                tuple(sample for sample in one.samples if start_seconds < sample[0] <= end_seconds),
            )
            for one in self._series
        )

    async def value(self, source: str, query: str, at_seconds: float) -> float | None:
        raise AssertionError(f"nobody asks {source} for {query} at {at_seconds}")


class PersonsFake(FakeCluster):
    """A cluster in memory that a person reads, and asks by annotation.

    Attributes:
        user: Who the person is to it; None: it does not say.
        asked: Annotations that were set, by name of the LLMDeployment.
        refuses: Raised by whatever is asked of it; None: nothing is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.user: str | None = USER
        self.asked: list[tuple[str, dict[str, str | None]]] = []

    async def annotate(
        self, namespace: str, name: str, uid: str, annotations: Mapping[str, str | None]
    ) -> Manifest:
        manifest = self.objects["LLMDeployment", namespace, name]
        if manifest["metadata"]["uid"] != uid:
            raise errors.Conflict("another object", 409)
        self.asked.append((name, dict(annotations)))
        return manifest

    async def user_name(self) -> str | None:
        return self.user


class PersonsWorld:
    """Runs commands against the cluster in memory."""

    def __init__(self, manifests: Sequence[Manifest] = (), clock: FakeClock | None = None) -> None:
        self.cluster = PersonsFake()
        self.clock = clock or FakeClock()
        self.targets: list[Target] = []
        self.sources = MetricsSources()
        self.metrics: MetricsReader = RecordedSeries(())
        for manifest in manifests:
            self.cluster.put(manifest)

    @classmethod
    def of(cls, story: RolloutStory) -> "PersonsWorld":
        """The world at the end of a story."""
        return cls(story.manifests(), FakeClock(story.now))

    def run(self, *arguments: str, width: int = 100, stdin: str | None = None) -> Result:
        """Run a command as from a shell whose output goes into a pipe."""
        runner = CliRunner(env={"COLUMNS": str(width), "NO_COLOR": "1", "TERM": "dumb"})
        world = World(self._connect, self.clock, self._open_metrics)
        return runner.invoke(main, arguments, obj=world, prog_name="rocksteady", input=stdin)

    @asynccontextmanager
    async def _open_metrics(self, sources: MetricsSources) -> AsyncIterator[MetricsReader]:
        self.sources = sources
        yield self.metrics

    @asynccontextmanager
    async def _connect(self, target: Target) -> AsyncIterator[Session]:
        self.targets.append(target)
        yield Session(self.cluster, target.namespace or NAMESPACE)
