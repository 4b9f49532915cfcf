"""Load at a constant rate on a server of this machine, sent and timed by vegeta.

The loop is open: requests leave when they are due, however slow the answers are, so that a server
that stands still is seen in the latencies of all that came meanwhile.
"""

import base64
import json
import math
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

REQUEST_TIMEOUT_SECONDS = 30
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
NO_ANSWER = 0
"""What stands for the status code of a request that got no answer."""


@dataclass(frozen=True)
class Request:
    """One request that is sent again and again.

    Attributes:
        url: On the loopback interface.
        host: The Host header, by which a gateway finds the route; empty: as the URL says.
        body: JSON; None: a GET.
    """

    url: str
    host: str = ""
    body: dict[str, Any] | None = None

    def target(self) -> str:
        """Return it in vegeta's JSON format, on one line.

        Raises:
            ValueError: The URL leads away from this machine.
        """
        if urlsplit(self.url).hostname not in _THIS_MACHINE:
            raise ValueError(f"{self.url}: load goes to this machine only")
        wanted: dict[str, Any] = {"method": "GET", "url": self.url, "header": {}}
        if self.host:
            wanted["header"]["Host"] = [self.host]
        if self.body is not None:
            wanted["method"] = "POST"
            wanted["header"]["Content-Type"] = ["application/json"]
            wanted["body"] = base64.b64encode(json.dumps(self.body).encode()).decode()
        return json.dumps(wanted) + "\n"


def chat_request(base: str, host: str, model: str, max_tokens: int = 16) -> Request:
    """A short chat, asked through the gateway.

    Args:
        base: Where the gateway answers on this machine, such as http://127.0.0.1:8080.
        host: The route's hostname.
        model: What to ask for.
        max_tokens: Longest answer.
    """
    messages = [{"role": "user", "content": "What is a canary release?"}]
    body = {"model": model, "messages": messages, "max_tokens": max_tokens}
    return Request(f"{base}/v1/chat/completions", host, body)


@dataclass(frozen=True)
class Answer:
    """How one request went.

    Attributes:
        sent_seconds: When it was sent, after the first of all.
        code: Status code; NO_ANSWER when none came.
        latency_seconds: Until the whole answer was there.
        error: What went wrong; empty when nothing did. An error status is one as well.
    """

    sent_seconds: float
    code: int
    latency_seconds: float
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """How all requests of a load went, in the order in which they were sent."""

    answers: tuple[Answer, ...]

    @property
    def codes(self) -> Counter[int]:
        """How many requests ended with each status code."""
        return Counter(answer.code for answer in self.answers)

    @property
    def failures(self) -> tuple[Answer, ...]:
        """Those that a user would call failed: no answer, or a status from 500."""
        return tuple(
            answer for answer in self.answers if answer.code == NO_ANSWER or answer.code >= 500
        )

    @property
    def timeline(self) -> list[Counter[int]]:
        """Status codes by the second in which the request was sent; a silent second is empty."""
        seconds = [int(answer.sent_seconds) for answer in self.answers]
        timeline: list[Counter[int]] = [Counter() for _ in range(max(seconds, default=-1) + 1)]
        for second, answer in zip(seconds, self.answers, strict=True):
            timeline[second][answer.code] += 1
        return timeline

    def latency_seconds(self, percent: float) -> float:
        """Return the latency that so many percent of the answered requests do not exceed.

        Raises:
            ValueError: No request was answered.
        """
        known = sorted(
            answer.latency_seconds for answer in self.answers if answer.code != NO_ANSWER
        )
        if not known:
            raise ValueError("no request was answered")
        return known[max(0, math.ceil(len(known) * percent / 100) - 1)]

    def between(self, from_seconds: float, to_seconds: float) -> "Outcome":
        """Return what was sent in that part of the load; times keep counting from its start."""
        return Outcome(
            tuple(one for one in self.answers if from_seconds <= one.sent_seconds < to_seconds)
        )


def read_outcome(lines: Iterable[str]) -> Outcome:
    """Read what `vegeta encode -to json` writes: one JSON object for each request."""
    results = [json.loads(line) for line in lines]
    sent = [datetime.fromisoformat(result["timestamp"]).timestamp() for result in results]
    first = min(sent, default=0.0)
    answers = [
        Answer(when - first, result["code"], result["latency"] / 1e9, result["error"])
        for when, result in zip(sent, results, strict=True)
    ]
    return Outcome(tuple(sorted(answers, key=lambda answer: answer.sent_seconds)))


class Load:
    """Sends one request at a constant rate, for the length of a block.

    It ends with the block, or before it when the time is over; requests that are under way then
    are waited for. `outcome` is there after the block.

    Args:
        vegeta: The program.
        request: What to send.
        per_second: How many requests.
        seconds: Longest duration, whatever happens.
    """

    def __init__(self, vegeta: Path, request: Request, per_second: int, seconds: int) -> None:
        self.outcome = Outcome(())
        self._vegeta = vegeta
        self._request = request
        self._per_second = per_second
        self._seconds = seconds

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="rocksteady-load-")
        self._results = Path(self._folder.name) / "results.bin"
        targets = Path(self._folder.name) / "targets.json"
        targets.write_text(self._request.target(), encoding="utf-8")
        command: list[str | Path] = [
            *(self._vegeta, "attack", "-format=json", f"-targets={targets}"),
            *(f"-rate={self._per_second}/1s", f"-duration={self._seconds}s"),
            *(f"-timeout={REQUEST_TIMEOUT_SECONDS}s", "-redirects=-1", "-max-body=0"),
            f"-output={self._results}",
        ]
        # Without the variables that name a proxy.
        environment = {"PATH": os.environ["PATH"]}
        # A shell without job control lets its background jobs ignore SIGINT, and so do their
        # children: `env` gives the load tool its own way with it again, since it ends by that.
        heeding = ["env", "--default-signal=INT", *command]
        self._process = subprocess.Popen(heeding, env=environment)
        self._started = time.monotonic()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with self._folder:
            self._stop()
            self.outcome = self._read()

    @property
    def elapsed_seconds(self) -> float:
        """How long it has been sending: where in the timeline now is."""
        return time.monotonic() - self._started

    def wait(self) -> None:
        """Wait until its time is over."""
        self._process.wait(self._seconds + REQUEST_TIMEOUT_SECONDS + 5)

    def _stop(self) -> None:
        if self._process.poll() is None:
            # The first of these ends the sending, and lets running requests end.
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(REQUEST_TIMEOUT_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> Outcome:
        # Stopped before the first answer came; vegeta takes an empty file for a broken one.
        if not self._results.exists() or self._results.stat().st_size == 0:
            return Outcome(())
        done = subprocess.run(
            [self._vegeta, "encode", "-to", "json", self._results],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return read_outcome(done.stdout.splitlines())
