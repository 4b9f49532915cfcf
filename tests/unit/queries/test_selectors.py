"""What is asked of Prometheus, word for word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.queries.plan import Unmeasurable, plan_signals
from rocksteady.queries.selectors import (
    Matcher,
    Selector,
    equals,
    literally,
    promql,
    quote,
    raw_samples,
    starts_with,
)
from rocksteady.queries.signals import Objective, RevisionTarget, Signal
from tests.metrics import plan

TARGETS = (
    RevisionTarget("demo", "chat", "48e21a213e"),
    RevisionTarget("demo", "chat", "d22456549c"),
)


@pytest.mark.parametrize(
    ("signal", "engine", "gateway", "expected"),
    [
        pytest.param(
            Signal.AVAILABILITY,
            "vllm",
            "Traefik",
            [
                (
                    'traefik_service_requests_total{service=~"demo-chat-48e21a213e-http-80'
                    '@kubernetesgateway|demo-chat-d22456549c-http-80@kubernetesgateway"}'
                ),
                (
                    'traefik_service_requests_total{exported_service=~"demo-chat-48e21a213e-http-80'
                    '@kubernetesgateway|demo-chat-d22456549c-http-80@kubernetesgateway"}'
                ),
                "traefik_config_reloads_total",
            ],
            id="Traefik",
        ),
        pytest.param(
            Signal.REQUEST_LATENCY,
            "vllm",
            "EnvoyGateway",
            [
                (
                    'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"service/demo/'
                    'chat-48e21a213e/80/http|service/demo/chat-d22456549c/80/http"}'
                ),
                'envoy_cluster_membership_total{envoy_cluster_name="xds_cluster"}',
            ],
            id="Envoy Gateway",
        ),
        pytest.param(
            Signal.AVAILABILITY,
            "vllm",
            "Istio",
            [
                (
                    'istio_requests_total{destination_service_name=~"chat-48e21a213e|chat-d22456549c",'
                    'destination_service_namespace="demo",reporter="source"}'
                )
            ],
            id="Istio",
        ),
        pytest.param(
            Signal.TIME_TO_FIRST_TOKEN,
            "vllm",
            "Traefik",
            [
                (
                    '{__name__=~"vllm:time_to_first_token_seconds_bucket|'
                    'vllm_time_to_first_token_seconds_bucket",'
                    'namespace="demo",pod=~"chat-48e21a213e-.+|chat-d22456549c-.+"}'
                )
            ],
            id="vLLM, in both spellings",
        ),
        pytest.param(
            Signal.AVAILABILITY,
            "tgi",
            "None",
            [
                (
                    '{__name__=~"tgi_request_success|tgi_request_failure",'
                    'namespace="demo",pod=~"chat-48e21a213e-.+|chat-d22456549c-.+"}'
                )
            ],
            id="TGI without a gateway",
        ),
    ],
)
def test_queries(signal: Signal, engine: str, gateway: str, expected: list[str]) -> None:
    threshold = None if signal is Signal.AVAILABILITY else 1.0
    assert list(plan(signal, threshold, engine, gateway).queries(TARGETS)) == expected


def test_raw_samples__reach_back_to_the_start() -> None:
    up = Selector(("up",), (equals("job", "a"),))
    assert raw_samples([up], 100.0, 160.5) == 'up{job="a"}[60501ms]'


def test_promql__refuses_to_mix_shapes() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        promql([Selector(("up",)), Selector(("down",))])


def test_promql__same_labels_in_another_order_are_one_shape() -> None:
    one = Selector(("up",), (equals("a", "1"), equals("b", "2")))
    other = Selector(("up",), (equals("b", "3"), equals("a", "1")))
    assert promql([one, other]) == 'up{a="1",b=~"2|3"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('a"b', r'"a\"b"', id="a quote cannot end the string"),
        pytest.param("a\\", r'"a\\"', id="a backslash cannot eat the closing quote"),
        pytest.param("a\nb", r'"a\nb"', id="a line cannot end in it"),
    ],
)
def test_quote(text: str, expected: str) -> None:
    assert quote(text) == expected


def test_promql__value_with_quotes_stays_inside() -> None:
    sly = Selector(("up",), (equals("pod", 'x"} or vector(1) #'),))
    assert promql([sly]) == 'up{pod="x\\"} or vector(1) #"}'


@given(st.text(max_size=12), st.text(max_size=12))
def test_equals__matches_that_text_alone(text: str, other: str) -> None:
    assert equals("a", text).matches({"a": text})
    assert equals("a", text).matches({"a": other}) == (text == other)
    assert Matcher("a", literally(text)) == equals("a", text)


@given(st.text("ab.|*?{}()\\\\+1", max_size=6), st.text("ab.|*", max_size=6))
def test_prefix__is_what_all_values_begin_with(pattern: str, tail: str) -> None:
    assert starts_with("a", pattern).prefix in ({pattern} if "|" not in pattern else {pattern, ""})
    assert equals("a", pattern).prefix == pattern
    either = Matcher("a", f"{literally(pattern)}|{literally(tail)}")
    assert pattern.startswith(either.prefix)
    assert tail.startswith(either.prefix)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        pytest.param("ab*", "a", id="a character that may be missing"),
        pytest.param(r"a\.?x", "a", id="an escaped one that may be missing"),
        pytest.param("ab+", "ab", id="one that may come again"),
        pytest.param("(a|b)c", "", id="alternatives"),
        pytest.param(".*", "", id="anything"),
    ],
)
def test_prefix__of_other_patterns(pattern: str, prefix: str) -> None:
    assert Matcher("a", pattern).prefix == prefix


def test_starts_with__is_not_fooled_by_longer_names() -> None:
    pods = starts_with("pod", "chat-48e21a213e-")
    assert pods.matches({"pod": "chat-48e21a213e-75d86f7dfc-sbcfg"})
    assert not pods.matches({"pod": "my-chat-48e21a213e-75d86f7dfc-sbcfg"})
    assert not pods.matches({"pod": "chat-48e21a213e-"})
    assert not pods.matches({})


ALL = [Objective(Signal.AVAILABILITY, 99.5), *(Objective(one, 95, 1.0) for one in list(Signal)[1:])]


@pytest.mark.parametrize(
    ("engine", "gateway", "sources", "unmeasurable"),
    [
        pytest.param(
            "vllm",
            "Traefik",
            ["Traefik", "vllm", "vllm", "Traefik"],
            [],
            id="requests by the gateway, tokens by the engine",
        ),
        pytest.param("vllm", "None", ["vllm"] * 4, [], id="all by the engine without a gateway"),
        pytest.param(
            "llamacpp",
            "Traefik",
            ["Traefik", "Traefik"],
            [Signal.TIME_TO_FIRST_TOKEN, Signal.TIME_PER_OUTPUT_TOKEN],
            id="llama.cpp: only what the gateway sees",
        ),
        pytest.param(
            "tgi", "None", ["tgi"] * 3, [Signal.TIME_TO_FIRST_TOKEN], id="TGI: no first token"
        ),
        pytest.param("ollama", "None", [], list(Signal), id="Ollama: nothing"),
        pytest.param(
            "custom",
            "EnvoyGateway",
            ["EnvoyGateway", "EnvoyGateway"],
            [Signal.TIME_TO_FIRST_TOKEN, Signal.TIME_PER_OUTPUT_TOKEN],
            id="an engine that is not known",
        ),
    ],
)
def test_plan(engine: str, gateway: str, sources: list[str], unmeasurable: list[Signal]) -> None:
    plans, missing = plan_signals(ALL, engine, gateway)
    assert [one.source.type for one in plans] == sources
    assert [one.signal for one in missing] == unmeasurable
    assert all(isinstance(one, Unmeasurable) and "; " in one.message for one in missing)
