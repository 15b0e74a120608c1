"""`featc why`: the rows behind one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from featc.cli.completing import asked_for, names_of
from featc.cli.serving import pairs, refuse_lacking
from featc.cli.session import Session, command
from featc.errors import FeatcError, Findings

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@command("why", "The rows behind one value.")
@click.argument("service", shell_complete=names_of("services"))
@click.argument("feature")
@asked_for
@click.option("--at", metavar="T", help="An instant such as 2026-06-01T12:00:00Z. Default: now.")
@click.option("--known-at", metavar="T", help="Of a label: count what was known at T, and not all there is.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="List so many rows of each kind; of those that count, the first N and the last N.",
)
@click.pass_context
def why(
    ctx: click.Context,
    session: Session,
    service: str,
    feature: str,
    keys: tuple[str, ...],
    request: tuple[str, ...],
    at: str | None,
    known_at: str | None,
    limit: int,
) -> None:
    """The rows behind one value: which count, which just do not, and what each plan says.

    \b
    featc why checkout spend_7d --key user_id=42 --at 2026-06-01T12:00:00Z
    featc why checkout value_vs_avg --key user_id=42 --request basket_value=80
    featc why checkout user_orders.orders_7d --key user_id=42 --limit 50
    featc why checkout spend_7d --key user_id=42 --at 2026-06-01 --format json

    FEATURE is a column of the service or of its labels, or view.feature of what these are made of; a view does in
    place of a service. Rows come from the target's sources, by the stages of the training query. Exit code 3: training
    and online differ.
    """
    with session.store() as store:
        service, feature = store.names(service), store.names(feature)
        given = _given(store, service, feature, keys, request)
        report = store.why(service, feature, given, at, known_at=known_at, limit=limit)
        if session.is_json:
            session.data(report.to_json())
        else:
            session.say(report.render())
    ctx.exit(report.exit_code)


def _given(
    store: FeatureStore, service: str, feature: str, keys: tuple[str, ...], request: tuple[str, ...]
) -> dict[str, Any]:
    """The keys and request columns given, as values of their types; those of other features of the service may be
    there, too. Raises FeatcError F805, F850, F851."""
    from featc.resolve.needs import spine_columns
    from featc.runtime.why.asked import output_asked

    project = store.project
    output = output_asked(project, service, feature)
    found = project.services.get(service)
    others = (*found.keys, *found.request) if found is not None else ()
    types = dict((*others, *(c for part in spine_columns(project, [output]) for c in part)))
    wrong = Findings()
    given = pairs(keys, types, "--key", wrong) | pairs(request, types, "--request", wrong)
    if wrong.errors:
        raise FeatcError(wrong.errors, exit_code=2)
    refuse_lacking(project, [output], given)
    return given


COMMANDS = (why,)
