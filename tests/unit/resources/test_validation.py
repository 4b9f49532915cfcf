import pytest

from rocksteady.resources.validation import validate_manifest
from tests.cases.invalid import INVALID
from tests.cases.manifests import Invalid, Manifest, Valid, build
from tests.cases.valid import VALID

CASES: tuple[Valid | Invalid, ...] = (*VALID, *INVALID)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in VALID])
@pytest.mark.parametrize("strict", [True, False], ids=["by lint", "by the reconciler"])
def test_validate_manifest__accepts(case: Valid, strict: bool) -> None:  # noqa: FBT001
    result = validate_manifest(build(case.changes), strict=strict)

    assert result.errors == ()
    assert result.deployment is not None
    assert [warning.path for warning in result.warnings] == [path for path, _ in case.warnings]
    for warning, (_, part) in zip(result.warnings, case.warnings, strict=True):
        assert part in warning.message


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in INVALID])
def test_validate_manifest__names_the_field_and_the_cure(case: Invalid) -> None:
    result = validate_manifest(build(case.changes), strict=True)

    assert [error.path for error in result.errors] == [case.path]
    assert case.message in result.errors[0].message
    assert result.deployment is None


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in INVALID])
def test_validate_manifest__says_the_same_to_the_reconciler_but_for_unknown_fields(
    case: Invalid,
) -> None:
    written = validate_manifest(build(case.changes), strict=True)
    read = validate_manifest(build(case.changes), strict=False)

    assert read.errors == (() if case.lint_only else written.errors)


def test_validate_manifest__returns_all_errors_at_once() -> None:
    manifest = build(
        {
            "metadata.name": "7b",
            "spec.modle": {},
            "spec.replicas": -1,
            "spec.engine.type": "vlm",
            "spec.model.name": "-",
        }
    )

    paths = [error.path for error in validate_manifest(manifest, strict=True).errors]

    assert paths == [
        "metadata.name",
        "spec.modle",
        "spec.model.name",
        "spec.engine.type",
        "spec.replicas",
    ]


def test_validate_manifest__returns_what_the_engine_refuses_with_all_other_errors() -> None:
    manifest = build(
        {
            "metadata.name": "7b",
            "spec.model.uri": "hf://x",
            "spec.model.name": "smollm2:v1",
            "spec.engine.type": "sglang",
            "spec.engine.args": ["--port", "1"],
        }
    )

    paths = [error.path for error in validate_manifest(manifest, strict=True).errors]

    assert paths == ["metadata.name", "spec.model.uri", "spec.model.name", "spec.engine.args"]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        pytest.param(
            {"kind": "LLMDeploymnet"},
            "kind",
            "must be LLMDeployment, not 'LLMDeploymnet'",
            id="a misspelt kind",
        ),
        pytest.param(
            {"apiVersion": "rocksteady.dev/v1"},
            "apiVersion",
            "must be rocksteady.dev/v1alpha1, not 'rocksteady.dev/v1'",
            id="another version",
        ),
        pytest.param({"metadata": []}, "metadata", "is required", id="metadata that is a list"),
        pytest.param({"metadata": {}}, "metadata.name", "is required", id="no name"),
        pytest.param({"metadata.name": 7}, "metadata.name", "as text", id="a name in digits"),
        pytest.param(
            {"metadata": {"generateName": "a" * 36}},
            "metadata.generateName",
            "at most 40",
            id="a generated name that gets too long",
        ),
        pytest.param({"spec": "vllm"}, "spec", "must be a group of fields", id="a spec in words"),
    ],
)
def test_validate_manifest__looks_around_the_spec(
    changes: Manifest, path: str, message: str
) -> None:
    (error,) = validate_manifest(build(changes), strict=True).errors

    assert error.path == path
    assert message in error.message


def test_validate_manifest__accepts_a_generated_name() -> None:
    manifest = build({"metadata": {"generateName": "chat-"}})

    assert validate_manifest(manifest, strict=True).errors == ()


def test_validate_manifest__ignores_a_status_that_cannot_be_read() -> None:
    manifest = build({"status": {"conditions": "broken", "unknown": 1}})

    for strict in (True, False):
        assert validate_manifest(manifest, strict=strict).errors == ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.case) for case in CASES])
def test_validate_manifest__never_repeats_what_may_be_a_secret(case: Valid | Invalid) -> None:
    result = validate_manifest(build(case.changes), strict=True)

    assert "planted" not in str((result.errors, result.warnings))


@pytest.mark.parametrize(
    "uri",
    [
        "https://me:planted@example.com/m.gguf#sha256=bad",
        "https://me:pla/planted@example.com/m.gguf",
        "https://me:planted@example.com?x=/m.gguf",
        "https://example.com?signature=planted",
        "http://me:planted@example.com/m.gguf",
        "me:planted@example.com/m.gguf",
        "gs://me:planted@bucket/../m",
        "hf://planted@org/name",
        "hf://me:planted@huggingface.co/org/name",
        ["planted"],
    ],
)
def test_validate_manifest__never_repeats_a_uri_that_is_wrong(uri: str | list[str]) -> None:
    adapter = {"name": "sql", "uri": uri}
    manifest = build({"spec.model.uri": uri, "spec.model.adapters": [adapter]})

    errors = validate_manifest(manifest, strict=True).errors

    assert {error.path for error in errors} == {"spec.model.uri", "spec.model.adapters[0].uri"}
    assert "planted" not in str(errors)


def test_validate_manifest__cuts_a_value_that_fills_the_screen() -> None:
    manifest = build({"spec.engine.type": "x" * 5000})

    (error,) = validate_manifest(manifest, strict=True).errors

    assert len(error.message) < 200


def test_validate_manifest__does_not_change_what_it_reads() -> None:
    manifest = build({"spec.replicas": None, "spec.engine.args": None})

    validate_manifest(manifest, strict=True)

    assert manifest["spec"]["replicas"] is None


def test_validate_manifest__keeps_nulls_inside_of_a_pod_template_only() -> None:
    template = {"metadata": None, "spec": {"nodeSelector": None}}

    result = validate_manifest(build({"spec.podTemplate": template}), strict=True)

    assert result.errors == ()
    assert result.deployment is not None
    assert result.deployment.spec.pod_template == {"spec": {"nodeSelector": None}}
