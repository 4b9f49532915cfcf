"""Every example can be applied as it is."""

from pathlib import Path

import pytest
import yaml

from rocksteady import conventions
from rocksteady.resources.validation import validate_manifest

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_examples__have_no_errors(path: Path) -> None:
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if manifest["kind"] == conventions.KIND:
            assert validate_manifest(manifest, strict=True).errors == ()


def test_examples__show_at_least_three_engines() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    manifests = [manifest for text in texts for manifest in yaml.safe_load_all(text)]
    engines = {
        manifest["spec"]["engine"]["type"]
        for manifest in manifests
        if manifest["kind"] == conventions.KIND
    }

    assert len(engines) >= 3
