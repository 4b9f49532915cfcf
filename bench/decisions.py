"""How fast a harmful canary is rolled back on a real cluster, and how often a good one is.

Each run is an LLMDeployment of its own with a simulated engine, behind the real gateway, under 50
requests a second, the canary at 10 %. Runs go side by side in lanes. Times are told by the
LLMRollouts (from the first share of requests to the rollback) and by the clients
(from the first failure to the last).

    python -m bench.decisions --runs 10 --lanes 3 --out bench/README.md
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tests.e2e.lanes import simulated_model, vegeta
from tests.kubectl import Kubectl, Manifest
from tests.load import Load, chat_request

NAMESPACE = "bench-decisions"
SLOS: Manifest = {
    "availability": {"objectivePercent": "99.5"},
    "timeToFirstToken": {"objectivePercent": "97", "thresholdMilliseconds": 1000},
    "requestLatency": {"objectivePercent": "99", "thresholdMilliseconds": 2500},
}
ROLLOUT: Manifest = {"steps": [{"weightPercent": 10}], "minStepSeconds": 3600}
PER_SECOND = 50
ENGINE = ["--first-token-milliseconds", "180", "--sigma", "0.7", "--token-milliseconds", "1"]
BEFORE_SECONDS = 15
DECIDING = frozenset({"RollBack", "TakeAway"})


@dataclass(frozen=True)
class Scenario:
    """What a canary does.

    Attributes:
        name: As the table says it.
        stable: Arguments of the engine that serves.
        canary: Arguments of the engine that is to take over.
        seconds: How long it is watched at most.
        harmful: True when it should be rolled back, or lose its requests.
        limit: What the median should not exceed, in seconds; None: nothing is asked.
    """

    name: str
    stable: Sequence[str]
    canary: Sequence[str]
    seconds: int
    harmful: bool
    limit: float | None = None


SCENARIOS = (
    Scenario("5 % errors", (), ("--error-percent", "5"), 420, harmful=True, limit=165),
    Scenario("2 % errors", (), ("--error-percent", "2"), 720, harmful=True, limit=330),
    Scenario("latency x2", (), ("--latency-factor", "2"), 600, harmful=True, limit=300),
    Scenario("crash loop", (), ("--crash-after-seconds", "25"), 180, harmful=True),
    Scenario(
        "out of memory",
        (),
        ("--allocate-mebibytes", "512", "--allocate-after-seconds", "25"),
        180,
        harmful=True,
    ),
    Scenario("all failing", (), ("--error-percent", "100"), 45, harmful=True),
    Scenario("identical", (), ("--output-tokens", "65"), 600, harmful=False),
    Scenario(
        "both 3 % errors",
        ("--fail-after-seconds", "60", "--fail-percent", "3"),
        ("--fail-after-seconds", "40", "--fail-percent", "3", "--output-tokens", "65"),
        600,
        harmful=False,
    ),
)


@dataclass
class Run:
    """How one run went.

    Attributes:
        scenario: Its name.
        action: RollBack or TakeAway; empty when neither came.
        reason: Of that decision.
        seconds: From the canary's first share of requests to that decision.
        harmed: Requests that failed, as the clients saw them.
        harmed_seconds: From the first of them to the last.
        message: Sentence of the decision.
    """

    scenario: str
    action: str = ""
    reason: str = ""
    seconds: float | None = None
    harmed: int = 0
    harmed_seconds: float | None = None
    message: str = ""
    problems: list[str] = field(default_factory=list)


class Bench:
    """Runs scenarios on the local cluster."""

    def __init__(self) -> None:
        self._kubectl = Kubectl(
            Path(_local_cluster("build", "kubernetes/kubectl")), Path(_local_cluster("kubeconfig"))
        )
        self._gateway = _local_cluster("address", "gateway")
        self._vegeta = vegeta()
        self._setting_up = threading.Lock()

    def run(self, scenario: Scenario, number: int) -> Run:
        """One run, from nothing to nothing."""
        name = f"{scenario.name.replace(' ', '-').replace('%', 'pc').strip('-')}-{number}"
        name = name.lower() if name[0].isalpha() else f"e{name}".lower()
        run = Run(scenario.name)
        try:
            self._watch(scenario, name, run)
        except Exception as error:  # noqa: BLE001 - one run's trouble is told, the others go on
            run.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self._kubectl.run("delete", "llmdep", name, "-n", NAMESPACE, "--timeout=60s")
        click.echo(json.dumps(asdict(run)))
        return run

    def _watch(self, scenario: Scenario, name: str, run: Run) -> None:
        with self._setting_up:  # starting pods side by side would be measured too
            self._apply(name, scenario.stable)
            self._wait_ready(name)
        request = chat_request(self._gateway, f"{name}.{NAMESPACE}.example.com", "simulated")
        seconds = scenario.seconds + BEFORE_SECONDS + 30
        with Load(self._vegeta, request, PER_SECOND, seconds) as load:
            time.sleep(BEFORE_SECONDS)
            self._apply(name, scenario.canary)
            decisions = self._until_decided(name, scenario.seconds)
            time.sleep(5)
        begun = next((one for one in decisions if one["action"] == "Advance"), None)
        decided = next((one for one in decisions if one["action"] in DECIDING), None)
        if decided is not None and begun is not None:
            run.action, run.reason = decided["action"], decided["reason"]
            run.message = decided["message"]
            run.seconds = (_time(decided) - _time(begun)).total_seconds()
        if begun is None:
            run.problems.append("the canary never had a request")
        failed = [answer.sent_seconds for answer in load.outcome.failures]
        if scenario.stable == ():
            run.harmed = len(failed)
            run.harmed_seconds = failed[-1] - failed[0] if failed else None

    def _apply(self, name: str, args: Sequence[str]) -> None:
        self._kubectl.apply(
            simulated_model(NAMESPACE, name, slos=SLOS, rollout=ROLLOUT, args=[*ENGINE, *args])
        )

    def _wait_ready(self, name: str) -> None:
        wait = ("wait", "--for=condition=Ready", f"llmdep/{name}", "-n", NAMESPACE)
        self._kubectl.run(*wait, "--timeout=120s")

    def _until_decided(self, name: str, seconds: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        decisions: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            found = self._kubectl.find("llmro", f"{name}-1", NAMESPACE) or {}
            decisions = found.get("status", {}).get("decisions", [])
            if any(one["action"] in DECIDING for one in decisions):
                break
            time.sleep(5)
        return decisions


def _time(decision: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(decision["time"])


def _local_cluster(*arguments: str) -> str:
    command = [sys.executable, "-m", "hack.local_cluster", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def table(runs: Sequence[Run]) -> list[str]:
    """The table in Markdown, a row for each scenario."""
    heads = (
        "canary",
        "runs",
        "decided",
        "median",
        "slowest",
        "asked",
        "failed requests, median",
        "first to last failure, slowest",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for scenario in SCENARIOS:
        mine = [run for run in runs if run.scenario == scenario.name and not run.problems]
        if not mine:
            continue
        seconds = sorted(run.seconds for run in mine if run.seconds is not None)
        spans = [run.harmed_seconds for run in mine if run.harmed_seconds is not None]
        harmed = f"{statistics.median(run.harmed for run in mine):.0f}" if seconds else "-"
        cells = [
            scenario.name,
            str(len(mine)),
            f"{len(seconds)} of {len(mine)}",
            f"{statistics.median(seconds):.0f} s" if seconds else "-",
            f"{seconds[-1]:.0f} s" if seconds else "-",
            _asked(scenario),
            harmed,
            f"{max(spans):.1f} s" if spans and scenario.harmful else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _asked(scenario: Scenario) -> str:
    """What the median should not exceed, as the table says it."""
    if scenario.limit is not None:
        return f"{scenario.limit:.0f} s"
    return "" if scenario.harmful else "never"


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
within 1 s, request latency 99 % within 2.5 s), so the threshold is 300. The design effect D is 3:
stable has no hour of history. {settings}

`median` and `slowest` run from the canary's first share of requests to the decision, with
everything in between: scrapes, ticks, the pass. Failures are those that clients saw.

{table}

{unmeasured}

`all failing` is the fast lane's: it takes the requests away (`TakeAway`) and condemns nobody.
What the statistics do without a cluster: `python -m bench.decisions_simulated`.
"""


@click.command()
@click.option("--runs", default=10, show_default=True, help="Of each scenario.")
@click.option("--lanes", default=3, show_default=True, help="Runs side by side.")
@click.option("--only", multiple=True, help="Names of scenarios; default: all.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench/README.md"))
@click.option("--settings", default="", help="A sentence about the cluster, for the page.")
def main(runs: int, lanes: int, only: tuple[str, ...], out: Path, settings: str) -> None:
    """Measure, print each run as JSON, and write the page."""
    bench = Bench()
    kubectl = bench._kubectl  # noqa: SLF001 - the program's own
    metadata = {"name": NAMESPACE}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    wanted = [one for one in SCENARIOS if not only or one.name in only]
    with ThreadPoolExecutor(lanes) as pool:
        futures = [
            pool.submit(bench.run, scenario, number)
            for number in range(runs)
            for scenario in wanted
        ]
        done = [future.result() for future in futures]
    kubectl.run("delete", "namespace", NAMESPACE, "--wait=false")
    out.write_text(page(done, settings), encoding="utf-8")
    click.echo("\n".join(table(done)))


if __name__ == "__main__":
    main()
