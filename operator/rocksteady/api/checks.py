"""What must hold across fields: the CEL rules of the CRD, and what CEL cannot say.

Each check reads a spec whose single fields are valid, and yields every error that it finds.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from rocksteady.api.environment import check_env
from rocksteady.api.evaluation_checks import check_evaluations
from rocksteady.api.fields import FieldError, format_path, quote
from rocksteady.api.model_uri import ModelUri, ModelUriError, parse_model_uri
from rocksteady.api.pod_template import check_pod_template
from rocksteady.api.quantity import parse_quantity
from rocksteady.api.v1alpha1.llmdeployment import (
    ADAPTERS_MESSAGE,
    CHAT_TEMPLATE_MESSAGE,
    LLMDeploymentSpec,
)
from rocksteady.api.v1alpha1.policy import MetricGate
from rocksteady.api.v1alpha1.serving import ADAPTER_ENGINES, CHAT_TEMPLATE_ENGINES, EngineType

Check = Callable[[LLMDeploymentSpec], Iterator[FieldError]]


def check_replicas(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Replicas have one owner; the bounds of autoscaling are in order."""
    if spec.replicas is not None and spec.autoscaling is not None:
        yield FieldError("spec", "give either replicas or autoscaling, not both")
    scaling = spec.autoscaling
    if scaling is not None and scaling.min_replicas > scaling.max_replicas:
        yield FieldError(
            "spec.autoscaling",
            f"minReplicas must not be greater than maxReplicas ({scaling.max_replicas}),"
            f" is {scaling.min_replicas}",
        )


def check_engine(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """A custom engine says where it listens; the others know, and how they are started."""
    engine = spec.engine
    if engine.type is EngineType.CUSTOM:
        if engine.port is None:
            yield FieldError(
                "spec.engine",
                "engine type custom needs port: the port that the server listens on",
            )
        return
    own = {
        "command": engine.command,
        "port": engine.port,
        "readinessPath": engine.readiness_path,
    }
    given = [name for name, value in own.items() if value is not None]
    if given:
        yield FieldError(
            "spec.engine",
            "command, port and readinessPath are for engine type custom; use args for the other"
            f" engines, and leave out {', '.join(given)}",
        )


def check_model_uri(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """The model's URI can be read."""
    _, error = _parse(spec.model.uri, "spec.model.uri")
    yield from error


def check_adapters(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Adapters are folders of their own, each with its own name, for an engine that can."""
    adapters = spec.model.adapters
    if adapters and spec.engine.type not in ADAPTER_ENGINES:
        yield FieldError("spec", ADAPTERS_MESSAGE)
    if any(adapter.name == spec.model.name for adapter in adapters):
        yield FieldError(
            "spec.model",
            "an adapter must not be named like the model: clients tell them apart by name,"
            f" rename adapter {quote(spec.model.name)}",
        )
    names = [adapter.name for adapter in adapters]
    yield from _duplicates(names, "spec.model.adapters", "an adapter")
    for index, adapter in enumerate(adapters):
        yield from _check_adapter_uri(adapter.uri, f"spec.model.adapters[{index}]")


def check_chat_template(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Only some engines take a Jinja template from a file."""
    if spec.model.chat_template is not None and spec.engine.type not in CHAT_TEMPLATE_ENGINES:
        yield FieldError("spec", CHAT_TEMPLATE_MESSAGE)


def check_environment(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Environment variables are as in a Kubernetes container, each given once."""
    yield from check_env(spec.engine.env, "spec.engine.env")


def check_overrides(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """The partial pod template has the form of one."""
    yield from check_pod_template(spec.pod_template, "spec.podTemplate")


def check_resources(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Requests fit into limits; devices are whole, with one number for both.

    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    #extended-resources
    """
    limits = {name: parse_quantity(value) for name, value in spec.resources.limits.items()}
    requests = {name: parse_quantity(value) for name, value in spec.resources.requests.items()}
    for group, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if _is_device(name) and amount != int(amount):
                path = format_path(("spec", "resources", group, name))
                yield FieldError(path, "must be a whole number: devices are never shared")
    for name, amount in requests.items():
        yield from _check_request(name, amount, limits.get(name))


def check_rollout(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Steps ascend; own gates have bounds, in order, and names that tell them apart."""
    if spec.rollout is None:
        return
    weights = [step.weight_percent for step in spec.rollout.steps or ()]
    if any(later <= earlier for earlier, later in pairwise(weights)):
        yield FieldError(
            "spec.rollout",
            "steps must ascend, each weightPercent greater than the one before, not"
            f" {', '.join(map(str, weights))}",
        )
    gates = spec.rollout.metrics
    yield from _duplicates([gate.name for gate in gates], "spec.rollout.metrics", "a metric")
    for index, gate in enumerate(gates):
        yield from _check_gate(gate, f"spec.rollout.metrics[{index}]")


CHECKS: Final[Sequence[Check]] = (
    check_replicas,
    check_engine,
    check_model_uri,
    check_adapters,
    check_chat_template,
    check_environment,
    check_resources,
    check_overrides,
    check_rollout,
    check_evaluations,
)
"""All checks, in the order in which their errors are reported."""


def _parse(text: str, path: str) -> tuple[ModelUri | None, list[FieldError]]:
    try:
        return parse_model_uri(text), []
    except ModelUriError as error:
        return None, [FieldError(path, str(error))]


def _check_adapter_uri(text: str, path: str) -> Iterator[FieldError]:
    uri, error = _parse(text, f"{path}.uri")
    if uri is None:
        yield from error
    elif uri.scheme == "image":
        yield FieldError(
            path,
            "an adapter cannot be baked into the engine's image: give it a uri of its own",
        )
    elif uri.file_name is not None:
        yield FieldError(
            f"{path}.uri",
            "names a single file, and an adapter is a folder (adapter_config.json beside its"
            " weights): name the folder",
        )


def _duplicates(names: Sequence[str], path: str, what: str) -> Iterator[FieldError]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield FieldError(
                f"{path}[{index}].name", f"{what} named {quote(name)} is given already: rename one"
            )


def _is_device(name: str) -> bool:
    """An extended resource, which is handed out whole and never shared."""
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _check_request(name: str, amount: Decimal, limit: Decimal | None) -> Iterator[FieldError]:
    path = format_path(("spec", "resources", "requests", name))
    if _is_device(name) and amount != limit:
        yield FieldError(path, "must equal limits: devices are never shared; leave out the request")
    elif limit is not None and amount > limit:
        yield FieldError(path, "must not be greater than limits: raise the limit")


def _check_gate(gate: MetricGate, path: str) -> Iterator[FieldError]:
    bounds: tuple[Any, ...] = (gate.min_value, gate.max_value, gate.tolerance_percent)
    if all(bound is None for bound in bounds):
        yield FieldError(path, "give at least one of minValue, maxValue and tolerancePercent")
    if gate.min_value is None or gate.max_value is None:
        return
    if Decimal(gate.min_value) > Decimal(gate.max_value):
        yield FieldError(
            path,
            f"minValue must not be greater than maxValue ({gate.max_value}), is {gate.min_value}",
        )
