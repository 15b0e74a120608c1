"""`featc plan`, `featc apply` and `featc diff`: what an edit means, before it is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featc.cli.generations import end_progress, progress_of
from featc.cli.planning_text import applied_lines, markdown, tree
from featc.cli.session import Session, command

if TYPE_CHECKING:
    from featc.runtime.planning import Plan


@command("plan", "What the edits since the last apply mean.", formats=("text", "json", "markdown"))
@click.option("--check-values", is_flag=True, help="Compute what changed as it was and as it is, and compare.")
@click.option("--spine", metavar="FILE|SELECT", help="Where to compare; else at what happened last to each entity.")
@click.pass_context
def plan(ctx: click.Context, session: Session, check_values: bool, spine: str | None) -> None:
    """What the edits since the last apply mean: which values change, which stay, what has to run, who is affected.

    \b
    featc plan
    featc plan --format markdown > plan.md     for a pull request
    featc plan --check-values                  which values differ, on a sample of the data

    Compares the project with featc.lock, and writes nothing. Ends with 3 when there is something to do.
    """
    with session.store() as store:
        found = store.plan(check_values=check_values or spine is not None, spine=spine)
    show(session, found)
    ctx.exit(0 if found.is_nothing else 3)


@command("apply", "Make the edits count: fill, prove, serve, and write featc.lock.")
@click.option("--no-verify", "verify", is_flag=True, flag_value=False, default=True, help="Write the lock unproven.")
@click.pass_context
def apply(ctx: click.Context, session: Session, verify: bool) -> None:
    """Fill the tiles that changed definitions lack, prove that both plans agree on them, make the online store answer
    by them, and write featc.lock.

    \b
    featc plan
    featc apply
    featc rollback        what was applied before answers again

    The online store is built beside the one that answers, from the sources' data and what was pushed, while reads and
    pushes go on; then it answers from one moment to the next. Stopped before that, everything is as it was, and the
    next run goes on. Tiles of the old definitions stay beside the new. Values that differ are an error (3), and nothing
    is written.
    """
    from featc.runtime.planning.apply import apply as carry_out

    with session.store() as store:
        found = carry_out(store, verify=verify, progress=progress_of(session))
    end_progress(session)
    if session.is_json:
        session.data(found.to_json())
    else:
        for line in applied_lines(found):
            session.say(line)
    ctx.exit(found.exit_code)


@command("diff", "What changed from one state of the project to another.", formats=("text", "json", "markdown"))
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@click.pass_context
def diff(ctx: click.Context, session: Session, before: str, after: str | None) -> None:
    """What changed from A to B, or to the project as it stands. Ends with 3 when anything did.

    
    featc diff main                        against a git revision
    featc diff v1.2 v1.3 --format markdown
    featc diff ../shop-before ../shop      two folders
    featc diff old/target                  a build
    """
    from featc.runtime.planning.sides import between

    with session.store() as store:
        found = between(store.compiled, before, after)
    show(session, found)
    ctx.exit(0 if found.is_nothing else 3)


def show(session: Session, found: Plan) -> None:
    """A plan in the session's form."""
    if session.is_json:
        session.data(found.to_json())
        return
    for line in (markdown if session.form == "markdown" else tree)(found):
        session.say(line)


COMMANDS = (plan, apply, diff)
