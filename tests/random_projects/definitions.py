"""Random features and views over given sources and windows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import oracle
from oracle import Value, Window

from .calls import Call, filtered
from .choices import Draw
from .expressions import (
    Expr,
    as_key,
    coalesce,
    column,
    constant,
    divide,
    nullif,
    predicate,
    scalar,
    seconds_since,
    strict,
)
from .histories import History, abstract_type
from .joins import Upstream, draw_joins, draw_view_joins
from .model import FeatureSpec, ViewSpec
from .series import draw_series_call
from .timeline import Timeline, duration
from .windows import Named, Windows, suffix

ANY = ("bigint", "double", "text", "decimal", "boolean", "timestamp")
NUMERIC = ("bigint", "double", "decimal")
AGGREGATES: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (10, "count", ()),
    (8, "count", ANY),
    (9, "count_distinct", ANY),
    (18, "sum", NUMERIC),
    (8, "avg", NUMERIC),
    (6, "min", ANY),
    (6, "max", ANY),
    (9, "first", ANY),
    (12, "last", ANY),
    (3, "var_samp", NUMERIC),
    (3, "var_pop", NUMERIC),
    (3, "stddev_samp", NUMERIC),
    (3, "stddev_pop", NUMERIC),
    (3, "bool_and", ("boolean",)),
    (3, "bool_or", ("boolean",)),
    (5, "arg_min", ANY),
    (5, "arg_max", ANY),
)
SERIES = 18
"""In how many of a hundred calls an aggregate over a series is drawn."""
DOUBLE_RESULT = {"avg", "var_samp", "var_pop", "stddev_samp", "stddev_pop"}
DEFAULTS: Mapping[str, tuple[Value, ...]] = {
    "bigint": (-1, 7, 0),
    "double": (-1.5, 0.0, 100.25),
    "decimal": (Decimal("-1.25"), Decimal("3")),
    "boolean": (False, True),
    "text": ("none", "é"),
}


# ----------------------------------------------------------------------------------------- aggregates


def draw_call(draw: Draw, names: Sequence[Expr], windows: Sequence[Window], line: Timeline) -> Call:
    """Any aggregate over any fitting arguments, with FILTER now and then, that may stand over all these windows."""
    condition = predicate(draw, names) if draw.chance(32) else None
    if draw.chance(SERIES):
        return draw_series_call(draw, names, windows, line, condition)
    fn, types = draw.weighted([(w, (fn, types)) for w, fn, types in AGGREGATES])
    present = [t for t in types if t == "boolean" or any(e.type == t for e in names)]
    args: tuple[Expr, ...] = ()
    if types:
        args = (scalar(draw, names, draw.one(present)),)
        if fn.startswith("arg_"):
            args = (*args, scalar(draw, names, draw.one(present)))
    inner = ", ".join(a.sql for a in args) or "*"
    sql = f"count(distinct {inner})" if fn == "count_distinct" else f"{fn}({inner})"
    if fn.startswith("count"):
        type = "bigint"
    else:
        type = "double" if fn in DOUBLE_RESULT else args[0].type
    return Call(filtered(sql, condition), fn, args, condition, type)


def is_exact(feature: oracle.Feature) -> bool:
    """Whether its value has no tolerance, so that what is derived from it has none either."""
    return not oracle.is_tolerant(oracle.feature_kind(feature))


def draw_default(draw: Draw, type: str, percent: int = 30) -> Value:
    """A default of the type, or None."""
    return draw.one(DEFAULTS[type]) if type in DEFAULTS and draw.chance(percent) else None


def entry(draw: Draw, sql: str, default: Value = None, **more: Any) -> Any:
    """A feature as YAML: its text, or the long form."""
    if default is None and not more and not draw.chance(10):
        return sql
    found = {"sql": sql, **more}
    if default is not None:
        found["default"] = default
    if draw.chance(20):
        found["description"] = "what it is, said once: \"quoted\" # and marked"
    return found


# ----------------------------------------------------------------------------------------- views


class ViewMaker:
    """Draws one view over a source: entity, keys, where, windows, features."""

    def __init__(
        self,
        draw: Draw,
        letter: str,
        history: History,
        windows: Windows,
        parents: Mapping[str, Expr],
        others: Sequence[History] = (),
        upstream: Mapping[str, Upstream] | None = None,
    ):
        self.draw, self.letter, self.history, self.windows = draw, letter, history, windows
        self.others, self.names, self.upstream = others, list(history.names), upstream or {}
        self.joins: tuple[oracle.Join | oracle.ViewJoin, ...] = ()
        self.parents = dict(parents)
        self.exprs: dict[str, Expr] = {}
        self.specs: list[FeatureSpec] = []
        self.family: tuple[Named, ...] = ()

    def view(self, entity: Any, keys: Mapping[str, str], closed: str | None) -> ViewSpec:
        """The view; `entity` as YAML, `keys` its keys with SQL types, `closed` the project's default."""
        draw, source = self.draw, self.history.spec
        yaml: dict[str, Any] = {"entity": entity, "source": source.name}
        if self.others:
            self.joins, yaml["join"], names = draw_joins(draw, self.history, self.others, self.windows.line)
            self.names += names
        if self.upstream:
            beside = self.names[len(self.history.names) :]
            joins, listed, names = draw_view_joins(draw, self.history, self.upstream, beside)
            self.joins, yaml["join"] = (*self.joins, *joins), {**yaml.get("join", {}), **listed}
            self.names += [e for e in names for _ in range(3)]  # what is to be met is taken more often
        self.exprs, mapped = self.keys(keys)
        if mapped:
            yaml["keys"] = mapped
        where = predicate(draw, self.names) if draw.chance(30) else None
        if where:
            yaml["where"] = where.sql
            if draw.chance(10):
                self.windows.vars[f"only_{self.letter}"] = where.sql
                yaml["where"] = f"{{{{ var('only_{self.letter}') }}}}"
        if closed is None or draw.chance(30):
            closed = draw.weighted(((3, "left"), (2, "right"), (1, "both"), (1, "neither")))
            yaml["closed"] = closed
        ttl = None
        if source.meaning.kind != "event" and draw.chance(55):
            ttl = self.windows.line.length(draw, 1, 14)
            yaml["ttl"] = duration(ttl)
        self.family = tuple(draw.some(self.windows.pool, 0, 3))
        if self.family:
            yaml["windows"] = [self.listed(name) for name, _ in self.family]
        self.features()
        name, specs = f"v{self.letter}", tuple(self.specs)
        return ViewSpec(
            name, source.name, self.exprs, specs, yaml, self.family, where, closed, ttl, joins=self.joins
        )

    def listed(self, name: str) -> str:
        """A window in a list: a plain duration now and then."""
        plain = name.startswith("last_") and not name.endswith("_rows")
        return suffix(name) if plain and self.draw.chance(60) else name

    def keys(self, keys: Mapping[str, str]) -> tuple[dict[str, Expr], dict[str, str]]:
        """Key -> row expression, and what of it stands in YAML."""
        exprs, mapped = {}, {}
        for key, sql_type in keys.items():
            c = self.history.spec.key_columns[key]
            expr = column(c, abstract_type(sql_type))
            brought = [e for e in self.names[len(self.history.names) :] if e.type == expr.type]
            if brought and self.draw.chance(15):
                expr = as_key(self.draw.one(brought))
            elif self.history.spec.meaning.kind == "event" and self.draw.chance(8):
                change = self.draw.one((coalesce, nullif))
                expr = change(expr, constant(self.draw, expr.type))
            exprs[key] = expr
            if expr.sql != key:
                mapped[key] = expr.sql
        return exprs, mapped

    def name(self) -> str:
        """The next feature's name."""
        return f"{self.letter}{len(self.specs) + 1}"

    def features(self) -> None:
        """A few aggregates or lookups, then what is derived from them."""
        state = self.history.spec.meaning.kind == "state"
        for _ in range(self.draw.between(2, 5)):
            if state and self.draw.chance(65):
                self.lookup()
            elif self.family and self.draw.chance(55):
                self.member_of_family()
            elif self.draw.chance(12):
                self.inline()
            else:
                self.over_window()
        if self.draw.chance(50):
            spec = derive(self.draw, self.name(), self.visible_here())
            self.specs += [spec] if spec else []
        if self.family and self.draw.chance(35):
            self.derived_family()

    def lookup(self) -> None:
        """A state column, or an expression over it."""
        names = [e for e in self.history.names if e.sql not in ("flagged", "amount")]
        expr = self.draw.one(names)
        if self.draw.chance(50):
            expr = scalar(self.draw, names, self.draw.one(names).type)
        if self.draw.chance(15):
            expr = predicate(self.draw, names)
        default = draw_default(self.draw, expr.type, 25)
        name = self.name()
        feature = oracle.Lookup(name, expr, expr.type, default)
        self.specs.append(FeatureSpec(name, entry(self.draw, expr.sql, default), (feature,)))

    def over_window(self) -> None:
        """An aggregate with its own OVER, or a list of windows of its own."""
        name = self.name()
        if self.draw.chance(10):
            chosen = self.draw.some(self.windows.pool, 1, 2)
            call, default = self.call(chosen)
            yaml = entry(self.draw, call.sql, default, windows=[w for w, _ in chosen])
            outputs = tuple(call.over(f"{name}_{suffix(w)}", window, default) for w, window in chosen)
            self.specs.append(FeatureSpec(name, yaml, outputs))
            return
        w, window = self.draw.one(self.windows.pool)
        call, default = self.call([(w, window)])
        yaml = entry(self.draw, f"{call.sql} over {w}", default)
        self.specs.append(FeatureSpec(name, yaml, (call.over(name, window, default),)))

    def call(self, windows: Sequence[Named]) -> tuple[Call, Value]:
        """An aggregate for these windows, and a default."""
        call = draw_call(self.draw, self.names, [w for _, w in windows], self.windows.line)
        return call, draw_default(self.draw, call.type)

    def member_of_family(self) -> None:
        """An aggregate over the view's windows."""
        name = self.name()
        call, default = self.call(self.family)
        outputs = tuple(call.over(f"{name}_{suffix(w)}", window, default) for w, window in self.family)
        self.specs.append(FeatureSpec(name, entry(self.draw, call.sql, default), outputs, family=True))

    def inline(self) -> None:
        """Two aggregates in one expression; only such as have no tolerance."""
        name, pool, hidden, words = self.name(), self.windows.pool, [], []
        for part in ("l", "r"):
            w, window = self.draw.one(pool)
            call, _ = self.call([(w, window)])
            if call.type != "bigint":
                call = Call("count(*)", "count", (), None, "bigint")
            hidden.append(call.over(f"#{name}{part}", window))
            words.append(f"{call.sql} over {w}")
        left, right = (column(f"v{self.letter}.{h.name}", "bigint") for h in hidden)
        shape = self.draw.one((divide, minus))
        expr = shape(left, nullif(right, constant(self.draw, "bigint")))
        sql = expr.sql.replace(left.sql, words[0]).replace(right.sql, words[1])
        inputs = (left.sql, right.sql)
        feature = oracle.Derived(name, expr, inputs, expr.type)
        self.specs.append(FeatureSpec(name, entry(self.draw, sql), (feature,), tuple(hidden)))

    def visible_here(self) -> dict[str, Expr]:
        """What this view's derived features may mention: its features under bare names, its keys."""
        keys = {
            f"key.{k}": column(f"key.{k}", e.type)
            for k, e in self.exprs.items()
            if self.draw.chance(15)
        }
        return visible(self.specs, f"v{self.letter}", qualified=False) | keys | self.parents

    def derived_family(self) -> None:
        """An expression over two families: each member over the members of its window."""
        families = [s for s in self.specs if s.family and s.outputs[0].type == "bigint"]
        if not families:
            return
        name, view = self.name(), f"v{self.letter}"
        a, b = self.draw.one(families), self.draw.one(families)
        shape, low = self.draw.one((divide, minus)), constant(self.draw, "bigint")
        sql = shape(column(a.name, "bigint"), nullif(column(b.name, "bigint"), low)).sql
        outputs = []
        for (w, _), x, y in zip(self.family, a.outputs, b.outputs, strict=True):
            inputs = (f"{view}.{x.name}", f"{view}.{y.name}")
            expr = shape(column(inputs[0], "bigint"), nullif(column(inputs[1], "bigint"), low))
            outputs.append(oracle.Derived(f"{name}_{suffix(w)}", expr, inputs, expr.type))
        uses = frozenset(i for o in outputs for i in o.inputs)
        yaml = entry(self.draw, sql)
        self.specs.append(FeatureSpec(name, yaml, tuple(outputs), uses=uses, family=True))


