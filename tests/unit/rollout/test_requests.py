"""What people ask for by annotation."""

import pytest

from rocksteady.rollout.requests import Request, Verb, read_requests
from tests.builders import A, B

PREFIX = "rocksteady.dev"


def test_requests__are_read_with_the_strongest_first() -> None:
    annotations = {f"{PREFIX}/{verb}": B for verb in ("promote", "retry", "release", "abort")}
    found, paused = read_requests(annotations, ())
    assert [one.verb for one in found] == [Verb.ABORT, Verb.RELEASE, Verb.RETRY, Verb.PROMOTE]
    assert not paused


def test_request__says_who_asks_and_that_nobody_checked() -> None:
    annotations = {f"{PREFIX}/abort": B, f"{PREFIX}/requested-by": "ada"}
    found, _ = read_requests(annotations, ())
    assert found == (Request(Verb.ABORT, B, f"abort={B}", "ada (unverified)"),)


def test_request__that_was_acted_on_is_asked_again_with_a_token() -> None:
    handled = {f"promote={B}"}
    assert read_requests({f"{PREFIX}/promote": B}, handled) == ((), False)
    found, _ = read_requests({f"{PREFIX}/promote": f"{B}@2"}, handled)
    assert [(one.revision, one.text) for one in found] == [(B, f"promote={B}@2")]


@pytest.mark.parametrize(
    ("value", "paused"),
    [("true", True), ("false", False), ("True", False), ("", False), (A, False)],
)
def test_pause__holds_while_the_annotation_says_true(value: str, *, paused: bool) -> None:
    assert read_requests({f"{PREFIX}/pause": value}, ())[1] is paused


def test_request__of_any_length_fits_the_status() -> None:
    found, _ = read_requests({f"{PREFIX}/promote": "x" * 5000}, ())
    assert len(found[0].text) <= 128


def test_request__that_is_empty_is_none() -> None:
    assert read_requests({f"{PREFIX}/abort": ""}, ()) == ((), False)
