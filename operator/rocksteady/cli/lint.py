"""`rocksteady lint`: say what is wrong with manifests before anything is applied."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from rocksteady import conventions
from rocksteady.api.reading import kind_of
from rocksteady.api.suite_validation import SuiteValidation, validate_suite
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
    """Check the LLMDeployments and EvaluationSuites in FILES.

    FILES are YAML of any number of documents; - is standard input. Items of a suite that stand in
    another file are not read. Prints one line for each finding, `file: kind/name: field: message`.
    Exits with 1 when there are errors, or when there was nothing to check; warnings alone exit
    with 0.
    """
    tally = _Tally()
    for file in files:
        _lint_file(file, tally)
    if not tally.checked and not tally.errors:
        kinds = f"{conventions.KIND} or {conventions.SUITE_KIND}"
        click.echo(f"no {kinds} in {', '.join(files)}: nothing was checked", err=True)
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
                _lint_manifest(file, manifest, tally)
    except ManifestError as error:
        click.echo(f"{file}: {error}")
        tally.errors += 1
    except OSError as error:
        click.echo(f"{file}: cannot be read: {error.strerror}")
        tally.errors += 1


def _lint_manifest(file: str, manifest: Mapping[str, Any], tally: _Tally) -> None:
    kind = kind_of(manifest)
    if kind == conventions.SUITE_KIND:
        _report(file, manifest, validate_suite(manifest, strict=True), tally)
    elif kind is not None:
        _report(file, manifest, validate_manifest(manifest, strict=True), tally)


def _report(
    file: str, manifest: Mapping[str, Any], validation: Validation | SuiteValidation, tally: _Tally
) -> None:
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
