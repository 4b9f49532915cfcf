"""The objectives of a spec, as the queries name them."""

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.queries.signals import Objective, Signal


def objectives_of(spec: LLMDeploymentSpec) -> list[Objective]:
    """The SLOs of a spec, in the order of the API."""
    slos = spec.slos
    if slos is None:
        return []
    found = []
    if slos.availability is not None:
        percent = float(slos.availability.objective_percent)
        found.append(Objective(Signal.AVAILABILITY, percent))
    latencies = {
        Signal.TIME_TO_FIRST_TOKEN: slos.time_to_first_token,
        Signal.TIME_PER_OUTPUT_TOKEN: slos.time_per_output_token,
        Signal.REQUEST_LATENCY: slos.request_latency,
    }
    for signal, slo in latencies.items():
        if slo is not None:
            seconds = slo.threshold_milliseconds / 1000
            found.append(Objective(signal, float(slo.objective_percent), seconds))
    return found