def minus(a: Expr, b: Expr) -> Expr:
    """a - b."""
    return Expr(f"{a.sql} - {b.sql}", "bigint", lambda r: None if None in (a(r), b(r)) else a(r) - b(r))


def visible(specs: Sequence[FeatureSpec], view: str, *, qualified: bool) -> dict[str, Expr]:
    """Features as names for derived ones: input name -> the SQL name, reading the input."""
    found = {}
    for spec in specs:
        for f in spec.outputs:
            if not isinstance(f, oracle.Derived):
                full = f"{view}.{f.name}"
                found[full] = taken_from(full if qualified else f.name, f.type, full)
    return found


def taken_from(sql: str, type: str, full: str) -> Expr:
    """A feature as a scalar: itself, how much is in a list or map, or an item of it."""
    kind, _, rest = type.partition(" ")
    read = reading(full)
    if kind == "list" and rest in ("bigint", "text", "boolean") and len(full) % 2:
        return Expr(f"{sql}[1]", rest, lambda inputs: None if read(inputs) is None else read(inputs)[0])
    if kind in ("list", "map"):
        size = "len" if kind == "list" else "cardinality"
        how_many = strict(len)
        return Expr(f"{size}({sql})::bigint", "bigint", lambda inputs: how_many(read(inputs)))
    return Expr(sql, type, read)


