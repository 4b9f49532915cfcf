"""`rocksteady plan`: what a rollout would do and see, computed from a manifest."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from rocksteady import conventions
from rocksteady.analysis.power import Detection
from rocksteady.api.quantity import parse_quantity
from rocksteady.api.reading import kind_of
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment, LLMDeploymentSpec
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.cli.documents import ManifestError, read_manifests
from rocksteady.cli.plan_evaluations import evaluation_plan
from rocksteady.cli.wording import duration
from rocksteady.metrics_sources import GATEWAY_TYPES
from rocksteady.queries.profiles.base import SourceKind
from rocksteady.queries.signals import Signal
from rocksteady.resources.validation import validate_manifest
from rocksteady.rollout.forecast import Forecast, detections, forecast
from rocksteady.rollout.freezing import planned_seconds
from rocksteady.rollout.policy import is_judged
from rocksteady.rollout.standing import RESOURCE_AWARE_MIN

ASSUMED_GATEWAY: Final = "Traefik"


@click.command()
@click.option("-f", "--filename", required=True, metavar="FILE", help="YAML; - is standard input.")
@click.option(
    "--requests-per-second",
    type=click.FloatRange(0, min_open=True),
    help="To the deployment; without it no time of detection is forecast.",
)
@click.option(
    "--gateway",
    "gateway_type",
    type=click.Choice(GATEWAY_TYPES),
    help=f"Whose counters there are.  [default: {ASSUMED_GATEWAY} if the spec has a gateway]",
)
def plan(filename: str, requests_per_second: float | None, gateway_type: str | None) -> None:
    """Tell what a rollout of the LLMDeployments in FILE would do and see. Asks no cluster.

    Suites are forecast when they stand in FILE too, with the ConfigMaps of their items.
    Exits with 1 when a manifest is invalid or there is none.
    """
    planned = 0
    try:
        with click.open_file(filename, encoding="utf-8") as stream:
            manifests = list(read_manifests(stream))
        for manifest in manifests:
            if kind_of(manifest) == conventions.KIND:
                deployment = _plan(manifest, gateway_type, requests_per_second)
                for line in evaluation_plan(deployment, manifests):
                    click.echo(line)
                planned += 1
    except (ManifestError, OSError) as error:
        raise click.ClickException(f"{filename}: {error}") from error
    if not planned:
        raise click.ClickException(f"no LLMDeployment in {filename}: nothing was planned")


def _plan(
    manifest: Mapping[str, Any], gateway_type: str | None, requests_per_second: float | None
) -> LLMDeployment:
    """Tell of the rollout itself."""
    validation = validate_manifest(manifest, strict=True)
    name = (manifest.get("metadata") or {}).get("name", "(no name)")
    if validation.deployment is None:
        said = "\n".join(f"  {error.path}: {error.message}" for error in validation.errors)
        raise click.ClickException(f"{name} is not valid:\n{said}")
    spec = validation.deployment.spec
    if not is_judged(spec):
        click.echo(
            f"{name}: without slos and rollout there is nothing to judge by; a changed revision"
            " takes over as soon as it is ready"
        )
        return validation.deployment
    found = forecast(spec, gateway_type or ASSUMED_GATEWAY, requests_per_second)
    click.echo(f"{name}: from the canary's first request to promotion {duration(found.seconds)}")
    for line in _told(spec, found, assumed=gateway_type is None):
        click.echo(line)
    for line in _detections(found, requests_per_second):
        click.echo(line)
    return validation.deployment


def _told(spec: LLMDeploymentSpec, found: Forecast, *, assumed: bool) -> Iterator[str]:
    yield ""
    yield "Steps"
    for number, step in enumerate(found.steps, 1):
        whole = step.weight_percent != step.wanted_percent
        given = f" ({step.wanted_percent} % wanted, in whole pods)" if whole else ""
        pods = f"{step.pods.stable} + {step.pods.canary} pods"
        lasts = f"for {duration(step.seconds)} at least"
        yield f"  {number}. {step.weight_percent:>3} % {lasts}, {pods}{given}"
    if found.policy.keep_stable_seconds:
        share = 100 - found.policy.holdback_percent
        yield f"  bake: {share} % for {duration(found.policy.keep_stable_seconds)}"
    yield ""
    yield "Pods"
    yield from _pods(spec, found)
    yield ""
    yield "Measured"
    for one in found.plans:
        source = one.source
        guessed = assumed and source.kind is SourceKind.GATEWAY
        note = " (assumed: say which with --gateway)" if guessed else ""
        yield f"  {one.signal}: by {source.kind.value} {source.type}{note}"
    for lacking in found.unmeasurable:
        yield f"  {lacking.signal}: NOT MEASURED: {lacking.message}"
    if not found.plans and not found.unmeasurable:
        yield "  nothing: without slos the gates are readiness and time"


def _pods(spec: LLMDeploymentSpec, found: Forecast) -> Iterator[str]:
    yield f"  {found.replicas} wanted, {found.peak_pods} at most during the rollout"
    for resource, each in spec.resources.limits.items():
        if "/" in resource:
            most = parse_quantity(str(each)) * found.peak_pods
            yield f"  {resource}: {each} a pod, {most.normalize():f} at most"
    few = found.replicas < RESOURCE_AWARE_MIN
    if found.policy.capacity is Capacity.RESOURCE_AWARE and few:
        yield f"  capacity ResourceAware needs {RESOURCE_AWARE_MIN} replicas: it would not begin"


def _detections(found: Forecast, requests_per_second: float | None) -> Iterator[str]:
    """When errors would be found, and what they would have cost."""
    yield ""
    yield "Detection"
    measured = {one.signal for one in found.plans}
    if requests_per_second is None:
        yield "  give --requests-per-second to have it forecast"
        return
    if Signal.AVAILABILITY in measured and found.steps[0].weight_percent:
        weight = found.steps[0].weight_percent
        yield (
            f"  availability, at the {weight} % of the first step and {requests_per_second:g}"
            " requests a second; scrapes add 15 to 30 s:"
        )
        for ratio, one in detections(found, requests_per_second).items():
            yield f"    {100 * ratio:g} % errors: {_detection(one, planned_seconds(found.policy))}"
    for signal in sorted(measured - {Signal.AVAILABILITY}):
        yield f"  {signal}: depends on how stable's latencies scatter, which no manifest says"


def _detection(one: Detection, horizon_seconds: int) -> str:
    harmed = f"{one.harmed_requests:.0f} failed requests"
    if one.median_minutes is None:
        within = duration(horizon_seconds)
        return f"found in {one.found_percent:.0f} % of rollouts within {within}; {harmed} till then"
    worst = "" if one.p95_minutes is None else f", 95 % within {one.p95_minutes:.3g} min"
    return f"found after {one.median_minutes:.3g} min (median){worst}; {harmed}"
