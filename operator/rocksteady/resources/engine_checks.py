"""What of a spec cannot work with its engine, found before anything is applied.

The rules of `api.checks` hold for every engine; these see a field beside the engine that it is for,
and what the spec renders to. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rocksteady.api.advice import Advice
from rocksteady.api.checks import Check
from rocksteady.api.fields import FieldError
from rocksteady.api.model_uri import GGUF, ModelUri, try_model_uri
from rocksteady.api.pod_template import containers_of
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.conventions import MODEL_SERVER_CONTAINER
from rocksteady.engines.accelerators import AcceleratorError
from rocksteady.engines.base import Loads, flag_names
from rocksteady.engines.registry import ENGINES
from rocksteady.resources.labels import owned_labels
from rocksteady.resources.merge import MergeError
from rocksteady.resources.model_volume import FETCHED_SCHEMES
from rocksteady.resources.pod_template import RenderContext, build_pod_template


def check_model_name(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """A name that the engine would read as something else."""
    rule = ENGINES[spec.engine.type].names
    if rule is not None and rule.pattern.fullmatch(spec.model.name) is None:
        yield FieldError("spec.model.name", f"engine {spec.engine.type} {rule.problem}")


def check_model_files(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """The model is what the engine loads: one GGUF file, or a folder."""
    uri = try_model_uri(spec.model.uri)
    problem = _PROBLEMS[ENGINES[spec.engine.type].loads](uri) if uri is not None else None
    if problem is not None:
        yield FieldError("spec.model.uri", f"engine {spec.engine.type} {problem}")


def _no_file(uri: ModelUri) -> str | None:
    if uri.scheme == "hf" and uri.file_name is None:
        return (
            f"loads one {GGUF} file: name it, as in hf://{uri.location}/model-q4_k_m{GGUF}@<commit>"
        )
    if uri.file_name is not None and not uri.is_gguf:
        return f"loads one {GGUF} file, but {uri.file_name} is none"
    return None


def _no_folder(uri: ModelUri) -> str | None:
    if uri.file_name is None:
        return None
    return (
        f"loads a folder (config.json, tokenizer and weights), but {uri.file_name} is one file:"
        f" name its folder{_OVER}"
    )


def _neither_folder_nor_file(uri: ModelUri) -> str | None:
    if uri.file_name is None or uri.is_gguf:
        return None
    return (
        f"loads a folder (config.json, tokenizer and weights) or a {GGUF} file, but"
        f" {uri.file_name} is one file of another kind: name its folder{_OVER}"
    )


_OVER: Final = " (https names single files only)"
_PROBLEMS: Final[Mapping[Loads, Callable[[ModelUri], str | None]]] = {
    Loads.FILE: _no_file,
    Loads.FOLDER: _no_folder,
    Loads.FOLDER_OR_FILE: _neither_folder_nor_file,
    Loads.ANYTHING: lambda _: None,
}


def check_reserved_flags(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Flags that probes, Services and clients rely on."""
    reserved = ENGINES[spec.engine.type].reserved_flags
    for name in sorted(flag_names(spec.engine.args) & reserved):
        yield FieldError(
            "spec.engine.args",
            f"{name} is set by Rocksteady, since probes, Services and clients rely on it:"
            " leave it out (model.name and model.uri say what is served)",
        )


def check_env_of_probes(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Variables that the probes follow stand where the probes are made."""
    followed = ENGINES[spec.engine.type].env_of_probes
    for where, container in containers_of(spec.pod_template, "spec.podTemplate"):
        env = container.get("env") if isinstance(container, dict) else None
        for index, entry in enumerate(env if isinstance(env, list) else ()):
            name = str(entry.get("name")) if isinstance(entry, dict) else ""
            if container.get("name") == MODEL_SERVER_CONTAINER and name in followed:
                yield FieldError(
                    f"{where}.env[{index}]",
                    f"put {name} into spec.engine.env: with it the server has to be probed in"
                    " another way, and here the probes do not see it",
                )


ENGINE_CHECKS: Final[Sequence[Check]] = (
    check_model_name,
    check_model_files,
    check_reserved_flags,
    check_env_of_probes,
)
"""All checks that need no rendering, in the order in which their errors are reported."""


def check_rendering(spec: LLMDeploymentSpec) -> list[FieldError]:
    """What only shows when the pod template is built.

    Args:
        spec: One in which all other checks find nothing, so that it can be rendered.
    """
    context = RenderContext(name="any", revision="0" * 10, fetch_image="any")
    try:
        template = build_pod_template(spec, context)
    except AcceleratorError as error:
        return [FieldError("spec.resources.limits", str(error))]
    except MergeError as error:
        return [FieldError(f"spec.{error.path}", error.problem)]
    return list(_wrong_containers(template.get("spec", {}).get("containers", [])))


def _wrong_containers(containers: Sequence[Any]) -> Iterator[FieldError]:
    """What is served from is gone, or stands beside one whose name was mistyped."""
    path = "spec.podTemplate.spec.containers"
    if all(container["name"] != MODEL_SERVER_CONTAINER for container in containers):
        yield FieldError(
            path,
            f"no container {MODEL_SERVER_CONTAINER!r} is left: keep it, since it serves the model",
        )
    for container in containers:
        if not container.get("image"):
            yield FieldError(
                path,
                f"container {container['name']!r} has no image; the container of the engine is"
                f" named {MODEL_SERVER_CONTAINER!r}",
            )


def advise_unused_for_engine(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Fields that have no effect, which their author cannot have meant."""
    texts = (spec.model.uri, *(adapter.uri for adapter in spec.model.adapters))
    fetches = any(text.partition("://")[0] in FETCHED_SCHEMES for text in texts)
    if spec.model.credentials_secret_ref is not None and not fetches:
        yield FieldError(
            "spec.model.credentialsSecretRef",
            "nothing is fetched with it: for oci:// put a pull secret into"
            " podTemplate.spec.imagePullSecrets",
        )
    if spec.model.cache is not None and not fetches and not ENGINES[spec.engine.type].caches:
        yield FieldError("spec.model.cache", "nothing is fetched, so nothing is cached")


def advise_labels(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Labels that selectors rely on keep their value, whatever the podTemplate says."""
    metadata = spec.pod_template.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    ours = owned_labels("any", "any", "any")
    for name in sorted(set(labels if isinstance(labels, dict) else {}) & set(ours)):
        yield FieldError(
            f"spec.podTemplate.metadata.labels[{name}]",
            "ignored: Services, budgets and policies select by this label",
        )


ENGINE_ADVICE: Final[Sequence[Advice]] = (advise_unused_for_engine, advise_labels)
"""All advice that needs to know the engine or what is rendered."""
