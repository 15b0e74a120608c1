"""Errors shown: for codes of which an example tells more, a definition with the fault and one without.

A test builds them all: the wrong one ends with its code, the right one without an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Place = Literal["feature", "view", "source", "file", "project"]
"""Where the text stands: under a view's `features:`, in a view, in a source, at the top of a file, in featc.yaml."""


@dataclass(frozen=True, slots=True)
class Example:
    """The same definition twice."""

    place: Place
    wrong: str
    right: str


def _feature(wrong: str, right: str) -> Example:
    return Example("feature", wrong, right)


def _view(wrong: str, right: str) -> Example:
    return Example("view", wrong, right)


def _source(wrong: str, right: str) -> Example:
    return Example("source", wrong, right)


def _file(wrong: str, right: str) -> Example:
    return Example("file", wrong, right)


EXAMPLES: Mapping[str, Example] = {
    "F102": _feature("label: last(status): text", "label: last(status) over lifetime"),
    "F105": _feature("a: count(*)\na: sum(amount)", "a: count(*)\nb: sum(amount)"),
    "F106": _feature("a: {sql: count(*), windws: [7d]}", "a: {sql: count(*), windows: [7d]}"),
    "F107": _feature(
        "a: {sql: sum(coalesce(amount, 0)), default: 0}", 'a: {sql: "sum(coalesce(amount, 0))", default: 0}'
    ),
    "F108": _feature("a: sum(round(amount, 2)", "a: sum(round(amount, 2))"),
    "F109": _feature("a: count(*) filter (where status = #1)", "a: \"count(*) filter (where status = '#1')\""),
    "F110": _feature("a: {sql: count(*), default: 012}", "a: {sql: count(*), default: 12}"),
    "F111": _file("windows: [7d]", "windows: {week: 7d}"),
    "F112": _file("windows: {w: {offset: 1d}}", "windows: {w: {range: 7d, offset: 1d}}"),
    "F113": _feature("a:", "a: count(*)"),
    "F115": _feature("7d_orders: count(*)", "orders: count(*)"),
    "F116": _feature("source: count(*)", "orders: count(*)"),
    "F117": _feature(
        "orders: count(*)\nOrders: sum(amount)",
        "orders: count(*)\nspend: sum(amount)",
    ),
    "F118": _view("closed: open", "closed: neither"),
    "F119": _file("windows: {w: {range: 7days}}", "windows: {w: {range: 7d}}"),
    "F121": Example("project", "version: 2\nproject: shop", "version: 1\nproject: shop"),
    "F122": Example(
        "project",
        "version: 1\nproject: shop\npaths: [feature]",
        "version: 1\nproject: shop\npaths: [features]",
    ),
    "F123": _source("available_at: loaded_at\ndelay: 5m", "available_at: loaded_at"),
    "F124": _feature(
        "a:\n  sql: count(*) filter (where status = '{s}')\n  each: {s: [paid, new]}",
        "a:\n  sql: count(*) filter (where status = '{s}')\n  each: {s: [paid, new]}\n  name: \"{s}_orders\"",
    ),
    "F130": _view("where: \"status = '{{ var('paid')'\"", "where: status = 'paid'"),
    "F131": _view("where: \"{{ vars('paid') }}\"", "where: status = 'paid'"),
    "F132": _view("where: \"{{ var('paid') }}\"      # no vars: in featc.yaml", "where: status = 'paid'"),
    "F201": _feature("a: sum(amount) +", "a: sum(amount) + 1"),
    "F202": _feature("a: sum(amount) total", "total: sum(amount)"),
    "F203": _feature("a: sum(amount) / 7d", "a: sum(amount) / 7"),
    "F204": _feature("a: (select max(amount))", "a: max(amount)"),
    "F206": _feature("a: avg(amount) over (rows 10 preceding)", "a: avg(amount) over last_10_rows"),
    "F207": _feature("a: summ(amount)", "a: sum(amount)"),
    "F208": _feature("a: date_diff('day', last(ordered_at), now())", "a: seconds_since(last(ordered_at)) / 86400"),
    "F209": _feature(
        "a: hour(last(ordered_at) at time zone 'Europe/Berlin')", "a: hour(in_zone(last(ordered_at), 'Europe/Berlin'))"
    ),
    "F210": _feature("a: row_number() over last_7d", "a: count(*) over last_7d"),
    "F211": _feature("a: string_agg(status)", "a: last(status)"),
    "F212": _feature("a: avg(distinct amount)", "a: avg(amount)"),
    "F213": _feature("a: max(sum(amount))", "a: sum(amount)"),
    "F301": _feature("a: sum(amuont)", "a: sum(amount)"),
    "F302": _feature("a: amount", "a: last(amount)"),
    "F303": Example("view", "windows: []\nfeatures: {a: sum(amount)}", "features: {a: sum(amount) over last_7d}"),
    "F304": _feature("a: sum(amount) over weekly", "a: sum(amount) over last_7d"),
    "F306": _feature("a: b + 1\nb: a + 1", "a: count(*)\nb: a + 1"),
    "F308": _view("entity: usr", "entity: user"),
    "F311": _feature("a: sum(amount) || 1.5 - 'x'", "a: sum(amount) - 1.5"),
    "F312": _view("where: amount", "where: amount > 0"),
    "F313": _feature("a: sum(status)", "a: count(distinct status)"),
    "F315": _feature("a: {sql: count(*), default: none yet}", "a: {sql: count(*), default: 0}"),
    "F325": _feature("a: sum(amount) filter (where ordered_at < as_of)", "a: sum(amount)"),
    "F326": _view("where: amount > avg(amount)", "where: amount > 10"),
}
