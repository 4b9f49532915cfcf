"""How fast a harmful canary is rolled back on a real cluster, and how often a good one is.

Lanes go side by side, each an LLMDeployment with a simulated engine behind the real gateway, under
50 requests a second while a canary has 10 % of them. Times are told by the LLMRollouts (from the
first share of requests to the rollback), by a watch of the API server (from a pod's status to the
route) and by the clients (from the first failure to the last).

    python -m bench.decisions --runs 10 --out bench/README.md
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from bench.cluster_watch import watching
from bench.lane import NAMESPACE, PER_SECOND, Lane, Run, Scenario, open_lane
from tests.e2e.conftest import LocalCluster, local_cluster

SCENARIOS: Final = (
    Scenario("crash loop", ("--crash-after-seconds", "25"), 180, harmful=True),
    Scenario(
        "out of memory",
        ("--allocate-mebibytes", "512", "--allocate-after-seconds", "25"),
        180,
        harmful=True,
    ),
    Scenario("all failing", ("--error-percent", "100"), 45, harmful=True, ends_with="TakeAway"),
    Scenario("identical", ("--output-tokens", "65"), 600, harmful=False),
    Scenario(
        "both 3 % errors",
        # Both begin to fail when the canary has its requests: before, it would get none.
        ("--fail-after-seconds", "40", "--output-tokens", "65"),
        600,
        harmful=False,
        stable=("--fail-after-seconds", "60", "--fail-percent", "3"),
    ),
    Scenario(
        "5 % errors",
        ("--error-percent", "5"),
        420,
        harmful=True,
        limit_seconds=165,
        needs_history=True,
    ),
    Scenario(
        "latency x2",
        ("--latency-factor", "2"),
        600,
        harmful=True,
        limit_seconds=300,
        needs_history=True,
    ),
    Scenario(
        "2 % errors",
        ("--error-percent", "2"),
        720,
        harmful=True,
        limit_seconds=330,
        needs_history=True,
    ),
)
"""In the order in which they are tried: what needs an hour of history comes last."""


class Jobs:
    """What is still to be tried, shared by the lanes.

    Args:
        scenarios: In their order, each as often as it is to be tried.
    """

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._left = list(scenarios)
        self._lock = threading.Lock()

    def take(self, *, has_history: bool) -> Scenario | None:
        """The next one that a lane can try; None: none now."""
        with self._lock:
            for index, scenario in enumerate(self._left):
                if has_history or not scenario.needs_history:
                    return self._left.pop(index)
            return None

    @property
    def done(self) -> bool:
        """True when none is left."""
        return not self._left


def try_all(
    cluster: LocalCluster, jobs: Jobs, lanes: int, tell: Callable[[Run], None], *, history: bool
) -> None:
    """Try everything, in lanes side by side.

    Args:
        cluster: The local cluster.
        jobs: What to try.
        lanes: How many.
        tell: Takes each run when it is over.
        history: False: nobody waits for an hour of history.
    """
    with watching(cluster.kubectl.kubeconfig, NAMESPACE) as watch, ExitStack() as stack:

        def work(lane: Lane, index: int) -> None:
            own = 0
            while not jobs.done:
                scenario = jobs.take(has_history=lane.has_history or not history)
                if scenario is None:
                    time.sleep(5)
                    continue
                own += 1
                try:
                    if scenario.stable:
                        name = f"own-{index}-{own}"
                        with open_lane(cluster, watch, name, scenario.stable) as alone:
                            tell(alone.run(scenario))
                    else:
                        tell(lane.run(scenario))
                except Exception as error:  # noqa: BLE001 - told, and the others go on
                    problem = f"{type(error).__name__}: {error}"
                    tell(Run(scenario.name, problems=[problem]))

        threads = []
        for index in range(lanes):
            # One by one: starting pods side by side would be measured too.
            lane = stack.enter_context(open_lane(cluster, watch, f"lane-{index}"))
            threads.append(threading.Thread(target=work, args=(lane, index)))
            threads[-1].start()
        for thread in threads:
            thread.join()


def table(runs: Sequence[Run]) -> list[str]:
    """The table in Markdown, a row for each scenario."""
    heads = (
        *("canary", "runs", "decided", "median", "slowest", "asked", "D"),
        *("from pod status to route, median", "slowest"),
        *("failed requests, median", "first to last failure, slowest"),
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for scenario in SCENARIOS:
        mine = [run for run in runs if run.scenario == scenario.name and not run.problems]
        if mine:
            lines.append(f"| {' | '.join(_cells(scenario, mine))} |")
    return lines


def _cells(scenario: Scenario, runs: Sequence[Run]) -> list[str]:
    seconds = [run.seconds for run in runs if run.seconds is not None]
    kubelet = [run.kubelet_seconds for run in runs if run.kubelet_seconds is not None]
    spans = [run.harmed_seconds for run in runs if run.harmed_seconds is not None]
    told = scenario.harmful and bool(seconds)
    return [
        scenario.name,
        str(len(runs)),
        f"{len(seconds)} of {len(runs)}",
        *_median_and_slowest(seconds, 0),
        _asked(scenario),
        _effects(runs),
        *_median_and_slowest(kubelet, 2),
        f"{statistics.median(run.harmed for run in runs):.0f}" if told else "-",
        f"{max(spans):.1f} s" if spans and told else "-",
    ]


def _median_and_slowest(seconds: Sequence[float], digits: int) -> tuple[str, str]:
    """Two cells, of seconds with so many digits."""
    if not seconds:
        return "-", "-"
    return f"{statistics.median(seconds):.{digits}f} s", f"{max(seconds):.{digits}f} s"


def _asked(scenario: Scenario) -> str:
    """What the median should not exceed, as the table says it."""
    if scenario.limit_seconds is not None:
        return f"{scenario.limit_seconds:.0f} s"
    return "" if scenario.harmful else "never"


def _effects(runs: Sequence[Run]) -> str:
    """The design effects that the attempts froze, from the least to the largest."""
    found = [effect for run in runs for effect in run.design_effects.values()]
    least, most = min(found, default=0.0), max(found, default=0.0)
    return f"{least:.1f}" if least == most else f"{least:.1f} to {most:.1f}"


def page(runs: Sequence[Run], settings: str) -> str:
    """The page with how it was measured and what came of it."""
    failed = [run for run in runs if run.problems]
    why = ": " + "; ".join(run.problems[0][:160] for run in failed[:5]) if failed else ""
    text = _PAGE.format(
        per_second=PER_SECOND,
        settings=settings,
        table="\n".join(table(runs)),
        unmeasured=f"{len(failed)} of {len(runs)} runs could not be measured{why}.",
    )
    return text.lstrip("\n")


_PAGE = """
<!-- Made by bench/decisions.py: run make bench-decisions. -->
# How fast a harmful canary is rolled back

