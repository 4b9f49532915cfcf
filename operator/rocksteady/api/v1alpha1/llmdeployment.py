"""The LLMDeployment: one served model and what a change of it must prove."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator

from rocksteady.api.v1alpha1.policy import Evaluation, Guard, Rollout, Slos
from rocksteady.api.v1alpha1.schema import ApiModel, DnsLabel, FreeObject, cel, crd
from rocksteady.api.v1alpha1.serving import Autoscaling, Engine, Model, Resources, Routing
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus


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
                    " || self.engine.type in ['vllm', 'sglang']",
                    "model.adapters need engine type vllm or sglang",
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
    """Name of a metrics source of the operator's configuration. Not acted on yet."""
    slos: Slos | None = None
    rollout: Rollout | None = None
    evaluations: Annotated[
        tuple[Evaluation, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Evaluation suites that a revision must pass. Not acted on yet."""
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
                    "self.metadata.name.size() <= 40"
                    " && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                    "metadata.name must be at most 40 characters, lower case letters, digits and"
                    " '-', and start with a letter: Services are named after it",
                )
            ]
        )
    )

    spec: LLMDeploymentSpec
    status: LLMDeploymentStatus = LLMDeploymentStatus()
