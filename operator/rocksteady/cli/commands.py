"""The commands by name; each is imported when it is asked for.

The Kubernetes client alone takes more than a second to import, so that help would be slow if all of
them were imported before it is shown.
"""

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "run": ("run:run", "Run the operator."),
    "lint": ("lint:lint", "Check LLMDeployments before they are applied."),
    "plan": ("plan:plan", "What a rollout would do and see, computed from a manifest."),
    "status": ("status:status", "What serves, what is on its way, and what it waits for."),
    "promote": ("ask:promote", "Let the canary take over without its remaining steps."),
    "abort": ("ask:abort", "End the rollout and refuse its revision."),
    "retry": ("ask:retry", "Try the refused revision of the spec again."),
    "release": ("ask:release", "Lift the quarantine of a revision."),
    "pause": ("ask:pause", "Let rollouts stand still."),
    "resume": ("ask:resume", "Let rollouts go on after a pause."),
    "history": ("history:history", "All attempts that are kept, and how they ended."),
    "explain": ("explain:explain", "Every decision of an attempt, with its numbers."),
    "replay": ("replay:replay", "Compute every decision of an attempt again, and compare."),
    "eval": ("evaluation:evaluation", "Ask suites, their results, and which items changed sides."),
}
"""Module and attribute in `rocksteady.cli`, and the short help, in the order of the help."""


class CommandGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - of click
        """Names in the order in which the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - of click
        """The command; None: there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"rocksteady.cli.{module}"), attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - of click
        """The list in the help, without importing what is listed."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])
