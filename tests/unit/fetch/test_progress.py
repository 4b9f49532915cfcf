import time

import pytest

from rocksteady.fetch import attempts
from rocksteady.fetch.progress import redact


class TestPersist:
    def test_persist__tries_again_and_longer_each_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        outcomes = iter([ConnectionError(), ConnectionError(), None])

        def action() -> None:
            outcome = next(outcomes)
            if outcome:
                raise outcome

        attempts.persist(action, (ConnectionError,))

        assert pauses == [2.0, 4.0]

    def test_persist__gives_up_at_last(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "sleep", lambda _: None)
        tried = []

        def action() -> None:
            tried.append(1)
            raise ConnectionError

        with pytest.raises(ConnectionError):
            attempts.persist(action, (ConnectionError,))
        assert len(tried) == attempts.ATTEMPTS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("HTTP 403 for token hf_planted", "HTTP 403 for token ***", id="a token"),
        pytest.param(
            "GET https://h/f?X-Amz-Signature=abc failed", "GET https://h/f?… failed", id="a query"
        ),
        pytest.param("one\ntwo\n\tthree", "one two three", id="one line"),
        pytest.param("nothing to hide", "nothing to hide", id="nothing"),
    ],
)
def test_redact__hides_secrets(text: str, expected: str) -> None:
    assert redact(text, {"HF_TOKEN": "hf_planted", "HOME": "nothing"}) == expected
