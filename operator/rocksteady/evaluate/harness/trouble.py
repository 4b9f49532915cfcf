"""Why a harness came to nothing, by the classes of the errors it names; their texts stay unread."""

import builtins
import re
from collections.abc import Iterable
from typing import Final

from rocksteady.evaluate import EvaluationError, UnavailableError

_ERROR: Final = re.compile(
    r"^(?:[a-z_][\w]*\.)*([A-Z]\w*(?:Error|Exception|Timeout))\b", re.MULTILINE
)
"""The last line of a traceback of Python: a class, with its module where it is not built in."""

_OF_THE_SERVER: Final = frozenset(
    {
        "APIConnectionError",
        "APITimeoutError",
        "AttemptTimeoutError",
        "ClientConnectionError",
        "ClientConnectorError",
        "ClientOSError",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "ConnectionTimeoutError",
        "InternalServerError",
        "NewConnectionError",
        "RateLimitError",
        "ReadError",
        "ReadTimeout",
        "RemoteDisconnected",
        "RetryError",
        "ServerDisconnectedError",
        "ServerTimeoutError",
        "SocketTimeoutError",
        "TimeoutError",
    }
)
"""Of requests, aiohttp, httpx, openai and tenacity: nobody answered in time, after all tries."""

_OF_THE_REQUEST: Final = frozenset(
    {
        "AuthenticationError",
        "BadRequestError",
        "NotFoundError",
        "PermissionDeniedError",
        "UnprocessableEntityError",
    }
)
"""Of openai: the server does not want the request, and will not the next time."""

_STATUS: Final = re.compile(
    r"^(?:requests\.exceptions\.HTTPError: |aiohttp\.client_exceptions\.ClientResponseError: )"
    r"(\d{3})\b",
    re.MULTILINE,
)
"""How requests and aiohttp name the status of an answer that is an error."""

_CURABLE_STATUSES: Final = frozenset({"408", "429"})
"""Of the client errors, those that another try may cure (RFC 9110 15.5.9, RFC 6585 4)."""

_HINTS: Final = {
    "Tokenizer is required": (
        "a task that compares likelihoods needs a server that shows its tokenizer at"
        " /tokenizer_info, such as vLLM with --enable-tokenizer-info-endpoint"
    ),
    "Loglikelihood is not supported for chat completions": (
        "a task that compares likelihoods needs lmEval.api Completions"
    ),
    "Tasks were not found": "lmEval.tasks names one that is neither in taskFiles nor built in",
    "Tasks not found": "lmEval.tasks names one that is neither in taskFiles nor built in",
    "No inspect tasks were found": "inspect.tasks names a file that is not in taskFiles",
    "OfflineModeIsEnabled": "a task wants to fetch data, and runs are offline: put it in taskFiles",
}
"""Words that only the harness itself says, and what they mean for a suite."""


def error_classes(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the classes of the errors that tracebacks end with, each once, the last first."""
    found = [name for text in texts for name in _ERROR.findall(text)]
    return tuple(dict.fromkeys(reversed(found)))


def why_ended(what: str, texts: Iterable[str]) -> EvaluationError:
    """Tell why there is no result.

    Args:
        what: What has ended, for the message: "lm-eval ended with exit code 1".
        texts: What it printed, or tracebacks.

    Returns:
        UnavailableError, when the server did not answer or answered with an error of its own;
        EvaluationError, when the same would come again.
    """
    read = list(texts)
    hint = next((said for sign, said in _HINTS.items() if any(sign in text for text in read)), "")
    if hint:
        return EvaluationError(f"{what}: {hint}")
    statuses = {status for text in read for status in _STATUS.findall(text)}
    classes = error_classes(read)
    if refused := sorted(s for s in statuses - _CURABLE_STATUSES if s.startswith("4")):
        return EvaluationError(f"{what}: the server refused a request with status {refused[0]}")
    if statuses:
        return UnavailableError(f"{what}: the server answered with status {min(statuses)}")
    if unreachable := [name for name in classes if name in _OF_THE_SERVER]:
        return UnavailableError(f"{what}: the server did not answer ({unreachable[0]})")
    if refusals := [name for name in classes if name in _OF_THE_REQUEST]:
        return EvaluationError(f"{what}: the server refused the requests ({refusals[0]})")
    # Any other name may be a word of a prompt that is quoted in a traceback.
    own = [name for name in classes if hasattr(builtins, name)]
    return EvaluationError(f"{what} ({', '.join(own[:3]) or 'an error of its own'})")
