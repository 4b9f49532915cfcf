"""What of a spec cannot work with its engine, found before anything is applied.

The API server's own rules see one field at a time; these see a URI beside an engine. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.api.model_uri import ModelUriError, parse_model_uri
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.conventions import MODEL_SERVER_CONTAINER
from rocksteady.engines.accelerators import AcceleratorError
from rocksteady.engines.base import EngineDefinition, flag_names
from rocksteady.engines.registry import ENGINES
from rocksteady.resources.labels import owned_labels
from rocksteady.resources.merge import MergeError
from rocksteady.resources.model_volume import FETCHED_SCHEMES, file_name
from rocksteady.resources.pod_template import RenderContext, build_pod_template

_GGUF: Final = ".gguf"


@dataclass(frozen=True)
class SpecProblem:
    """One thing that is wrong with a spec.

    Attributes:
        field: Where, for example `spec.model.uri`.
        message: What is wrong and what would be right.
        fatal: True when the spec cannot be rendered or its pods could never serve; False for a
            warning.
    """

    field: str
    message: str
    fatal: bool = True


def find_spec_problems(spec: LLMDeploymentSpec) -> tuple[SpecProblem, ...]:
    """All problems of a spec, in the order of its fields; empty when there are none."""
    definition = ENGINES[spec.engine.type]
    checks: tuple[Callable[[LLMDeploymentSpec, EngineDefinition], Iterator[SpecProblem]], ...] = (
        _model_name,
        _model_uri,
        _adapters,
        _chat_template,
        _unused_fields,
        _reserved_flags,
        _rendering,
        _labels,
    )
    return tuple(problem for check in checks for problem in check(spec, definition))


def _model_name(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """A name that the engine would read as something else."""
    for character in definition.refused_in_names:
        if character in spec.model.name:
            yield SpecProblem(
                "spec.model.name",
                f"engine {spec.engine.type.value} reads what follows {character!r} as the name of a"
                " LoRA adapter: choose a name without it",
            )


def _model_uri(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """The model is what the engine loads: one GGUF file, or a folder."""
    field = "spec.model.uri"
    try:
        uri = parse_model_uri(spec.model.uri)
    except ModelUriError as error:
        yield SpecProblem(field, str(error))
        return
    name, engine = file_name(uri), spec.engine.type.value
    if definition.loads_file:
        if uri.scheme == "hf" and name is None:
            yield SpecProblem(
                field,
                f"engine {engine} loads one GGUF file: name it, as in"
                f" hf://{uri.location}/model-q4_k_m{_GGUF}@<commit>",
            )
        elif name is not None and not name.endswith(_GGUF):
            yield SpecProblem(field, f"engine {engine} loads a {_GGUF} file, but {name} is none")
    elif definition.fetched_schemes and name is not None and not name.endswith(_GGUF):
        yield SpecProblem(
            field,
            f"engine {engine} loads a folder (config.json, tokenizer and weights) or a {_GGUF}"
            f" file, but {name} is one file of another kind: name its folder",
        )


def _adapters(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """Adapters are folders, for engines that serve them, under names of their own."""
    if spec.model.adapters and not definition.serves_adapters:
        able = ", ".join(sorted(kind for kind, one in ENGINES.items() if one.serves_adapters))
        yield SpecProblem(
            "spec.model.adapters",
            f"engine {spec.engine.type.value} serves no LoRA adapters; these do: {able}",
        )
    for index, adapter in enumerate(spec.model.adapters):
        field = f"spec.model.adapters[{index}]"
        if adapter.name == spec.model.name:
            yield SpecProblem(f"{field}.name", f"{adapter.name!r} is the name of the model itself")
        try:
            uri = parse_model_uri(adapter.uri)
        except ModelUriError as error:
            yield SpecProblem(f"{field}.uri", str(error))
            continue
        if uri.scheme != "image" and file_name(uri) is not None:
            yield SpecProblem(
                f"{field}.uri",
                f"an adapter is a folder (adapter_config.json beside its weights), but"
                f" {adapter.uri.partition('?')[0]} names a file",
            )


def _chat_template(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """Only some engines take a Jinja template from a file."""
    if spec.model.chat_template is not None and not definition.takes_chat_template:
        yield SpecProblem(
            "spec.model.chatTemplate",
            f"engine {spec.engine.type.value} takes no Jinja chat template: leave it out, and"
            " change the template in the model's own files",
        )


def _unused_fields(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """Fields that have no effect, which their author cannot have meant."""
    texts = (spec.model.uri, *(adapter.uri for adapter in spec.model.adapters))
    fetches = any(text.partition("://")[0] in FETCHED_SCHEMES for text in texts)
    if spec.model.credentials_secret_ref is not None and not fetches:
        yield SpecProblem(
            "spec.model.credentialsSecretRef",
            "nothing is fetched with it: for oci:// put a pull secret into"
            " podTemplate.spec.imagePullSecrets",
            fatal=False,
        )
    if spec.model.cache is not None and not fetches and not definition.caches:
        yield SpecProblem(
            "spec.model.cache", "nothing is fetched, so nothing is cached", fatal=False
        )


def _reserved_flags(spec: LLMDeploymentSpec, definition: EngineDefinition) -> Iterator[SpecProblem]:
    """Flags that probes, Services and clients rely on."""
    for name in sorted(flag_names(spec.engine.args) & definition.reserved_flags):
        yield SpecProblem(
            "spec.engine.args",
            f"{name} is set by Rocksteady, since probes, Services and clients rely on it:"
            " leave it out (model.name and model.uri say what is served)",
        )


def _rendering(spec: LLMDeploymentSpec, _: EngineDefinition) -> Iterator[SpecProblem]:
    """What only shows when the pod template is built."""
    context = RenderContext(namespace="any", name="any", revision="0" * 10, fetch_image="any")
    try:
        template = build_pod_template(spec, context)
    except ModelUriError:
        return  # said above, with its field
    except AcceleratorError as error:
        yield SpecProblem("spec.resources.limits", str(error))
    except MergeError as error:
        yield SpecProblem(f"spec.{error.path}", str(error))
    else:
        yield from _imageless_containers(template)


def _imageless_containers(template: dict[str, Any]) -> Iterator[SpecProblem]:
    """A container that the podTemplate adds by mistyping the name of the one it means."""
    for container in template.get("spec", {}).get("containers", []):
        if not container.get("image"):
            yield SpecProblem(
                "spec.podTemplate.spec.containers",
                f"container {container['name']!r} has no image; the container of the engine is"
                f" named {MODEL_SERVER_CONTAINER!r}",
            )


def _labels(spec: LLMDeploymentSpec, _: EngineDefinition) -> Iterator[SpecProblem]:
    """Labels that selectors rely on keep their value, whatever the podTemplate says."""
    metadata = spec.pod_template.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    ours = owned_labels("any", "any", "any")
    for name in sorted(set(labels if isinstance(labels, dict) else {}) & set(ours)):
        yield SpecProblem(
            f"spec.podTemplate.metadata.labels[{name}]",
            "ignored: Services, budgets and policies select by this label",
            fatal=False,
        )
