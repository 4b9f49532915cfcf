from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from rocksteady.cli.lint import lint
from tests.cases.manifests import BASE, SUITE, Manifest, build

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rules"}}
INVALID = build({"spec.engine.type": "vlm", "spec.replica": 2})
UNPINNED = build({"spec.model.uri": "hf://org/name"})


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(lint, arguments, input=stdin)


def text_of(*manifests: Manifest | None) -> str:
    return yaml.safe_dump_all(manifests)


def test_lint__is_silent_on_a_valid_manifest() -> None:
    result = run("-", stdin=text_of(BASE))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "checked: 1, errors: 0, warnings: 0\n"


def test_lint__names_file_object_field_and_cure(tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(text_of(CONFIG_MAP, None, INVALID))

    result = run(str(file))

    subject = f"{file}: LLMDeployment/chat"
    assert result.exit_code == 1
    assert result.stdout == (
        f"{subject}: spec.replica: unknown field: did you mean replicas?\n"
        f"{subject}: spec.engine.type: must be one of vllm, sglang, tgi, llamacpp, ollama, custom,"
        " not 'vlm'; did you mean vllm?\n"
    )
    assert result.stderr == "checked: 1, errors: 2, warnings: 0\n"


def test_lint__checks_suites_beside_deployments() -> None:
    broken = build({"spec.items.inline": [], "spec.kind": "Safty"}, SUITE)

    result = run("-", stdin=text_of(BASE, SUITE, broken))

    subject = "-: EvaluationSuite/golden"
    assert result.exit_code == 1
    assert result.stdout == (
        f"{subject}: spec.kind: must be one of Quality, Safety, not 'Safty'; did you mean Safety?\n"
        f"{subject}: spec.items.inline: must have at least 1 entry, has 0\n"
    )
    assert result.stderr == "checked: 3, errors: 2, warnings: 0\n"


def test_lint__prints_warnings_and_succeeds() -> None:
    result = run("-", stdin=text_of(UNPINNED))

    assert result.exit_code == 0
    assert result.stdout == (
        "-: LLMDeployment/chat: spec.model.uri: warning: not pinned: add the commit, as in"
        " hf://organisation/name@<commit>\n"
    )


def test_lint__goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing, file = tmp_path / "missing.yaml", tmp_path / "chat.yaml"
    file.write_text(text_of(UNPINNED, BASE))

    result = run(str(missing), str(file))

    assert result.exit_code == 1
    assert f"{missing}: cannot be read: No such file or directory\n" in result.stdout
    assert result.stderr == "checked: 2, errors: 1, warnings: 1\n"


def test_lint__looks_into_a_list() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [CONFIG_MAP, INVALID]}

    assert run("-", stdin=text_of(listed)).exit_code == 1


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        pytest.param("", "no LLMDeployment or EvaluationSuite in -: nothing", id="an empty file"),
        pytest.param(text_of(CONFIG_MAP), "nothing was checked", id="a file of other kinds"),
        pytest.param("a: [", "-: line 1, column 5: expected", id="broken YAML"),
        pytest.param(
            "a: 1\nb: 2\na: 3\n", "-: line 3, column 1: key 'a' is given twice", id="twice"
        ),
        pytest.param("- a\n", "-: document 1 is not a manifest", id="a list of texts"),
        pytest.param("a: &x [*x]", "-: document 1 cannot be written as JSON: Circ", id="a cycle"),
        pytest.param("a: .nan", "-: document 1 cannot be written as JSON", id="not a number"),
        pytest.param("a: !!binary eA==", "-: document 1 cannot be written as JSON", id="bytes"),
        pytest.param("[" * 9999, "-: is nested too deeply", id="a pit of brackets"),
        pytest.param("a: !!python/name:os.system", "-: line 1, column 4", id="a foreign tag"),
        pytest.param(b"\xff\xfe", "-: is not YAML", id="not text"),
        pytest.param(
            text_of({**BASE, "kind": "LLMDeploymnet"}),
            "LLMDeploymnet/chat: kind: must be LLMDeployment",
            id="a misspelt kind is not passed over",
        ),
        pytest.param(
            text_of({**SUITE, "kind": "EvaluationSuit"}),
            "EvaluationSuit/golden: kind: must be EvaluationSuite",
            id="a misspelt kind of suite is not passed over",
        ),
        pytest.param(
            text_of(SUITE).replace("Paris", '"\\ud800"').encode(),
            "spec.items.inline[0].checks[0].texts[0]: character 1 is half of a surrogate pair",
            id="a text that is no UTF-8",
        ),
        pytest.param(
            text_of({**BASE, "metadata": {}}),
            "LLMDeployment/(no name): metadata.name: is required",
            id="an object without name",
        ),
    ],
)
def test_lint__never_passes_what_it_could_not_check(stdin: str | bytes, message: str) -> None:
    result = run("-", stdin=stdin)

    assert result.exit_code == 1
    assert message in result.output


def test_lint__reads_dates_as_text_as_kubernetes_does() -> None:
    text = text_of(BASE).replace("smollm2", "2026-01-01", 1)

    assert run("-", stdin=text).exit_code == 0
