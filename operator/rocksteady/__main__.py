"""Entry points: `rocksteady`, `kubectl rocksteady` and `python -m rocksteady`."""

import click

from rocksteady.cli.commands import CommandGroup


@click.group(cls=CommandGroup, context_settings={"auto_envvar_prefix": "ROCKSTEADY"})
@click.version_option(package_name="rocksteady")
def main() -> None:
    """Rocksteady takes language models from prototype to production on Kubernetes.

    On the path as kubectl-rocksteady it is a plugin of kubectl: kubectl rocksteady status chat.
    """


def kubectl_plugin() -> None:
    """The same commands as a plugin of kubectl, which names them so in usage and help."""
    main(prog_name="kubectl rocksteady")


if __name__ == "__main__":
    main()