def reading(name: str) -> Any:
    """A function of the inputs that takes one."""
    return lambda inputs: inputs[name]


def derive(draw: Draw, name: str, names: Mapping[str, Expr]) -> FeatureSpec | None:
    """An expression without aggregate over inputs: features, request and key columns, as_of."""
    times = [e for e in names.values() if e.type == "timestamp"]
    pool = [e for e in names.values() if e.type != "timestamp"]
    numbers = [e for e in pool if e.type == "bigint"]
    if times and (not pool or draw.chance(40)):
        expr = elapsed(draw, draw.one(times))
    elif not pool:
        return None
    elif numbers and draw.chance(45):
        a, b = draw.one(numbers), draw.one(numbers)
        expr = draw.one((divide, minus))(a, nullif(b, constant(draw, "bigint")) if draw.chance(70) else b)
    else:
        expr = scalar(draw, pool, draw.one(("bigint", "double", "text", "boolean")))
    inputs = inputs_of(expr, names)
    if not inputs:
        expr = predicate(draw, pool)
        inputs = inputs_of(expr, names)
    default = draw_default(draw, expr.type, 20)
    feature = oracle.Derived(name, expr, inputs, expr.type, default)
    uses = frozenset(i for i in inputs if i.startswith("v"))
    return FeatureSpec(name, entry(draw, expr.sql, default), (feature,), uses=uses)


