"""What load was, as vegeta tells it."""

import json
from collections import Counter

import pytest

from tests.load import NO_ANSWER, Answer, Outcome, Request, chat_request, read_outcome


def line(timestamp: str, code: int, latency_seconds: float, error: str = "") -> str:
    latency = round(latency_seconds * 1e9)
    return json.dumps({"timestamp": timestamp, "code": code, "latency": latency, "error": error})


def test_read_outcome__sorts_by_sending_and_counts_from_the_first() -> None:
    outcome = read_outcome(
        [
            line("2026-11-25T02:18:51.500000000Z", 500, 0.01, "500 Internal Server Error"),
            line("2026-11-25T02:18:49.500000000Z", 200, 0.25),
            line("2026-11-25T02:18:49.750000000Z", 0, 30, "timeout"),
        ]
    )
    assert outcome.answers == (
        Answer(0.0, 200, 0.25),
        Answer(0.25, NO_ANSWER, 30.0, "timeout"),
        Answer(2.0, 500, 0.01, "500 Internal Server Error"),
    )
    assert outcome.codes == {200: 1, 0: 1, 500: 1}
    assert [answer.code for answer in outcome.failures] == [0, 500]
    assert outcome.timeline == [Counter({200: 1, 0: 1}), Counter(), Counter({500: 1})]
    assert outcome.between(1, 3).codes == {500: 1}


def test_read_outcome__of_nothing_is_empty() -> None:
    assert read_outcome([]) == Outcome(())
    assert Outcome(()).timeline == []


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        pytest.param(50, 0.2, id="half of them"),
        pytest.param(75, 0.3, id="three of four"),
        pytest.param(76, 0.4, id="more than three of four"),
        pytest.param(100, 0.4, id="all"),
    ],
)
def test_latency__is_of_answered_requests_only(percent: float, expected: float) -> None:
    latencies = [(200, 0.3), (200, 0.1), (NO_ANSWER, 30.0), (500, 0.4), (200, 0.2)]
    outcome = Outcome(tuple(Answer(0, code, latency) for code, latency in latencies))
    assert outcome.latency_seconds(percent) == expected


def test_latency__is_unknown_without_an_answer() -> None:
    with pytest.raises(ValueError, match="no request was answered"):
        Outcome((Answer(0, NO_ANSWER, 30.0),)).latency_seconds(50)


def test_target__carries_host_and_body() -> None:
    target = json.loads(chat_request("http://127.0.0.1:8080", "a.example.com", "m").target())
    assert target["method"] == "POST"
    assert target["url"] == "http://127.0.0.1:8080/v1/chat/completions"
    assert target["header"]["Host"] == ["a.example.com"]


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[2001:db8::1]/", "http://example.com"])
def test_target__never_leaves_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="load goes to this machine only"):
        Request(url).target()
