"""Profiles against texts of what they are for."""

from pathlib import Path

import pytest

from rocksteady.adapters.exposition import parse
from rocksteady.queries.live import names_read, read_totals
from rocksteady.queries.profiles import ENGINES, GATEWAYS
from rocksteady.queries.profiles.base import Profile
from rocksteady.queries.samples import RevisionCounts
from rocksteady.queries.signals import RevisionTarget, Signal
from tests.metrics import CANARY, STABLE, counted, pairs, plan, scraped

TEXTS = Path(__file__).parents[2] / "cases" / "metrics"
POD = {"namespace": "gwt", "pod": "chat-r2-6b7fdf467-wfz9h", "job": "model-servers"}
ENGINE_TEXTS = {"vllm": "vllm-0.32.0", "sglang": "sglang", "tgi": "tgi"}
GATEWAY_POD = {"namespace": "gateways", "pod": "proxy-1", "job": "gateway"}


def text(name: str) -> str:
    return (TEXTS / f"{name}.prom").read_text()


@pytest.mark.parametrize(
    ("gateway", "name", "expected"),
    [
        pytest.param("Traefik", "traefik-3.6.12", (70, 20), id="Traefik, without the 499s"),
        pytest.param("EnvoyGateway", "envoy-gateway-1.9.1", (51, 0), id="Envoy Gateway"),
        pytest.param("Istio", "istio", (95, 5), id="Istio, as the sender reports"),
    ],
)
def test_gateways__availability(gateway: str, name: str, expected: tuple[int, int]) -> None:
    read = counted(scraped(text(name), **GATEWAY_POD), 1, plan(gateway=gateway))
    assert pairs(read.counts["r2"]) == [expected]
    assert read.problems == ()


@pytest.mark.parametrize(
    ("gateway", "name", "threshold", "boundary", "expected"),
    [
        pytest.param("Traefik", "traefik-3.6.12", 0.8, 1.0, (50, 5), id="Traefik, in seconds"),
        pytest.param(
            "EnvoyGateway", "envoy-gateway-1.9.1", 0.5, 0.5, (48, 0), id="Envoy, in milliseconds"
        ),
        pytest.param("Istio", "istio", 2.0, 2.5, (90, 5), id="Istio, in milliseconds"),
    ],
)
def test_gateways__latency(
    gateway: str, name: str, threshold: float, boundary: float, expected: tuple[int, int]
) -> None:
    asked = plan(Signal.REQUEST_LATENCY, threshold, gateway=gateway)
    read = counted(scraped(text(name), **GATEWAY_POD), 1, asked)
    assert read.boundary_seconds == boundary
    assert pairs(read.counts["r2"]) == [expected]


@pytest.mark.parametrize(
    ("engine", "signal", "threshold", "expected"),
    [
        pytest.param(
            "vllm", Signal.AVAILABILITY, None, (71, 7), id="vLLM: the engine saw more failures"
        ),
        pytest.param("vllm", Signal.TIME_TO_FIRST_TOKEN, 0.25, (63, 14), id="vLLM: first token"),
        pytest.param(
            "vllm", Signal.TIME_PER_OUTPUT_TOKEN, 0.025, (61, 11), id="vLLM: means of requests"
        ),
        pytest.param("vllm", Signal.REQUEST_LATENCY, 2.5, (61, 12), id="vLLM: whole request"),
        pytest.param("sglang", Signal.AVAILABILITY, None, (100, 5), id="SGLang: with 429"),
        pytest.param("sglang", Signal.TIME_TO_FIRST_TOKEN, 0.4, (96, 6), id="SGLang: first token"),
        pytest.param(
            "sglang",
            Signal.TIME_PER_OUTPUT_TOKEN,
            0.04,
            (95, 4),
            id="SGLang: 5 % of the tokens are slow, as of 95 requests",
        ),
        pytest.param("sglang", Signal.REQUEST_LATENCY, 4.0, (95, 7), id="SGLang: whole request"),
        pytest.param("tgi", Signal.AVAILABILITY, None, (100, 5), id="TGI: not the client's fault"),
        pytest.param("tgi", Signal.TIME_PER_OUTPUT_TOKEN, 0.08, (95, 5), id="TGI: per token"),
        pytest.param("tgi", Signal.REQUEST_LATENCY, 3.0, (95, 10), id="TGI: whole request"),
    ],
)
def test_engines(
    engine: str, signal: Signal, threshold: float | None, expected: tuple[int, int]
) -> None:
    read = counted(
        scraped(text(ENGINE_TEXTS[engine]), **POD),
        1,
        plan(signal, threshold, engine=engine, gateway="None"),
    )
    assert pairs(read.counts["r2"]) == [expected]
    assert pairs(read.counts["r1"]) == [None]
    assert read.unseen == ("r1",)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_engines__names_without_colons_are_the_same(engine: str) -> None:
    original = text(ENGINE_TEXTS[engine])
    renamed = original.replace(f"{engine}:", f"{engine}_")
    asked = plan(Signal.TIME_TO_FIRST_TOKEN, 0.3, engine=engine, gateway="None")
    with_colons = counted(scraped(original, **POD), 1, asked)
    assert counted(scraped(renamed, **POD), 1, asked).counts == with_colons.counts


def test_sglang__path_is_told_from_the_port_that_is_scraped() -> None:
    moved = text("sglang").replace("endpoint=", "exported_endpoint=")
    asked = plan(engine="sglang", gateway="None")
    read = counted(scraped(moved, **POD, endpoint="http"), 1, asked)
    assert pairs(read.counts["r2"]) == [(100, 5)]


def test_llamacpp__counts_nothing_that_could_be_used() -> None:
    profile = ENGINES["llamacpp"]
    assert profile.signals == {}
    assert set(profile.lacks) == set(Signal)
    assert "requests_total" not in text("llamacpp")
    assert "_bucket" not in text("llamacpp")


def test_every_signal__is_either_counted_or_has_a_cure() -> None:
    for profile in ENGINES.values():
        assert set(profile.signals) | set(profile.lacks) == set(Signal)
        assert not set(profile.signals) & set(profile.lacks)


def test_untried__is_said_of_profiles_from_documentation() -> None:
    untried = {name for name, one in (GATEWAYS | ENGINES).items() if not one.tried}
    assert untried == {"Istio", "sglang", "tgi"}


@pytest.mark.parametrize(
    ("profile", "name", "expected"),
    [
        pytest.param(
            GATEWAYS["Traefik"], "traefik-3.6.12", RevisionCounts(70, 20), id="a gateway's pod"
        ),
        pytest.param(
            GATEWAYS["EnvoyGateway"], "envoy-gateway-1.9.1", RevisionCounts(51, 0), id="Envoy's pod"
        ),
        pytest.param(
            ENGINES["vllm"], "vllm-0.32.0", RevisionCounts(71, 7), id="the revision's own pod"
        ),
        pytest.param(ENGINES["llamacpp"], "llamacpp", None, id="an engine that counts nothing"),
    ],
)
def test_read_totals(profile: Profile, name: str, expected: RevisionCounts | None) -> None:
    samples = list(parse(text(name), names_read(profile)))
    assert read_totals(samples, profile, CANARY) == expected


def test_read_totals__revision_without_requests_is_not_there() -> None:
    profile = GATEWAYS["Traefik"]
    samples = list(parse(text("traefik-3.6.12"), names_read(profile)))
    assert read_totals(samples, profile, RevisionTarget("gwt", "chat", "r3")) is None
    assert read_totals(samples, profile, STABLE) == RevisionCounts(450, 0)
