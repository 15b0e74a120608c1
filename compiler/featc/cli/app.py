"""The `featc` command: its subcommands, and how every way of ending becomes an exit code.

0 done; 1 the user's project or data; 2 usage; 3 differences found; 4 environment, safe to retry.
"""

from __future__ import annotations

import sys

import click

from featc import __version__
from featc.cli import (
    backfilling,
    building,
    catalogue,
    completing,
    documenting,
    explaining,
    explaining_plans,
    generations,
    materializing,
    picturing,
    planning,
    proving,
    retaining,
    serving,
    standing,
    starting,
    tracing,
    training,
)
from featc.cli.failures import close_output, failure_of, report
from featc.cli.session import FORMAT
from featc.errors import nearest

_LATER = {
    "serve": "use featc get, or FeatureStore.get_online_features in a process of your own",
    "stream": "use featc push, or FeatureStore.push in a consumer of your own",
    "skew": "featc verify proves that both plans agree",
}
"""Commands of later versions, and what there is until then."""


class Commands(click.Group):
    """The commands, with errors of any kind told in the same way."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except BrokenPipeError:  # the reader, say `head`, had enough
            close_output()
            ctx.exit(0)
        except Exception as error:
            failure = failure_of(error)
            report(failure.diagnostics, ctx.meta.get(FORMAT, "text"))
            ctx.exit(failure.exit_code)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and name in _LATER:
            raise click.UsageError(f"featc {name} is not built yet: {_LATER[name]}.", ctx)
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = nearest(name, self.list_commands(ctx))
            hint = f" Did you mean '{close}'?" if close else ""
            raise click.UsageError(f"There is no command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="featc", message="%(prog)s %(version)s")
def cli() -> None:
    """One definition of a feature: a point-in-time correct training query and an online query, proven equal.

    \b
    featc build                                       check everything, write SQL and manifest
    featc dataset checkout --spine labels.parquet     a training set
    featc backfill                                    offline state, what is open of it
    featc push orders new_orders.csv                  new events into the online store
    featc materialize                                 or all that the sources hold and it lacks
    featc get checkout --key user_id=42               a vector from the online store
    featc why checkout spend_7d --key user_id=42      the rows behind one value
    featc verify                                      prove that both agree

    Exit codes: 0 done, 1 your project or data, 2 usage, 3 differences found, 4 environment (try again).
    """


_MODULES = (
    starting,
    building,
    catalogue,
    training,
    backfilling,
    serving,
    materializing,
    retaining,
    standing,
    proving,
    picturing,
    planning,
    generations,
    documenting,
    tracing,
    explaining_plans,
    explaining,
    completing,
)
for module in _MODULES:
    for command in module.COMMANDS:
        cli.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and gives its exit code."""
    try:
        code = cli.main(args=arguments, prog_name="featc", standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        code = wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except SystemExit as done:  # click, on a closed pipe
        code = done.code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        close_output()
    return code if isinstance(code, int) else 0
