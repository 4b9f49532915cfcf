"""What is allowed in a suite but may surprise: warnings of `lint`, and of `status.warnings`."""

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from rocksteady.api.advice import HOW_TO_PIN, pin_image
from rocksteady.api.fields import FieldError
from rocksteady.api.item_checks import item_size_bytes
from rocksteady.api.model_uri import try_model_uri
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec, SuiteKind
from rocksteady.api.v1alpha1.runner import RunnerType

SuiteAdvice = Callable[[EvaluationSuiteSpec], Iterator[FieldError]]

MARGIN_POINTS: Final = Decimal(2)
"""Margin when none is given: the smallest that a suite of usual size can show."""
_UNSEEN: Final = "until then results are compared by what is written here only"
_Z_SQUARED: Final = 1.6449**2
"""Of a one-sided interval at 95 %. Several looks make it wider, so this is what is needed at
least."""
_LAST_APPLIED_MAX_BYTES: Final = 262_144
"""kubectl apply keeps a copy in an annotation, and these may have 256 KiB.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and
kubernetes/apimachinery:pkg/api/validation/objectmeta.go (TotalAnnotationSizeLimitB).
"""


def items_for_margin(margin_points: Decimal) -> int | None:
    """Fewest items that can show a margin, when no answer of the canary differs from stable's.

    With n pairs that all agree the lower bound of the difference is -z^2 / (n + z^2).

    Args:
        margin_points: Percentage points, 0 to 100.

    Returns:
        None when no number of items is enough.

    Source: Tango, Statistics in Medicine 17 (1998), 891-908, with no discordant pair.
    """
    margin = float(margin_points) / 100
    return math.ceil(_Z_SQUARED * (1 - margin) / margin) if margin > 0 else None


def margin_for_items(count: int) -> Decimal:
    """Smallest margin in percentage points that so many items can show; see `items_for_margin`.

    Rounded up to a tenth.

    >>> margin_for_items(24), items_for_margin(Decimal(2))
    (Decimal('10.2'), 133)
    """
    return Decimal(math.ceil(1000 * _Z_SQUARED / (count + _Z_SQUARED))) / 10


def advise_margin(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """A suite that is too small for its margin never passes, not even an unchanged model."""
    items = spec.items.inline if spec.items is not None else None
    if spec.kind is not SuiteKind.QUALITY or items is None:
        return
    margin = Decimal(spec.margin_points) if spec.margin_points is not None else MARGIN_POINTS
    needed, samples = items_for_margin(margin), len(items)
    if needed is None or samples < needed:
        enough = "no number of items is enough" if needed is None else f"{needed} items are needed"
        yield FieldError(
            "spec.marginPoints",
            f"{samples} items cannot show a margin of {margin} points, even when no answer"
            f" changes: {enough}, or a margin of {margin_for_items(samples)} points or more",
        )


def advise_pins(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Results of one content hash are compared, and what changes under the same name is not in it.

    No warning about the image of runner Builtin: it is the operator's own, and releases with it.
    """
    uri = try_model_uri(spec.items.uri or "") if spec.items is not None else None
    if uri is not None and not uri.pinned and uri.scheme in HOW_TO_PIN:
        yield FieldError("spec.items.uri", f"not pinned: {HOW_TO_PIN[uri.scheme]}; {_UNSEEN}")
    image = spec.runner.image
    if image is not None:
        for error in pin_image(image, "spec.runner.image"):
            yield FieldError(error.path, f"{error.message}; {_UNSEEN}")
    elif spec.runner.type in {RunnerType.LM_EVAL, RunnerType.INSPECT}:
        yield FieldError(
            "spec.runner.image",
            "absent: a newer operator may bring tasks that ask or judge otherwise; name an image by"
            f" its digest. {_UNSEEN.capitalize()}",
        )


def advise_credentials(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """What is mounted needs no credentials of the suite."""
    uri = try_model_uri(spec.items.uri or "") if spec.items is not None else None
    if uri is None or spec.items is None or spec.items.credentials_secret_ref is None:
        return
    if uri.scheme in {"pvc", "oci"}:
        yield FieldError(
            "spec.items.credentialsSecretRef",
            f"is not used: {uri.scheme}:// is mounted by the kubelet, not fetched; leave it out",
        )


def advise_samples(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """The same question at temperature 0 gets the same answer, nearly always."""
    sampling = spec.sampling
    if sampling.samples_per_item > 1 and Decimal(sampling.temperature) == 0:
        yield FieldError(
            "spec.sampling.samplesPerItem",
            f"at temperature 0 {sampling.samples_per_item} samples cost as much as so many items"
            " and say little more than one: raise the temperature, or write more items",
        )


def advise_size(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """A large suite cannot be applied as people are used to."""
    items = (spec.items.inline if spec.items is not None else None) or ()
    size = sum(map(item_size_bytes, items))
    if size > _LAST_APPLIED_MAX_BYTES:
        yield FieldError(
            "spec.items.inline",
            f"has {size} bytes, more than kubectl apply can keep in an annotation: use kubectl"
            " apply --server-side, or write the items into a file",
        )


SUITE_ADVICE: Final[Sequence[SuiteAdvice]] = (
    advise_pins,
    advise_credentials,
    advise_margin,
    advise_samples,
    advise_size,
)
"""All advice, in the order in which it is reported."""
