"""What a run of a suite tells: the JSON in the termination message of its container.

The contract between the operator and every runner, those of users too. A run asks one revision a
part of a suite's items; docs/reference/evaluation-runners.md says how it is started and what it
may write.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from rocksteady.api.v1alpha1.schema import ApiModel

MESSAGE_MAX_BYTES: Final = 4096
"""Of a termination message: the kubelet keeps no more (Kubernetes, "Determine the Reason for Pod
Failure")."""

Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class RunOutcome(StrEnum):
    """How a run ended."""

    COMPLETED = "Completed"
    """Every item of the part has a result, if only that nothing answered."""
    ERROR = "Error"
    """Nothing can be said of the model: the items could not be read, the deadline was over, ..."""


class Amounts(ApiModel):
    """What answered items took, added up: enough for a mean and how sure it is."""

    count: Annotated[int, Field(ge=0)] = 0
    """Answered items that it is known of."""
    sum: Amount = 0.0
    """Of all of them."""
    sum_of_squares: Amount = 0.0
    """Of their squares."""


class RunResult(ApiModel):
    """What a run tells."""

    version: Literal[1] = 1
    """Of this contract."""
    outcome: RunOutcome
    message: Annotated[str, StringConstraints(max_length=512)] = ""
    """Why it is an Error, or why items have no answer, for people, with nothing of a prompt or an
    answer in it."""
    first_item: Annotated[int, Field(ge=0)] = 0
    """Place in the suite of the first item that was asked, from 0."""
    results: Annotated[str, StringConstraints(max_length=MESSAGE_MAX_BYTES)] = ""
    """What each item came to, in their order: as `analysis.item_results` packs it, or plainly, a
    letter each: 1 correct, 0 wrong, - no answer. Empty for an Error."""
    items_digest: Digest | None = None
    """SHA-256 over all items of the suite in their order, as the runner read them: only runs of the
    same items are compared. Absent: the runner does not know."""
    items_total: Annotated[int, Field(ge=0)] | None = None
    """How many items the suite has; absent: as many as were asked."""
    output_tokens: Amounts = Amounts()
    """Tokens of the answers."""
    seconds: Amounts = Amounts()
    """From a request to the last token of its answer."""
    runner: Annotated[str, StringConstraints(max_length=128)] = ""
    """Program and version."""


def write_result(result: RunResult) -> str:
    """The termination message.

    Raises:
        ValueError: It is longer than a termination message may be.
    """
    text = result.model_dump_json(by_alias=True, exclude_defaults=True, exclude_none=True)
    if len(text.encode()) > MESSAGE_MAX_BYTES:
        raise ValueError(f"a result of {len(text.encode())} bytes, {MESSAGE_MAX_BYTES} are kept")
    return text


def read_result(text: str) -> RunResult:
    """Read a termination message.

    Raises:
        ValueError: It is no result; with nothing of the text in the message.
    """
    try:
        return RunResult.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, found["loc"]))
        raise ValueError(
            f"the termination message is no result: {where or 'it'}: {found['type']}"
        ) from None
