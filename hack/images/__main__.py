"""Command line: `python -m hack.images build NAME...` and `python -m hack.images list`."""

from pathlib import Path

import click

from hack.images.build import ensure
from hack.images.errors import ImageError
from hack.images.recipes import NAMES, reference


@click.group()
def main() -> None:
    """Build the container images of the local cluster, without a registry."""


@main.command()
@click.argument("names", nargs=-1, required=True, type=click.Choice(NAMES))
@click.option(
    "--binary",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The static program to put in (of an image made from one; one name only).",
)
def build(names: tuple[str, ...], binary: Path | None) -> None:
    """Build what has changed, and print the path of each archive."""
    if binary is not None and len(names) > 1:
        raise click.UsageError("--binary goes with one image name")
    for name in names:
        try:
            click.echo(ensure(name, binary=binary))
        except ImageError as error:
            raise click.ClickException(str(error)) from error


@main.command("list")
def list_images() -> None:
    """Print the images there are, by name and full reference."""
    for name in NAMES:
        click.echo(f"{name}\t{reference(name)}")


if __name__ == "__main__":
    main()
