"""Entry point: `rocksteady` and `python -m rocksteady`."""

import click

from rocksteady.cli.lint import lint
from rocksteady.cli.run import run


@click.group(context_settings={"auto_envvar_prefix": "ROCKSTEADY"})
@click.version_option(package_name="rocksteady")
def main() -> None:
    """Rocksteady takes language models from prototype to production on Kubernetes."""


main.add_command(run)
main.add_command(lint)

if __name__ == "__main__":
    main()
