"""What must hold across the fields of a suite: the CEL rules of the CRD, and what CEL cannot say.

Each check reads a spec whose single fields are valid, and yields every error that it finds.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rocksteady.api.environment import (
    RUNNER_VARIABLES,
    plain_secret_arguments,
    plain_secrets,
)
from rocksteady.api.fields import FieldError, quote
from rocksteady.api.item_checks import INLINE_MAX_BYTES, check_items, item_size_bytes
from rocksteady.api.item_file import ENDINGS_MESSAGE, is_item_file
from rocksteady.api.model_uri import ModelUriError, parse_model_uri
from rocksteady.api.v1alpha1.evaluationsuite import (
    ANONYMISE_MESSAGE,
    BUILTIN_MESSAGE,
    CLAIM_MESSAGE,
    CREDENTIALS_MESSAGE,
    ITEM_SCHEMES,
    ONE_SOURCE_MESSAGE,
    SAFETY_MESSAGE,
    TASKS_MESSAGE,
    EvaluationSuiteSpec,
    SuiteKind,
)
from rocksteady.api.v1alpha1.for_evaluations import PREFIX, VALUE_MESSAGE
from rocksteady.api.v1alpha1.items import CheckType, Item
from rocksteady.api.v1alpha1.runner import (
    COMMAND_MESSAGE,
    DEADLINE_MESSAGE,
    IMAGE_MESSAGE,
    INSPECT_MESSAGE,
    LM_EVAL_MESSAGE,
    RunnerType,
)

SuiteCheck = Callable[[EvaluationSuiteSpec], Iterator[FieldError]]

_INLINE: Final = "spec.items.inline"
_HELPERS: Final = {CheckType.MODEL_GRADED: "judge", CheckType.SIMILARITY: "embedder"}
"""What else a check needs, as a field of the spec."""


def check_source(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Items are there for the runners that take them, from one place."""
    own_tasks = spec.runner.type in {RunnerType.LM_EVAL, RunnerType.INSPECT}
    if spec.items is None:
        if spec.runner.type is RunnerType.BUILTIN:
            yield FieldError("spec", BUILTIN_MESSAGE)
        return
    if own_tasks:
        yield FieldError("spec", TASKS_MESSAGE)
    sources = (spec.items.inline, spec.items.config_map, spec.items.uri)
    if sum(source is not None for source in sources) != 1:
        yield FieldError("spec.items", ONE_SOURCE_MESSAGE)
    elif spec.items.credentials_secret_ref is not None and spec.items.uri is None:
        yield FieldError("spec.items", CREDENTIALS_MESSAGE)
    if spec.items.anonymise and spec.items.uri is None:
        yield FieldError("spec.items", ANONYMISE_MESSAGE)


