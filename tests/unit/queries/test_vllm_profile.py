"""What a running vLLM counted after each kind of request, and what the profile makes of it."""

from pathlib import Path

import pytest

from rocksteady.adapters.exposition import parse
from rocksteady.queries.profiles import ENGINES
from rocksteady.queries.profiles.base import GOOD, OUT
from rocksteady.queries.samples import Sample, Series
from rocksteady.queries.signals import Signal
from tests.metrics import counted, pairs, plan, series

TEXTS = Path(__file__).parents[2] / "cases" / "metrics"
POD = {"namespace": "gwt", "pod": "chat-r2-6b7fdf467-wfz9h", "job": "model-servers"}
PROFILE = ENGINES["vllm"]
NAMES = sorted({name for signal in PROFILE.signals.values() for name in signal.names})
LATENCIES = (Signal.TIME_TO_FIRST_TOKEN, Signal.TIME_PER_OUTPUT_TOKEN, Signal.REQUEST_LATENCY)


def _steps() -> list[tuple[str, list[Sample]]]:
    """Each reading of the server: what it was asked before, and what it showed."""
    text = (TEXTS / "vllm-0.32.0-steps.prom").read_text()
    sections = [section.partition("\n") for section in text.split("\n## ")[1:]]
    return [(title, list(parse(lines, NAMES))) for title, _, lines in sections]


STEPS = _steps()


def before_and_after(title: str) -> tuple[dict[frozenset[tuple[str, str]], float], list[Sample]]:
    """What was shown before these requests, by labels, and after them."""
    number = [name for name, _ in STEPS].index(title)
    before, after = STEPS[number - 1][1], STEPS[number][1]
    return {frozenset(one.labels.items()): one.value for one in before}, after


def grown_by(title: str) -> list[Series]:
    """Two scrapes of the revision's pod: one before these requests, one after."""
    before, after = before_and_after(title)
    return [
        series({**one.labels, **POD}, [before.get(frozenset(one.labels.items())), one.value])
        for one in after
    ]


@pytest.mark.parametrize(
    ("title", "availability", "latencies"),
    [
        pytest.param(
            "29 whole answers, 4 of them stopped by the model",
            (29, 0),
            (29, 29, 29),
            id="whole answers are in everything",
        ),
        pytest.param("14 streams", (14, 0), (14, 14, 14), id="streams as whole answers"),
        pytest.param(
            "6 mistakes of clients: 400 and 404",
            (6, 0),
            (0, 0, 0),
            id="mistakes of clients are good answers without a latency",
        ),
        pytest.param(
            "404 of an unknown path, 405, 2 lists of models, probes",
            (0, 0),
            (0, 0, 0),
            id="what is no API counts for nothing",
        ),
        pytest.param(
            "a client left before its whole answer",
            (1, 0),
            (1, 0, 0),
            id="a client that leaves was answered, and is in the time to first token",
        ),
        pytest.param(
            "a client left its stream",
            (1, 0),
            (1, 0, 0),
            id="a client that leaves a stream as one that leaves a whole answer",
        ),
        pytest.param(
            "3 failures of the engine before whole answers",
            (3, 3),
            (3, 3, 3),
            id="failures are bad once, though both families count them",
        ),
        pytest.param(
            "4 failures of the engine in streams",
            (4, 4),
            (4, 4, 4),
            id="failures in streams are bad, though HTTP says 200",
        ),
        pytest.param(
            "an answer repeats itself, where the request has that detected",
            (1, 0),
            (1, 1, 1),
            id="a detected repetition was asked for, and is good",
        ),
        pytest.param(
            "10 whole answers, 2 requests refused meanwhile since the queue is full",
            (12, 2),
            (10, 10, 10),
            id="requests refused by a full queue are bad, and have no latency",
        ),
    ],
)
def test_requests__count_as_a_running_vllm_counted_them(
    title: str, availability: tuple[int, int], latencies: tuple[int, int, int]
) -> None:
    asked = [plan(engine="vllm", gateway="None")]
    asked += [plan(signal, 2.5, engine="vllm", gateway="None") for signal in LATENCIES]
    found = [pairs(counted(grown_by(title), 1, one).counts["r2"])[0] for one in asked]

    assert found[0] == availability
    assert [one and one[0] for one in found[1:]] == list(latencies)


@pytest.mark.parametrize(
    ("title", "reasons"),
    [
        pytest.param(
            "29 whole answers, 4 of them stopped by the model",
            {"stop": 4, "length": 25},
            id="answers",
        ),
        pytest.param("6 mistakes of clients: 400 and 404", {}, id="refused before the engine"),
        pytest.param("a client left before its whole answer", {}, id="a client that leaves"),
        pytest.param("a client left its stream", {}, id="a client that leaves a stream"),
        pytest.param("4 failures of the engine in streams", {"error": 4}, id="failures"),
        pytest.param(
            "10 whole answers, 2 requests refused meanwhile since the queue is full",
            {"length": 10},
            id="refused by a full queue",
        ),
    ],
)
def test_finished_reasons__grow(title: str, reasons: dict[str, int]) -> None:
    before, after = before_and_after(title)
    grown = {
        one.labels["finished_reason"]: one.value - before[frozenset(one.labels.items())]
        for one in after
        if "finished_reason" in one.labels
    }

    assert {reason: count for reason, count in grown.items() if count} == reasons


def test_every_name_that_is_read__is_shown_by_a_running_vllm() -> None:
    shown = {one.labels["__name__"] for one in STEPS[-1][1]}

    assert {name for name in NAMES if not name.startswith("vllm_")} == shown


@pytest.mark.parametrize(
    ("handler", "counts"),
    [
        pytest.param("/v1/chat/completions", True, id="chats"),
        pytest.param("/v1/embeddings", True, id="embeddings"),
        pytest.param("/v2/rerank", True, id="rerankings of the second version"),
        pytest.param("/v1/audio/transcriptions", True, id="transcriptions"),
        pytest.param("/v1/models", False, id="the list of models, which probes ask for"),
        pytest.param("/tokenize", False, id="what needs no engine"),
        pytest.param("none", False, id="an unknown path"),
    ],
)
def test_availability__counts_what_users_call(handler: str, *, counts: bool) -> None:
    labels = {"__name__": "http_requests_total", "handler": handler, "status": "2xx"}
    expected = GOOD if counts else OUT

    assert PROFILE.signals[Signal.AVAILABILITY].parts(labels) == expected
