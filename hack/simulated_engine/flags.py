"""The command line: vLLM's `serve` as far as it matters here, and what is to go wrong."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DEFAULT_PORT: Final = 8000  # vLLM's
_DEFAULT_SEQUENCES: Final = 256  # vLLM's --max-num-seqs where it does not know the GPU better
# vLLM's own default is 0, which cuts what runs; the operator always sets the flag.
_DEFAULT_SHUTDOWN_SECONDS: Final = 60
_NEVER: Final = math.inf


@dataclass(frozen=True)
class Behaviour:
    """How fast the engine is, and what goes wrong with it.

    Attributes:
        first_token_seconds: Median of the log-normal time to the first token, above 0.
        sigma: Its standard deviation in natural logarithms, at least 0.
        token_seconds: Median of the log-normal mean time between two tokens of one request.
        token_sigma: Its standard deviation in natural logarithms, at least 0.
        latency_factor: What both times are multiplied by, above 0.
        output_tokens: Length of an answer that is not cut by the request's `max_tokens`.
        error_percent: Share of requests answered with status 500, 0 to 100.
        fail_after_seconds: After so long of being ready, `fail_percent` takes the place of
            `error_percent`; infinity: never.
        fail_percent: 0 to 100.
        start_seconds: How long it is not ready: everything but the metrics answers 503.
        crash_after_seconds: The process ends with exit code 1 so long after its start; infinity:
            never.
        allocate_mebibytes: Memory to take, for good.
        allocate_after_seconds: When, after the start.
        answers: File with a JSON object, prompt to answer, of which chats whose last message is a
            known prompt are answered; None: none is known.
        wrong_percent: Share of these prompts that are answered wrongly, 0 to 100.
        answers_seed: Which prompts those are. With one seed, a greater share holds the smaller one;
            with another, they are others.
        seed: What all draws follow from, by order of requests; None: other draws in each process,
            so that the errors of several are independent.
    """

    first_token_seconds: float = 0.05
    sigma: float = 0.3
    token_seconds: float = 0.002
    token_sigma: float = 0.1
    latency_factor: float = 1.0
    output_tokens: int = 64
    error_percent: float = 0.0
    fail_after_seconds: float = _NEVER
    fail_percent: float = 100.0
    start_seconds: float = 0.0
    crash_after_seconds: float = _NEVER
    allocate_mebibytes: int = 0
    allocate_after_seconds: float = 0.0
    answers: Path | None = None
    wrong_percent: float = 0.0
    answers_seed: int = 0
    seed: int | None = None


@dataclass(frozen=True)
class Serving:
    """What is served, and where.

    Attributes:
        names: What clients may ask for in `model`; the first is shown in answers and metrics.
        host: Address to listen on.
        port: 0 takes a free one.
        max_num_seqs: Requests that run at once; further ones wait.
        max_model_len: Longest prompt and answer in tokens; metrics count up to it.
        shutdown_seconds: How long running requests may take after SIGTERM.
    """

    names: tuple[str, ...] = ("simulated",)
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached by its address
    port: int = _DEFAULT_PORT
    max_num_seqs: int = _DEFAULT_SEQUENCES
    max_model_len: int = 8192
    shutdown_seconds: float = _DEFAULT_SHUTDOWN_SECONDS


def parse(arguments: Sequence[str]) -> tuple[Serving, Behaviour, list[str]]:
    """Read a command line, such as `serve /models/none --served-model-name chat --sigma 0.5`.

    Returns:
        What to serve, how to behave, and the words that mean nothing here: flags of vLLM that the
        operator or a user sets.

    Raises:
        SystemExit: A value is not what its flag takes (code 2, as vLLM).
    """
    found, ignored = _parser().parse_known_args(arguments)
    names = found.served_model_name or [found.model or found.model_tag]
    serving = Serving(
        tuple(names),
        found.host,
        found.port,
        found.max_num_seqs,
        found.max_model_len,
        found.shutdown_timeout,
    )
    return serving, _behaviour(found), ignored


def _behaviour(found: argparse.Namespace) -> Behaviour:
    return Behaviour(
        first_token_seconds=found.first_token_milliseconds / 1000,
        sigma=found.sigma,
        token_seconds=found.token_milliseconds / 1000,
        token_sigma=found.token_sigma,
        latency_factor=found.latency_factor,
        output_tokens=found.output_tokens,
        error_percent=found.error_percent,
        fail_after_seconds=found.fail_after_seconds,
        fail_percent=found.fail_percent,
        start_seconds=found.start_seconds,
        crash_after_seconds=found.crash_after_seconds,
        allocate_mebibytes=found.allocate_mebibytes,
        allocate_after_seconds=found.allocate_after_seconds,
        answers=found.answers,
        wrong_percent=found.wrong_percent,
        answers_seed=found.answers_seed,
        seed=found.seed,
    )


def _parser() -> argparse.ArgumentParser:
    # Without abbreviations: a flag of vLLM may begin as one of ours does.
    parser = argparse.ArgumentParser("vllm", description=__doc__, allow_abbrev=False)
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.add_argument("model_tag", nargs="?", default="simulated", metavar="MODEL")
    _add_serving(parser.add_argument_group("as vLLM has them"))
    _add_speed(parser.add_argument_group("speed"))
    _add_faults(parser.add_argument_group("what goes wrong"))
    _add_answers(parser.add_argument_group("what is answered"))
    return parser


def _add_serving(group: argparse._ArgumentGroup) -> None:
    defaults = Serving()
    group.add_argument("--model", help="name of the model, when MODEL is not given")
    group.add_argument("--served-model-name", nargs="+", help="what clients may ask for")
    group.add_argument("--host", default=defaults.host)
    group.add_argument("--port", type=int, default=defaults.port)
    group.add_argument("--max-num-seqs", type=_count, default=defaults.max_num_seqs)
    group.add_argument("--max-model-len", type=_count, default=defaults.max_model_len)
    group.add_argument("--shutdown-timeout", type=_at_least_0, default=defaults.shutdown_seconds)
    group.add_argument("--seed", type=int, help="for the same draws in the same order")


def _add_speed(group: argparse._ArgumentGroup) -> None:
    defaults = Behaviour()
    group.add_argument(
        "--first-token-milliseconds",
        type=_above_0,
        default=1000 * defaults.first_token_seconds,
        help="median time to the first token",
    )
    group.add_argument("--sigma", type=_at_least_0, default=defaults.sigma)
    group.add_argument(
        "--token-milliseconds",
        type=_above_0,
        default=1000 * defaults.token_seconds,
        help="median time between tokens",
    )
    group.add_argument("--token-sigma", type=_at_least_0, default=defaults.token_sigma)
    group.add_argument("--latency-factor", type=_above_0, default=defaults.latency_factor)
    group.add_argument("--output-tokens", type=_count, default=defaults.output_tokens)


def _add_faults(group: argparse._ArgumentGroup) -> None:
    defaults = Behaviour()
    for flag, default in (
        ("--error-percent", defaults.error_percent),
        ("--fail-percent", defaults.fail_percent),
    ):
        group.add_argument(flag, type=_percent, default=default)
    for flag, default in (
        ("--fail-after-seconds", defaults.fail_after_seconds),
        ("--start-seconds", defaults.start_seconds),
        ("--crash-after-seconds", defaults.crash_after_seconds),
        ("--allocate-after-seconds", defaults.allocate_after_seconds),
    ):
        group.add_argument(flag, type=_at_least_0, default=default)
    group.add_argument("--allocate-mebibytes", type=_count, default=defaults.allocate_mebibytes)


def _add_answers(group: argparse._ArgumentGroup) -> None:
    defaults = Behaviour()
    group.add_argument("--answers", type=Path, help="JSON file, prompt to answer")
    group.add_argument("--wrong-percent", type=_percent, default=defaults.wrong_percent)
    group.add_argument("--answers-seed", type=int, default=defaults.answers_seed)


def _count(text: str) -> int:
    return int(_checked(int(text), 1, math.inf, "at least 1"))


def _above_0(text: str) -> float:
    return _checked(float(text), math.ulp(0.0), math.inf, "above 0")


def _at_least_0(text: str) -> float:
    return _checked(float(text), 0, math.inf, "at least 0")


def _percent(text: str) -> float:
    return _checked(float(text), 0, 100, "0 to 100")


def _checked(value: float, lowest: float, highest: float, wanted: str) -> float:
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"{value:g}: must be {wanted}")
    return value