def elapsed(draw: Draw, time: Expr) -> Expr:
    """Something about the time since a feature of type timestamp."""
    if draw.chance(60):
        return seconds_since(time)
    return Expr(
        f"as_of > {time.sql}", "boolean", lambda r: None if time(r) is None else r["as_of"] > time(r)
    )


def inputs_of(expr: Expr, names: Mapping[str, Expr]) -> tuple[str, ...]:
    """The inputs an expression mentions, by the words of its text."""
    words = set(re.findall(r"[a-z_][\w.]*", re.sub(r"'[^']*'", "", expr.sql)))
    found = [full for full, e in names.items() if word_of(e) in words]
    if words & {"as_of", "seconds_since"}:
        found.append("as_of")
    return tuple(found)


def word_of(name: Expr) -> str:
    """The feature in what `taken_from` makes of it."""
    return re.sub(r"^(?:len|cardinality)\(|\)::bigint$|\[1\]$", "", name.sql)


def draw_on_demand(draw: Draw, letter: str, names: Mapping[str, Expr], views: Sequence[ViewSpec]) -> ViewSpec:
    """A view without source: request columns, features of other views, keys, as_of."""
    request = {c: t for c, t in (("amount", "bigint"), ("word", "varchar")) if draw.chance(60)}
    columns = {f"request.{c}": column(f"request.{c}", abstract_type(t)) for c, t in request.items()}
    specs: list[FeatureSpec] = []
    for _ in range(draw.between(1, 3)):
        spec = derive(draw, f"{letter}{len(specs) + 1}", {**names, **columns})
        if spec:
            specs.append(spec)
    used = {i.partition(".")[0] for spec in specs for i in spec.uses}
    keys = {k: e for v in views if v.name in used for k, e in v.keys.items()}
    yaml = {"request": request} if request else {}
    return ViewSpec(f"v{letter}", None, keys, tuple(specs), yaml)
