"""`rocksteady lint`: say what is wrong with LLMDeployments before anything is applied."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from rocksteady import conventions
from rocksteady.api.reading import is_ours
from rocksteady.cli.documents import ManifestError, read_manifests
from rocksteady.resources.validation import Validation, validate_manifest


@dataclass
class _Tally:
    """What has been counted so far."""

    checked: int = 0
    errors: int = 0
    warnings: int = 0


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
def lint(files: tuple[str, ...]) -> None:
    """Check the LLMDeployments in FILES (YAML, any number of documents; - is standard input).

    Prints one line for each finding, `file: kind/name: field: message`. Exits with 1 when there are
    errors, or when there was no LLMDeployment to check; warnings alone exit with 0.
    """
    tally = _Tally()
    for file in files:
        _lint_file(file, tally)
    if not tally.checked and not tally.errors:
        click.echo(f"no {conventions.KIND} in {', '.join(files)}: nothing was checked", err=True)
        sys.exit(1)
    click.echo(
        f"checked: {tally.checked}, errors: {tally.errors}, warnings: {tally.warnings}", err=True
    )
    sys.exit(1 if tally.errors else 0)


def _lint_file(file: str, tally: _Tally) -> None:
    """Check every manifest of one file that is ours; manifests of other kinds are passed over."""
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            for manifest in read_manifests(stream):
                if is_ours(manifest):
                    _report(file, manifest, validate_manifest(manifest, strict=True), tally)
    except ManifestError as error:
        click.echo(f"{file}: {error}")
        tally.errors += 1
    except OSError as error:
        click.echo(f"{file}: cannot be read: {error.strerror}")
        tally.errors += 1


def _report(file: str, manifest: Mapping[str, Any], validation: Validation, tally: _Tally) -> None:
    subject = f"{file}: {manifest.get('kind')}/{_name(manifest)}"
    for error in validation.errors:
        click.echo(f"{subject}: {error.path}: {error.message}")
    for warning in validation.warnings:
        click.echo(f"{subject}: {warning.path}: warning: {warning.message}")
    tally.checked += 1
    tally.errors += len(validation.errors)
    tally.warnings += len(validation.warnings)


def _name(manifest: Mapping[str, Any]) -> str:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        return "(no name)"
    return str(metadata.get("name") or metadata.get("generateName") or "(no name)")
