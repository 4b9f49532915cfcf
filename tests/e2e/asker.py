"""Somebody who asks a model all the time, while something else happens to it."""

import threading
import time
from typing import Self

from openai import OpenAI

from tests.e2e.conftest import wait_answer

PAUSE_SECONDS = 0.3
MAX_REQUESTS = 400


class Asker:
    """Asks the model one short question after the other, and counts.

    Args:
        client: Of the model.
    """

    def __init__(self, client: OpenAI) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        wait_answer(self._client)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        for _ in range(MAX_REQUESTS):
            if self._stop.is_set():
                return
            try:
                self._client.chat.completions.create(
                    model="smollm2", messages=[{"role": "user", "content": "Hi"}], max_tokens=4
                )
                self.answered += 1
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
                self.failures.append(f"{type(error).__name__}: {error}")
            time.sleep(PAUSE_SECONDS)
