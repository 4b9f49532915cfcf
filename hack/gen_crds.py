# ruff: noqa: INP001 - a program, not a module of a package
"""Write `crds/` from the API models; with --check, say whether it is up to date.

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
_HEADER = "# Made by hack/gen_crds.py from operator/rocksteady/api: change it there.\n"


def render_crd() -> str:
    """The CRD as the YAML text of its file."""
    return _HEADER + yaml.safe_dump(build_crd(), sort_keys=False, width=100, allow_unicode=True)


@click.command()
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 when the file is not up to date."
)
def main(*, check: bool) -> None:
    """Write the CRD, or check it."""
    text = render_crd()
    current = CRD_FILE.read_text(encoding="utf-8") if CRD_FILE.exists() else ""
    if text == current:
        return
    if check:
        print(
            f"{CRD_FILE.relative_to(REPOSITORY)} is not what the API models say:"
            " run python hack/gen_crds.py",
            file=sys.stderr,
        )
        sys.exit(1)
    CRD_FILE.parent.mkdir(exist_ok=True)
    CRD_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