def check_file(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """A file of items has a name that says how to read it, at a place that can be read."""
    if spec.items is None:
        return
    reference, uri = spec.items.config_map, spec.items.uri
    if reference is not None and not is_item_file(reference.key):
        yield FieldError("spec.items.configMap.key", ENDINGS_MESSAGE)
    if uri is not None:
        yield from _check_uri(uri, "spec.items.uri")


def check_inline(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Items in the spec are right one by one, and not too large together."""
    items = spec.items.inline if spec.items is not None else None
    if items is None:
        return
    for index, error in check_items(items):
        where = f"{_INLINE}[{index}]"
        yield FieldError(f"{where}.{error.path}" if error.path else where, error.message)
    size = sum(map(item_size_bytes, items))
    if size > INLINE_MAX_BYTES:
        yield FieldError(
            _INLINE,
            f"must have at most {INLINE_MAX_BYTES} bytes, has {size}: write them into a file that"
            " items.configMap or items.uri names",
        )
    yield from check_helpers(spec, items)


def check_helpers(spec: EvaluationSuiteSpec, items: Sequence[Item]) -> Iterator[FieldError]:
    """Checks that need another model have one.

    Args:
        spec: Of the suite.
        items: Its items, wherever they were read.
    """
    used = {check.type for item in items for check in item.checks}
    for kind, field in _HELPERS.items():
        if kind in used and getattr(spec, field) is None:
            yield FieldError(
                "spec", f"{field} is needed by checks of type {kind}: give its baseUrl and model"
            )


def check_runner(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Each runner has what it needs, and nothing of another."""
    runner, path = spec.runner, "spec.runner"
    if (runner.type is RunnerType.LM_EVAL) != (runner.lm_eval is not None):
        yield FieldError(path, LM_EVAL_MESSAGE)
    if (runner.type is RunnerType.INSPECT) != (runner.inspect is not None):
        yield FieldError(path, INSPECT_MESSAGE)
    if runner.type is RunnerType.CUSTOM:
        if runner.image is None:
            yield FieldError(path, IMAGE_MESSAGE)
    elif runner.command is not None or runner.args is not None:
        yield FieldError(path, COMMAND_MESSAGE)


def check_variables(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Each variable is given once, by value or from a Secret, and is none of the operator's."""
    seen: set[str] = set()
    for index, entry in enumerate(spec.runner.env):
        path = f"spec.runner.env[{index}]"
        if (entry.value is None) == (entry.value_from is None):
            yield FieldError(path, VALUE_MESSAGE)
        if entry.name in seen:
            yield FieldError(f"{path}.name", f"{quote(entry.name)} is given already: keep one")
        seen.add(entry.name)
        if entry.name in RUNNER_VARIABLES:
            yield FieldError(
                f"{path}.name",
                f"{entry.name} is set by the operator for each run: leave it out, or give your"
                " variable another name",
            )


def check_harness(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """How often LMEval asks an item is said by its tasks."""
    samples = spec.sampling.samples_per_item
    if spec.runner.type is RunnerType.LM_EVAL and samples != 1:
        yield FieldError(
            "spec.sampling.samplesPerItem",
            f"must be 1 for runner LMEval, not {samples}: a task says itself how often (repeats)",
        )


def check_secrets(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Secrets are never written out."""
    runner, path = spec.runner, "spec.runner"
    yield from plain_secrets([entry.model_dump() for entry in runner.env], f"{path}.env")
    yield from plain_secret_arguments(runner.command or (), f"{path}.command")
    yield from plain_secret_arguments(runner.args or (), f"{path}.args")


def check_kind(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """Safety knows no margin."""
    lenient = spec.margin_points is not None or spec.min_score_percent is not None
    if spec.kind is SuiteKind.SAFETY and lenient:
        yield FieldError("spec", SAFETY_MESSAGE)


def check_limits(spec: EvaluationSuiteSpec) -> Iterator[FieldError]:
    """One answer fits into a run."""
    limits = spec.limits
    if limits.item_timeout_seconds > limits.deadline_seconds:
        yield FieldError("spec.limits", DEADLINE_MESSAGE)


SUITE_CHECKS: Final[Sequence[SuiteCheck]] = (
    check_source,
    check_file,
    check_inline,
    check_runner,
    check_variables,
    check_harness,
    check_secrets,
    check_kind,
    check_limits,
)
"""All checks, in the order in which their errors are reported."""


def _check_uri(text: str, path: str) -> Iterator[FieldError]:
    try:
        uri = parse_model_uri(text)
    except ModelUriError as error:
        yield FieldError(path, str(error).replace("model.credentials", "items.credentials"))
        return
    if uri.scheme not in ITEM_SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in ITEM_SCHEMES)
        yield FieldError(path, f"items cannot come from an image: use one of {known}")
    elif uri.scheme == "pvc" and not text.startswith(f"pvc://{PREFIX}"):
        yield FieldError(path, CLAIM_MESSAGE)
    elif uri.scheme != "oci" and not is_item_file(uri.path.partition("?")[0]):
        yield FieldError(path, f"the name of the file {ENDINGS_MESSAGE}")
