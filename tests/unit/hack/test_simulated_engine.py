"""How the simulated engine reads its command line, and what it draws for each request."""

import pytest

from hack.simulated_engine.draws import Draws
from hack.simulated_engine.flags import Behaviour, Serving, parse
from hack.simulated_engine.table import WRONG, Table
from hack.simulated_engine.telemetry import token_count_buckets
from rocksteady.api.v1alpha1.serving import Engine
from rocksteady.engines.base import Launch
from rocksteady.engines.vllm import ENGINE


def test_parse__understands_what_the_operator_starts_vllm_with() -> None:
    engine = Engine.model_validate(
        {
            "type": "vllm",
            "image": "rocksteady/simulated-engine:local",
            "version": "0.20",
            "args": ["--error-percent", "2.5", "--seed=7", "--kv-cache-dtype", "fp8"],
            "drainTimeoutSeconds": 12,
        }
    )
    server = ENGINE.serve(Launch(engine, "chat", "/models/none", gpu_count=2))
    assert server.command is not None
    assert server.command[0] == "vllm"
    serving, behaviour, ignored = parse([*server.command[1:], *server.args])
    assert serving == Serving(names=("chat",), port=8000, shutdown_seconds=12)
    assert behaviour == Behaviour(error_percent=2.5, seed=7)
    assert ignored == [
        *("--tensor-parallel-size", "2"),
        *("--disable-access-log-for-endpoints", "/health,/metrics,/v1/models"),
        *("--kv-cache-dtype", "fp8"),
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param(["--model", "chat"], ("chat",), id="by flag"),
        pytest.param(["serve", "/models/none"], ("/models/none",), id="by place"),
        pytest.param(
            ["serve", "/models/none", "--served-model-name", "chat", "chat-v2"],
            ("chat", "chat-v2"),
            id="under several names",
        ),
        pytest.param([], ("simulated",), id="not named at all"),
    ],
)
def test_parse__names_of_the_model(arguments: list[str], names: tuple[str, ...]) -> None:
    assert parse(arguments)[0].names == names


def test_parse__times_are_given_in_milliseconds_and_kept_in_seconds() -> None:
    _, behaviour, _ = parse(["--first-token-milliseconds", "180", "--token-milliseconds", "25"])
    assert (behaviour.first_token_seconds, behaviour.token_seconds) == (0.18, 0.025)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--error-percent", "101"], "must be 0 to 100", id="more than all fail"),
        pytest.param(["--latency-factor", "0"], "must be above 0", id="no time at all"),
        pytest.param(["--sigma", "nan"], "must be at least 0", id="no number"),
        pytest.param(["--max-num-seqs", "0"], "must be at least 1", id="no place to run in"),
        pytest.param(["bench"], "invalid choice", id="another command of vLLM"),
    ],
)
def test_parse__refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_draws__one_seed_gives_the_same_fates_another_seed_others() -> None:
    fates = []
    for seed in (1, 1, 2):
        draws = Draws(Behaviour(seed=seed, error_percent=50))
        fates.append([draws.draw(0) for _ in range(20)])
    assert fates[0] == fates[1]
    assert fates[0] != fates[2]


def test_draws__errors_leave_the_latencies_as_they_are() -> None:
    well, broken = (Draws(Behaviour(seed=1, error_percent=percent)) for percent in (0, 30))
    for _ in range(50):
        fate, same = well.draw(0), broken.draw(0)
        assert fate.first_token_seconds == same.first_token_seconds
        assert fate.token_seconds == same.token_seconds


def test_draws__the_factor_stretches_every_latency() -> None:
    normal, slow = (Draws(Behaviour(seed=1, latency_factor=factor)) for factor in (1, 3))
    for _ in range(50):
        fate, stretched = normal.draw(0), slow.draw(0)
        assert stretched.first_token_seconds == pytest.approx(3 * fate.first_token_seconds)
        assert stretched.token_seconds == pytest.approx(3 * fate.token_seconds)


def test_draws__the_median_is_what_was_asked_for() -> None:
    draws = Draws(Behaviour(seed=1, first_token_seconds=0.2, sigma=0.7))
    below = sum(draws.draw(0).first_token_seconds < 0.2 for _ in range(10_000))
    # Four standard deviations of a fair coin.
    assert below == pytest.approx(5_000, abs=200)


def test_draws__failing_begins_when_it_is_asked_to() -> None:
    draws = Draws(Behaviour(seed=1, fail_after_seconds=10))
    assert not any(draws.draw(9.9).fails for _ in range(100))
    assert all(draws.draw(10).fails for _ in range(100))


def test_token_count_buckets__end_with_what_a_model_can_take() -> None:
    assert token_count_buckets(4096) == [
        *(1, 2, 5, 10, 20, 50),
        *(100, 200, 500, 1000, 2000),
    ]
    assert token_count_buckets(1) == [1]


PROMPTS = {f"question {number}": f"answer {number}" for number in range(1000)}


def wrong(percent: float, seed: int) -> set[str]:
    table = Table(PROMPTS, percent, seed)
    return {prompt for prompt in PROMPTS if table.answer(prompt) == WRONG}


def test_table__answers_what_it_knows() -> None:
    table = Table({"a": "b c"})
    assert (table.answer("a"), table.answer("b")) == ("b c", None)


@pytest.mark.parametrize(("percent", "expected"), [(0, 0), (10, 100), (100, 1000)])
def test_table__is_wrong_as_often_as_asked(percent: float, expected: int) -> None:
    # Four standard deviations of 1000 draws at 10 %.
    assert len(wrong(percent, seed=1)) == pytest.approx(expected, abs=38 if percent == 10 else 0)


def test_table__a_worse_engine_of_one_seed_is_wrong_where_the_better_one_is_too() -> None:
    assert wrong(10, seed=1) == wrong(10, seed=1)
    assert wrong(10, seed=1) < wrong(15, seed=1)


def test_table__engines_of_two_seeds_are_wrong_apart() -> None:
    assert len(wrong(10, seed=1) & wrong(10, seed=2)) < 40
