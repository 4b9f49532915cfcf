import pytest

from rocksteady.api.reading import kind_of, read_manifest, read_status
from tests.cases.manifests import BASE, SUITE, Manifest, build


@pytest.mark.parametrize(
    ("status", "observed_generation"),
    [
        pytest.param({"observedGeneration": 3}, 3, id="a status"),
        pytest.param({"observedGeneration": 3, "revisions": None}, 3, id="emptied revisions"),
        pytest.param({"observedGeneration": "x"}, 0, id="a status that cannot be read"),
        pytest.param(None, 0, id="no status"),
    ],
)
def test_read_status__reads(status: Manifest | None, observed_generation: int) -> None:
    assert read_status(build({"status": status})).observed_generation == observed_generation


@pytest.mark.parametrize(
    ("manifest", "kind"),
    [
        pytest.param(BASE, "LLMDeployment", id="an LLMDeployment"),
        pytest.param(SUITE, "EvaluationSuite", id="an EvaluationSuite"),
        pytest.param({"kind": "EvaluationSuite"}, "EvaluationSuite", id="our kind, no group"),
        pytest.param({**SUITE, "kind": "EvalSuite"}, "EvaluationSuite", id="a slip of the pen"),
        pytest.param({**BASE, "kind": "X"}, "LLMDeployment", id="our group, nothing like ours"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap"}, None, id="a ConfigMap"),
    ],
)
def test_kind_of__goes_by_kind_or_group(manifest: Manifest, kind: str | None) -> None:
    assert kind_of(manifest) == kind


def test_read_manifest__names_the_field_whose_text_is_no_utf_8() -> None:
    deployment, errors = read_manifest(build({"spec.engine.args": ["-x", "\udc00"]}), strict=True)

    assert deployment is None
    assert [error.path for error in errors] == ["spec.engine.args[1]"]
    assert "half of a surrogate pair" in errors[0].message


def test_read_manifest__refuses_a_template_that_is_nested_too_deeply() -> None:
    template: Manifest = {}
    for _ in range(200):
        template = {"spec": template}

    deployment, errors = read_manifest(build({"spec.podTemplate": template}), strict=False)

    assert deployment is None
    assert [error.message for error in errors] == [
        "is nested more than 100 levels deep: simplify it"
    ]
