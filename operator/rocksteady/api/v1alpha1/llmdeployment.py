"""The LLMDeployment: one served model and what a change of it must prove."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, field_validator

from rocksteady.api.v1alpha1.policy import Evaluation, Guard, Rollout, Slos
from rocksteady.api.v1alpha1.schema import ApiModel, DnsLabel, FreeObject, cel, crd
from rocksteady.api.v1alpha1.serving import (
    ADAPTER_ENGINES,
    CHAT_TEMPLATE_ENGINES,
    Autoscaling,
    Engine,
    EngineType,
    Model,
    Resources,
    Routing,
)
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.conventions import NAME_MAX_LENGTH, NAME_PATTERN


def _engine_is_one_of(engines: Sequence[EngineType]) -> str:
    return f"self.engine.type in {[engine.value for engine in engines]}"


def _any_of(engines: Sequence[EngineType]) -> str:
    return f"{', '.join(engines[:-1])} or {engines[-1]}"


ADAPTERS_MESSAGE: Final = f"model.adapters need engine type {_any_of(ADAPTER_ENGINES)}"
CHAT_TEMPLATE_MESSAGE: Final = (
    f"model.chatTemplate needs engine type {_any_of(CHAT_TEMPLATE_ENGINES)}: the other engines take"
    " the template of the model's own files only"
)


class LLMDeploymentSpec(ApiModel):
    """The wanted state."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    "!(has(self.replicas) && has(self.autoscaling))",
                    "give either replicas or autoscaling, not both",
                ),
                cel(
                    "!has(self.model.adapters) || self.model.adapters.size() == 0"
                    f" || {_engine_is_one_of(ADAPTER_ENGINES)}",
                    ADAPTERS_MESSAGE,
                ),
                cel(
                    f"!has(self.model.chatTemplate) || {_engine_is_one_of(CHAT_TEMPLATE_ENGINES)}",
                    CHAT_TEMPLATE_MESSAGE,
                ),
            ]
        )
    )

    model: Model
    engine: Engine
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Wanted model servers; absent: 1, or what `autoscaling` says."""
    autoscaling: Autoscaling | None = None
    resources: Resources = Resources()
    pod_template: FreeObject = {}
    """A partial pod template, merged last over what the operator renders."""
    routing: Routing = Routing()
    metrics_source: DnsLabel | None = None
    """Name of a metrics source of the operator's configuration; absent: `default`."""
    slos: Slos | None = None
    rollout: Rollout | None = None
    evaluations: Annotated[
        tuple[Evaluation, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Evaluation suites that a revision must pass."""
    guard: Guard | None = None

    @field_validator("pod_template")
    @classmethod
    def _drop_emptied_parts(cls, template: dict[str, Any]) -> dict[str, Any]:
        """A part that server-side apply emptied is null; merged, it would remove what we render."""
        return {key: part for key, part in template.items() if part is not None}


class LLMDeployment(ApiModel):
    """A language model in production: its servers, its routes, its revisions."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    f"self.metadata.name.size() <= {NAME_MAX_LENGTH}"
                    f" && self.metadata.name.matches('{NAME_PATTERN}')",
                    f"metadata.name must be at most {NAME_MAX_LENGTH} characters, lower case"
                    " letters, digits and '-', and start with a letter: Services are named after"
                    " it",
                )
            ]
        )
    )

    spec: LLMDeploymentSpec
    status: LLMDeploymentStatus = LLMDeploymentStatus()
