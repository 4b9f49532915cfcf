"""What `plan` tells of evaluations, from the suites that stand in the same file."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rocksteady.analysis.evaluation_power import GatePower
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.policy import Evaluation, EvaluationStage
from rocksteady.cli.explain_evaluations import judged_by
from rocksteady.cli.wording import duration
from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluations import read_suites
from rocksteady.resources.evaluation_job import (
    TRIES,
    run_seconds_at_most,
    try_seconds_at_most,
)
from rocksteady.resources.kinds import Kind
from rocksteady.rollout.evaluation_forecast import (
    CHANGED,
    DROP,
    EvaluationForecast,
    forecast_evaluations,
)
from rocksteady.rollout.policy import policy_of
from rocksteady.rollout.suites import Suite, SuiteSeen


class _FileReader:
    """Manifests of a file, read as if they were in a cluster; namespaces are not looked at.

    Args:
        manifests: All of the file.
    """

    def __init__(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        self._manifests = manifests

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """See `ports.ClusterReader`."""
        for manifest in self._manifests:
            metadata = manifest.get("metadata") or {}
            if manifest.get("kind") == kind.kind and metadata.get("name") == name:
                return {**manifest, "metadata": {**metadata, "namespace": namespace}}
        return None

    async def list(
        self,
        kind: Kind,
        namespace: str | None = None,  # noqa: ARG002 - of the port
        label_selector: str = "",  # noqa: ARG002 - of the port
    ) -> list[Manifest]:
        """See `ports.ClusterReader`."""
        return [dict(one) for one in self._manifests if one.get("kind") == kind.kind]


def evaluation_plan(
    deployment: LLMDeployment, manifests: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What the evaluations of a spec ask and can show, line by line; nothing without any.

    Args:
        deployment: That is planned.
        manifests: Of the same file.
    """
    spec = deployment.spec
    if not spec.evaluations:
        return
    yield ""
    yield "Evaluations"
    suites = asyncio.run(read_suites("", deployment, _FileReader(manifests)))
    found = {(one.test.suite, one.test.stage): one for one in forecast_evaluations(spec, suites)}
    policy = policy_of(spec)
    for evaluation in spec.evaluations:
        forecast = found.get((evaluation.suite or "", evaluation.stage))
        if forecast is None:
            yield _unknown(evaluation, suites)
            continue
        yield f"  {forecast.test.suite}, {forecast.test.stage.value}: {judged_by(forecast.test)}"
        yield from _shows(forecast)
        yield from _takes(forecast, policy.progress_deadline_seconds)


def _unknown(evaluation: Evaluation, suites: Mapping[str, SuiteSeen]) -> str:
    """Why an evaluation is not forecast."""
    if evaluation.external is not None:
        return f"  {evaluation.external.name}: a score of another system, which nobody asks for"
    name = evaluation.suite or ""
    if evaluation.stage is EvaluationStage.SCHEDULED:
        return f"  {name}, Scheduled: is no part of a rollout"
    suite = suites.get(name)
    if suite is None or isinstance(suite, Suite) or suite.reason == "SuiteNotFound":
        return f"  {name}: NOT FORECAST: no EvaluationSuite {name} in this file"
    return f"  {name}: NOT FORECAST: {suite.message}"


def _shows(forecast: EvaluationForecast) -> Iterator[str]:
    if forecast.leaks_at_most is not None:
        most = f"{100 * forecast.leaks_at_most:.3g} %"
        yield f"    when none succeeds, at most {most} of such attacks would (error 5 %)"
    if forecast.least_margin_points is None or forecast.equal is None or forecast.worse is None:
        if forecast.leaks_at_most is None:
            yield "    only the runner knows how many items there are, and so what they can show"
        return
    least = forecast.least_margin_points
    yield f"    so many items can show a margin of {least} points or more, if no answer changes"
    changed, drop = f"{100 * CHANGED:g} %", f"{100 * DROP:g} points"
    yield f"    a canary no worse, with {changed} of the answers changed: {_power(forecast.equal)}"
    yield f"    a canary that is {drop} worse besides: {_power(forecast.worse)}"


def _power(power: GatePower) -> str:
    return (
        f"passes in {power.promoted_percent:.0f} %, fails in {power.stopped_percent:.0f} %,"
        f" undecided in {power.undecided_percent:.0f} %, after {power.items_mean:.0f} items"
    )


def _takes(forecast: EvaluationForecast, deadline_seconds: int) -> Iterator[str]:
    spec, looks = forecast.suite.spec, max(1, len(forecast.test.looks))
    most = looks * run_seconds_at_most(spec)
    each = f"{TRIES} tries of {duration(try_seconds_at_most(spec))}"
    of = f"{looks} looks of {each}" if looks > 1 else each
    yield f"    takes {duration(most)} at most: {of}; stable and canary are asked side by side"
    if most > deadline_seconds:
        longer = f"progressDeadlineSeconds ({duration(deadline_seconds)})"
        yield f"    longer than {longer}, whose clock stands while a suite is asked"
