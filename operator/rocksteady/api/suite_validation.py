"""Whether an EvaluationSuite is valid: one answer for the reconciler, for `lint` and for tests.

Pure. As with an LLMDeployment, the CEL rules of the CRD are checked again, since `lint` has no API
server, together with what CEL cannot say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rocksteady.api.fields import FieldError
from rocksteady.api.item_file import read_items
from rocksteady.api.reading import read_suite
from rocksteady.api.suite_advice import SUITE_ADVICE
from rocksteady.api.suite_checks import SUITE_CHECKS, check_helpers
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuite
from rocksteady.api.v1alpha1.items import Item


@dataclass(frozen=True)
class SuiteValidation:
    """What is to be said about one suite.

    Attributes:
        errors: Why it cannot be run; empty when it can.
        warnings: What is allowed but may surprise; empty when there are errors in single fields.
        suite: The manifest as a model, with an empty status. None when there are errors.
        items: As they were read, in the order in which they were written. None when there are
            errors, and when they are not here: the runner has its own, only a run can read them,
            or the content of their ConfigMap was not given.
    """

    errors: tuple[FieldError, ...]
    warnings: tuple[FieldError, ...] = ()
    suite: EvaluationSuite | None = None
    items: tuple[Item, ...] | None = None


def validate_suite(
    manifest: Mapping[str, Any], *, strict: bool, file: bytes | None = None
) -> SuiteValidation:
    """Check an EvaluationSuite as it was written or as the API server returned it.

    Args:
        manifest: The whole object, as JSON has it: no dates, no cycles.
        strict: True for `lint`: unknown fields are errors, as with kubectl. False for the
            reconciler: they are ignored, since a newer API version may know them.
        file: Content of the ConfigMap key that `items.configMap` names; None: not known, and then
            its items are not checked.
    """
    suite, errors = read_suite(manifest, strict=strict)
    if suite is None:
        return SuiteValidation(tuple(errors))
    spec = suite.spec
    errors += [error for check in SUITE_CHECKS for error in check(spec)]
    items = spec.items.inline if spec.items is not None else None
    if file is not None and spec.items is not None and spec.items.config_map is not None:
        read = read_items(file, spec.items.config_map.key)
        errors += [FieldError("spec.items.configMap", text) for text in read.errors]
        errors += check_helpers(spec, read.items)
        items = read.items
    warnings = tuple(warning for advise in SUITE_ADVICE for warning in advise(spec))
    if errors:
        return SuiteValidation(tuple(errors), warnings)
    return SuiteValidation((), warnings, suite, items)
