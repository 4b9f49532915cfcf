# ruff: noqa: INP001 - a program, not a module of a package
"""Write `crds/` and the chart's copy from the API models; with --check, say if they are current.

Run from anywhere: `python hack/gen_crds.py [--check]`.
"""

import sys
from pathlib import Path

import click
import yaml

from rocksteady import conventions
from rocksteady.api.crd import build_crd

REPOSITORY = Path(__file__).resolve().parent.parent
CRD_FILE = REPOSITORY / "crds" / f"{conventions.GROUP}_{conventions.PLURAL}.yaml"
CHART_FILE = REPOSITORY / "charts" / "rocksteady" / "crds" / CRD_FILE.name
_HEADER = "# Made by hack/gen_crds.py from operator/rocksteady/api: change it there.\n"


def render_crd() -> str:
    """The CRD as the YAML text of its file."""
    return _HEADER + yaml.safe_dump(build_crd(), sort_keys=False, width=100, allow_unicode=True)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
def main(*, check: bool) -> None:
    """Write the CRD and its copy, or check them."""
    text = render_crd()
    stale = [file for file in (CRD_FILE, CHART_FILE) if not _says(file, text)]
    for file in stale:
        if check:
            name = file.relative_to(REPOSITORY)
            print(f"{name} is not what the API models say: run make generate", file=sys.stderr)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if stale and check:
        sys.exit(1)


def _says(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
