# ruff: noqa: INP001 - a program, not a module of a package
"""Write `crds/` and the chart's copy from the API models; with --check, say if they are current.

Run from anywhere: `python hack/gen_crds.py [--check]`.
"""

import sys
from pathlib import Path

import click
import yaml

from rocksteady import conventions
from rocksteady.api.crd import build_crds

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = (REPOSITORY / "crds", REPOSITORY / "charts" / "rocksteady" / "crds")
"""Where each CRD is written, the same in both."""
_HEADER = "# Made by hack/gen_crds.py from operator/rocksteady/api: change it there.\n"


def render_crds() -> dict[str, str]:
    """The CRDs as YAML text by the name of their file."""
    return {
        f"{conventions.GROUP}_{plural}.yaml": _HEADER
        + yaml.safe_dump(crd, sort_keys=False, width=100, allow_unicode=True)
        for plural, crd in build_crds().items()
    }


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
def main(*, check: bool) -> None:
    """Write the CRDs and their copies, or check them."""
    texts = {folder / name: text for folder in FOLDERS for name, text in render_crds().items()}
    stale = {file: text for file, text in texts.items() if not _says(file, text)}
    for file, text in stale.items():
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
