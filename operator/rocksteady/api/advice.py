"""What is allowed in a spec but may surprise: warnings of `lint`, and of `status.warnings`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rocksteady.api.environment import plain_secret_arguments, plain_secrets
from rocksteady.api.fields import FieldError
from rocksteady.api.model_uri import try_model_uri
from rocksteady.api.pod_template import plain_secrets_of_template, unfrozen_config_maps
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec

Advice = Callable[[LLMDeploymentSpec], Iterator[FieldError]]

HOW_TO_PIN: Final = {
    "hf": "add the commit, as in hf://organisation/name@<commit>",
    "oci": "add the digest, as in oci://repository@sha256:<digest>",
    "https": "add the checksum, as in https://host/file#sha256=<digest>",
    "s3": "a bucket cannot be pinned, so write each version once, under a prefix of its own",
    "gs": "a bucket cannot be pinned, so write each version once, under a prefix of its own",
    "pvc": "a claim cannot be pinned, so write each version once, under a path of its own",
}
"""By scheme. `image` is missing: it is as pinned as the image of the engine."""
_SPLIT: Final = "a checksum covers one part only, so name one file, or use hf://...@<commit>"

PROVING_SECONDS: Final = 105
"""How long harm must last to be proven: evidence grows by one nat in 15 s at most, and needs 5.3 to
5.7 (docs/decisions.md)."""


def advise_pinning(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """A model whose bytes can change under the same name cannot be rolled back to."""
    yield from _advise_uri(spec.model.uri, "spec.model.uri")
    for index, adapter in enumerate(spec.model.adapters):
        yield from _advise_uri(adapter.uri, f"spec.model.adapters[{index}].uri")


def advise_image(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """A tag can be moved to another image."""
    yield from pin_image(spec.engine.image, "spec.engine.image")


def pin_image(image: str, path: str) -> Iterator[FieldError]:
    """How to pin an image whose tag can be moved."""
    if "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    which = "its newest version is pulled" if tag in {"", "latest"} else f"tag {tag} can be moved"
    yield FieldError(path, f"not pinned: {which}; add the digest, as in name@sha256:<digest>")


def advise_unused(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Fields that are checked and kept, but do nothing."""
    if spec.autoscaling is not None:
        yield FieldError(
            "spec.autoscaling",
            f"not acted on yet: minReplicas ({spec.autoscaling.min_replicas}) are run",
        )
    if spec.guard is not None:
        yield FieldError("spec.guard", "not acted on yet")
    if spec.model.cache is not None and spec.model.cache.claim_name and spec.model.cache.size_limit:
        yield FieldError(
            "spec.model.cache.sizeLimit", "bounds an emptyDir only: claimName has its own size"
        )


def advise_secrets(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Whoever may read the LLMDeployment reads a secret that stands in it."""
    yield from plain_secret_arguments(spec.engine.command or (), "spec.engine.command")
    yield from plain_secret_arguments(spec.engine.args, "spec.engine.args")
    yield from plain_secrets(spec.engine.env, "spec.engine.env")
    yield from plain_secrets_of_template(spec.pod_template, "spec.podTemplate")


def advise_config_maps(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """What a revision does not hold can change under it."""
    yield from unfrozen_config_maps(spec.pod_template, "spec.podTemplate")


def advise_steps(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Steps that are over before harm can be proven let a bad revision pass."""
    rollout = spec.rollout
    if spec.slos is None or rollout is None:
        return
    seconds = len(rollout.steps or ()) * rollout.min_step_seconds
    if rollout.steps is not None and seconds < PROVING_SECONDS:
        yield FieldError(
            "spec.rollout.minStepSeconds",
            f"all steps may be over in {seconds} s, and harm takes {PROVING_SECONDS} s at least to"
            " be proven: a bad revision may reach the bake; make steps longer, or give more",
        )


ADVICE: Final[Sequence[Advice]] = (
    advise_pinning,
    advise_image,
    advise_secrets,
    advise_config_maps,
    advise_unused,
    advise_steps,
)
"""All advice, in the order in which it is reported."""


def _advise_uri(text: str, path: str) -> Iterator[FieldError]:
    uri = try_model_uri(text)
    if uri is not None and uri.scheme == "https" and "?" in uri.path:
        yield FieldError(
            path,
            "the query is stored in the spec in plain text, and a signed one expires: leave it"
            " out, and put the value of an Authorization header into the Secret that"
            " model.credentialsSecretRef names, under the key HTTPS_AUTHORIZATION",
        )
    if uri is not None and not uri.pinned and uri.scheme in HOW_TO_PIN:
        split = uri.scheme == "https" and uri.is_split
        yield FieldError(path, f"not pinned: {_SPLIT if split else HOW_TO_PIN[uri.scheme]}")
