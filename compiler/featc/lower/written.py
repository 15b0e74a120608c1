"""Row expressions as their author wrote them, each by itself: to find the one that a value makes fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from featc.lower import source as src
from featc.lower.ctes import conjunction, indent, named, select
from featc.lower.online_lift import pushed
from featc.lower.source import quoted
from featc.resolve.model import Expr, Source, View


@dataclass(frozen=True, slots=True)
class Written:
    """An expression, what it is for the author, and `rows`: the conditions on the rows it is asked of.

    `of_feature`: features bring it, each with its own; all else concerns every feature of the view.
    """

    what: str
    expr: Expr
    rows: tuple[str, ...] = ()
    of_feature: bool = False


def written_in(source: Source, view: View) -> Iterator[Written]:
    """A view's row expressions, in the order in which one can make the others fail."""
    times = {"time": source.time, "available_at": source.available_at}
    times |= {"deleted": source.deleted, "valid_to": source.valid_to}
    for word, expr in times.items():
        if expr is not None:
            yield Written(f"{word} of {source.name}", expr)
    passing: tuple[str, ...] = ()
    if view.joins:  # over rows of the source alone its expressions say nothing
        return
    if view.where is not None:
        yield Written(f"the where of {view.name}", view.where)
        passing = (f"({src.render(view.where)})",)
    for key in view.keys:
        if key.expr is not None:
            yield Written(f"the key {key.name} of {view.name}", key.expr, passing)
    for slot in view.slots:
        kept = passing
        if slot.filter is not None:
            yield Written(f"a filter in {view.name}", slot.filter, passing, of_feature=True)
            kept = (*passing, f"({src.render(slot.filter)})")
        yield Written(f"an expression in {view.name}", slot.value, kept, of_feature=True)


def lets_within(source: Source, expr: Expr) -> list[Written]:
    """The source's `let` names that an expression is made of, the innermost first."""
    whole = src.render(expr)
    found = [(name, let) for name, let in source.lets if src.render(let) in whole]
    return [Written(f"let {name} of {source.name}", let) for name, let in sorted(found, key=_length)]


def _length(found: tuple[str, Expr]) -> int:
    return len(src.render(found[1]))


def over_source(source: Source, written: Written) -> str:
    """A query over a source's data that fails where the expression does."""
    items = [named(src.normalised_column(source, n), quoted(n)) for n in _columns(source, written)]
    return _asked(written, items, src.relation_of(source))


def over_batch(source: Source, written: Written, table: str) -> str:
    """The same over a table of a batch's rows."""
    batch = pushed(source)
    items = [named(src.normalised_batch_column(batch, n), quoted(n)) for n in _columns(source, written)]
    return _asked(written, items, table)


def _asked(written: Written, items: Iterable[str], relation: str) -> str:
    inner = indent(select([*items, "1 AS _one"], f"FROM {relation}"))
    return select([f"count({src.render(written.expr)})"], f"FROM (\n{inner}\n)\n{conjunction(written.rows)}")


def _columns(source: Source, written: Written) -> list[str]:
    """Those that the expression or its conditions may read: an unreadable one elsewhere is not its fault."""
    text = " ".join((src.render(written.expr), *written.rows))
    return [c.name for c in source.columns if quoted(c.name) in text]
