"""The CRD of EvaluationSuite on a real API server: its schema, CEL rules, defaults and status."""

import time

import pytest

from rocksteady.api.suite_content import content_hash
from rocksteady.api.suite_validation import validate_suite
from tests.apiserver.conftest import CRDS, SUITES, Answer, ApiServer
from tests.cases.manifests import SUITE, Invalid, Manifest, Valid, build
from tests.cases.suites import INLINE, INVALID_SUITES, VALID_SUITES, item

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(60, func_only=True)]

NAME = f"{CRDS}/evaluationsuites.rocksteady.dev"
GOLDEN = f"{SUITES}/golden"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
STATUS: Manifest = {
    "observedGeneration": 1,
    "contentHash": "0" * 64,
    "itemCount": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Readable",
            "message": "1 item",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}
REFUSED = [case for case in INVALID_SUITES if case.server is not None]
LEFT_TO_US = [case for case in INVALID_SUITES if case.server is None]
# What JSON cannot carry to the API server as it is.
UNSENDABLE = "a text that is no UTF-8"


@pytest.fixture(autouse=True)
def _served(api: ApiServer) -> None:
    """Wait until the API server has its storage of suites ready too."""
    deadline = time.monotonic() + 30
    while api.request("GET", SUITES).code != 200:
        assert time.monotonic() < deadline, "evaluationsuites were not served within 30 s"
        time.sleep(0.1)


def create(api: ApiServer, manifest: Manifest) -> Answer:
    return api.create(manifest, SUITES)


def test_suite_crd__is_established_without_violations(api: ApiServer) -> None:
    """The API server has estimated what each CEL rule costs, and refuses a CRD that costs more."""
    conditions = {
        condition["type"]: condition
        for condition in api.request("GET", NAME).body["status"]["conditions"]
    }

    assert conditions["Established"]["status"] == "True"
    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in VALID_SUITES])
def test_api_server__accepts(api: ApiServer, case: Valid) -> None:
    written = build(case.changes, SUITE)

    answer = create(api, written)

    assert answer.code == 201, answer.message
    read = validate_suite(answer.body, strict=True)
    assert read.errors == ()
    assert [warning.path for warning in read.warnings] == [path for path, _ in case.warnings]
    # With defaults filled in and empty fields gone, it still is the same content.
    before = validate_suite(written, strict=True)
    assert before.suite is not None
    assert read.suite is not None
    assert content_hash(read.suite.spec, read.items) == content_hash(
        before.suite.spec, before.items
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in REFUSED])
def test_api_server__refuses(api: ApiServer, case: Invalid) -> None:
    answer = create(api, build(case.changes, SUITE))

    assert answer.code in {400, 422}, answer.body
    assert case.server is not None
    assert case.server in answer.message
    assert api.request("GET", SUITES).body["items"] == []


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.case) for case in LEFT_TO_US if case.case != UNSENDABLE],
)
def test_api_server__leaves_to_the_operator(api: ApiServer, case: Invalid) -> None:
    answer = create(api, build(case.changes, SUITE))

    assert answer.code == 201, answer.message
    assert [e.path for e in validate_suite(answer.body, strict=False).errors] == [case.path]


def test_api_server__takes_the_largest_suite_that_we_accept(api: ApiServer) -> None:
    """As much as fits beside the API server's own record of who wrote which item."""
    items = [item(id=f"{'i' * 50}-{number}", prompt="x" * 750) for number in range(1000)]
    manifest = build({INLINE: items, "spec.marginPoints": "2"}, SUITE)
    assert validate_suite(manifest, strict=True).errors == ()

    answer = api.request("PATCH", GOLDEN, manifest, APPLY, fieldManager="me")

    assert answer.code == 201, answer.message


def test_api_server__takes_as_many_checks_as_fit(api: ApiServer) -> None:
    """Each check costs its CEL rules, and what all of them may cost together has a bound."""
    checks = [{"type": "MultipleChoice", "options": ["A", "B"], "answer": "A"}] * 8
    items = [item(*checks, id=f"i{number}") for number in range(1000)]
    manifest = build({INLINE: items, "spec.marginPoints": "2"}, SUITE)
    assert validate_suite(manifest, strict=True).errors == ()

    answer = create(api, manifest)

    assert answer.code == 201, answer.message


def test_defaults__are_those_that_are_part_of_the_content(api: ApiServer) -> None:
    answer = create(api, build({"spec.sampling": {}, "spec.limits": {}}, SUITE))

    assert answer.body["spec"] == {
        **SUITE["spec"],
        "kind": "Quality",
        "reveal": False,
        "limits": {},
        "sampling": {
            "temperature": "0",
            "topP": "1",
            "maxTokens": 512,
            "seed": 1234,
            "samplesPerItem": 1,
        },
    }


def test_apply__lets_two_managers_own_one_item_each(api: ApiServer) -> None:
    mine, theirs = (build({INLINE: [item(id=name)]}, SUITE) for name in ("a", "b"))

    api.request("PATCH", GOLDEN, mine, APPLY, fieldManager="me")
    answer = api.request("PATCH", GOLDEN, theirs, APPLY, fieldManager="them")

    assert answer.code == 200, answer.message
    assert [one["id"] for one in answer.body["spec"]["items"]["inline"]] == ["a", "b"]


def test_status__is_written_through_its_subresource_only(api: ApiServer) -> None:
    created = create(api, build({"status": STATUS}, SUITE)).body
    assert "status" not in created

    answer = api.request("PUT", f"{GOLDEN}/status", {**created, "status": STATUS})

    assert answer.code == 200, answer.message
    assert answer.body["status"] == STATUS
    assert answer.body["metadata"]["generation"] == 1


def test_status__has_a_whole_hash(api: ApiServer) -> None:
    create(api, SUITE)

    answer = api.request("PATCH", f"{GOLDEN}/status", {"status": {"contentHash": "abc"}}, MERGE)

    assert answer.code == 422
    assert "status.contentHash" in answer.message


def test_table__shows_what_a_person_looks_for(api: ApiServer) -> None:
    created = create(api, SUITE).body
    api.request("PUT", f"{GOLDEN}/status", {**created, "status": STATUS})

    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    table = api.request("GET", SUITES, accept=accept).body
    names = [column["name"] for column in table["columnDefinitions"]]
    shown = dict(zip(names, table["rows"][0]["cells"], strict=True))

    assert shown.pop("Age").endswith("s")
    assert shown == {
        "Name": "golden",
        "Ready": "True",
        "Kind": "Quality",
        "Runner": None,
        "Items": 1,
        "Content": "0" * 64,
        "Message": "1 item",
    }