Measured on the local cluster, with the real API server, kubelet, gateway (Traefik) and
Prometheus, and a simulated engine with vLLM's metrics. The canary gets 10 % of {per_second}
requests a second. Three signals may roll it back (availability 99.5 %, time to first token 97 %
within 1 s, request latency 99 % within 2.5 s), so the threshold is 300. D is the design effect, by
which evidence is divided: 3 where stable has no hour of history, else as measured on it. {settings}

`median` and `slowest` run from the canary's first share of requests to the decision, with
everything in between: scrapes, ticks, the pass. `from pod status to route` runs from the moment in
which a client that watches the API server is told of the pod status that condemns a canary to the
moment in which it is told of a route without that canary. Failures are those that clients saw.

{table}

{unmeasured}

`all failing` is the fast lane's: it takes the requests away (`TakeAway`) and condemns nobody.
What the statistics do without a cluster: `python -m bench.decisions_simulated`.
"""


@click.command()
@click.option("--runs", default=10, show_default=True, help="Of each scenario.")
@click.option("--harmless-runs", type=int, help="Of those that take ten minutes; default: --runs.")
@click.option("--lanes", default=3, show_default=True, help="Runs side by side.")
@click.option("--only", multiple=True, help="Names of scenarios; default: all.")
@click.option("--history/--no-history", default=True, help="Wait until stable has an hour of it.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("bench-decisions.jsonl"),
    show_default=True,
    help="Where each run is added when it is over; the page is made of all that is there.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench/README.md"))
@click.option("--settings", default="", help="A sentence about the cluster, for the page.")
def main(  # noqa: PLR0913, PLR0917 - one for each option
    runs: int,
    harmless_runs: int | None,
    lanes: int,
    only: tuple[str, ...],
    results: Path,
    out: Path,
    settings: str,
    *,
    history: bool,
) -> None:
    """Measure, print each run as JSON, and write the page."""
    cluster = local_cluster()
    kubectl = cluster.kubectl
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    wanted = [one for one in SCENARIOS if not only or one.name in only]
    most = {True: runs, False: runs if harmless_runs is None else harmless_runs}
    jobs = Jobs(
        [
            scenario
            for number in range(max(most.values()))
            for scenario in wanted
            if number < most[scenario.harmful]
        ]
    )

    telling = threading.Lock()

    def tell(run: Run) -> None:
        line = json.dumps(asdict(run))
        with telling:  # lanes may end a run at the same time
            click.echo(line)
            with results.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            # After each, so that what was measured is told also when the rest is not.
            known = [Run(**json.loads(line)) for line in results.read_text("utf-8").splitlines()]
            out.write_text(page(known, settings), encoding="utf-8")

    try:
        try_all(cluster, jobs, lanes, tell, history=history)
    finally:
        kubectl.run("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main()
