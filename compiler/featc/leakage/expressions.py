"""What an expression is, read off its tree in the scope of a row.

Whatever is not known here is a function of its parts: its value can depend on every row that they depend on. What
could bring in rows from elsewhere (subqueries, windows, aggregates) has rules of its own or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from featc.leakage.query import Level, conditional, line_of, mixed
from featc.leakage.terms import NOBODY, SPINE, Atom, Sum, of_row, one
from featc.leakage.totals import between, comparable, surplus
from featc.leakage.values import BARE, NONE, Refused, Scope, Value

Env = Mapping[str, Value]
Reader = Callable[[exp.Expr, Scope, Level, Env], Value]
_NO_ENV: Env = {}
_OF_NULL_NULL = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg, exp.Abs, exp.IsInf)


def read(node: exp.Expr, scope: Scope, level: Level, env: Env = _NO_ENV) -> Value:
    """What `node` is where `scope` is the row."""
    from featc.leakage.aggregates import aggregate, is_aggregate
    from featc.leakage.conditions import CONDITIONS, condition
    from featc.leakage.subqueries import scalar, within
    from featc.leakage.windows import window

    if isinstance(node, CONDITIONS):
        return condition(node, scope, level, env)
    if level.group is not None and is_aggregate(node):
        return aggregate(node, level)
    match node:
        case exp.Window():
            return window(node, scope, level)
        case exp.Filter() | exp.AggFunc() if is_aggregate(node):
            raise Refused(line_of(node), "an aggregate stands where nothing is grouped")
        case exp.Subquery():
            return scalar(node, level)
        case exp.In() if node.args.get("query") is not None:
            return within(node, scope, level, env)
        case exp.Select() | exp.Exists():
            raise Refused(line_of(node), "a subquery stands where the check cannot follow it")
        case exp.Lambda():
            raise Refused(line_of(node), "a lambda stands outside a function")
    rule = _RULES.get(type(node))
    return rule(node, scope, level, env) if rule is not None else _function(node, scope, level, env)


def _function(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    """Any function of what stands inside it; a lambda's names are parts of its other arguments."""
    parts, lambdas = [], []
    for child in node.iter_expressions():
        if isinstance(child, exp.Lambda):
            lambdas.append(child)
        elif not isinstance(child, (exp.DataType, exp.Identifier)) or child.name.lower() in env:
            parts.append(read(child, scope, level, env))
    if isinstance(node, _OF_NULL_NULL) and any(p.is_null for p in parts):
        return Value(is_null=True)
    element = replace(mixed(level, parts), line=line_of(node) if lambdas else 0)
    for child in lambdas:
        inner = {**env, **{i.name.lower(): element for i in child.expressions}}
        parts.append(read(child.this, scope, level, inner))
    if isinstance(node, (exp.ArraySize, exp.Length)):
        parts = [replace(mixed(level, [p]), numbers=BARE) for p in parts]
    if isinstance(node, exp.Transform):  # of a list's elements only what the lambda makes of them is left
        parts = [replace(mixed(level, [p]), numbers=BARE) for p in parts[: -len(lambdas)]] + parts[-len(lambdas) :]
    return mixed(level, parts)


def _column(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    names = [part.name for part in node.parts] if isinstance(node, exp.Column) else [node.name]
    first = names[0].lower()
    if first in env:
        return _inside(env[first], names[1:], level)
    if len(names) > 1 and first in scope.items:
        return _inside(_of(scope, first, names[1], node), names[2:], level)
    return _inside(_found(scope, names[0], node, of_spine=len(names) == 1), names[1:], level)


def _of(scope: Scope, alias: str, name: str, node: exp.Expr) -> Value:
    variant = scope.items[alias]
    found = variant.columns.get(name.lower())
    if found is not None:
        return found
    if variant.open:
        return Value(of_row(f"col:{name.lower()}", SPINE))
    raise Refused(line_of(node), f"there is no column {alias}.{name}")


def _found(scope: Scope, name: str, node: exp.Expr, *, of_spine: bool) -> Value:
    low = name.lower()
    for variant in scope.items.values():
        if low in variant.columns:
            return variant.columns[low]
    if low in scope.aliases:
        return scope.aliases[low]
    if of_spine and any(v.open for v in scope.items.values()):
        return Value(of_row(f"col:{low}", SPINE))
    raise Refused(line_of(node), f"there is no column {name}")


def _inside(value: Value, names: list[str], level: Level) -> Value:
    """A field of a struct; of one whose fields are not known, without the place that it may hold beside them."""
    for name in names:
        if value.options:
            value = replace(mixed(level, [value]), options=tuple(_inside(o, [name], level) for o in value.options))
        elif value.fields is not None:
            value = value.fields.get(name.lower(), mixed(level, [value]))
        else:
            value = mixed(level, [value])
            value = value if name.lower() == "nth" else replace(value, numbers=BARE)
    return value


def _dot(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    return _inside(read(node.this, scope, level, env), [node.expression.name], level)


def _literal(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    if node.is_string:
        return Value(text=node.this)
    return Value(Sum(const=int(node.this))) if node.is_int else Value()


def _paren(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    return read(node.this, scope, level, env)


def _sum(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    a, b = read(node.this, scope, level, env), read(node.expression, scope, level, env)
    if a.is_null or b.is_null:
        return Value(is_null=True)
    if isinstance(node, exp.Sub) and a.total is not None and b.total is not None and comparable(a.total, b.total):
        return between(level, a.total, b.total, line_of(node))
    found = mixed(level, [a, b], a.line or b.line or line_of(node))
    if a.term is None or b.term is None:
        return found
    whole = all(atom.is_whole for atom, _ in (*a.term.parts, *b.term.parts))
    return replace(found, term=a.term.plus(b.term, -1 if isinstance(node, exp.Sub) else 1)) if whole else found


def _times(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    found = _function(node, scope, level, env)
    if isinstance(node, exp.Neg):
        inner = read(node.this, scope, level, env)
        return replace(found, term=None if inner.term is None else Sum().minus(inner.term))
    return found


def _modulo(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    """`((x % n) + n) % n`, which is x's distance from the multiple of n at or below it, also below 0."""
    n = node.expression
    inner = _unwrapped(node.this)
    found = _function(node, scope, level, env)
    if not (isinstance(inner, exp.Add) and n.is_int and inner.expression == n):
        return found
    least = _unwrapped(inner.this)
    if not (isinstance(least, exp.Mod) and least.expression == n):
        return found
    term = read(least.this, scope, level, env).term
    return found if term is None else replace(found, term=one(Atom(f"mod:{int(n.this)}", NOBODY, (term,))))


def _unwrapped(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _extreme(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    values = [read(child, scope, level, env) for child in (node.this, *node.expressions)]
    found = mixed(level, values, line_of(node))
    if any(v.term is None or v.total for v in values):
        return found
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    terms = tuple(v.term for v in values if v.term is not None)
    if not all(atom.is_whole for term in terms for atom, _ in term.parts):
        return found
    return replace(found, term=one(Atom(name, NOBODY, terms)))


def _clamped(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    """`greatest(x, 0)`: where x is a difference of running counts, only one that the later edge comes first in."""
    pair = [_unwrapped(node.this), *map(_unwrapped, node.expressions)]
    if len(pair) == 2 and isinstance(pair[0], exp.Sub) and isinstance(pair[1], exp.Literal) and pair[1].this == "0":
        a, b = (read(x, scope, level, env) for x in (pair[0].this, pair[0].expression))
        found = surplus(level, a.total, b.total, line_of(node))
        if found is not None:
            return found
    return _extreme(node, scope, level, env)


def _coalesce(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    values = [read(child, scope, level, env) for child in (node.this, *node.expressions)]
    first, rest = values[0], values[1:]
    zero = len(rest) == 1 and rest[0].term == Sum()
    of_none = first.term is not None and first.term.atom is not None and first.term.atom.kind == "cut"
    if zero and (first.total is not None or of_none):
        return first  # the total of no rows, the place before all of them
    if len(rest) == 1 and rest[0].truth is False:  # TRUE only where the first is
        return replace(mixed(level, values), facts=first.facts, truth=False if first.truth is False else None)
    return mixed(level, values)


def _case(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    if node.this is not None:
        return _function(node, scope, level, env)
    asked, branches = [], []
    default = node.args.get("default")
    for if_ in node.args["ifs"]:
        when = read(if_.this, scope, level, env)
        if when.truth is False:
            continue
        if when.truth is True:
            default = if_.args["true"]
            break
        asked.append(when)
        branch = read(if_.args["true"], scope, level, env)
        # a row of a relation stays itself: what is told of it later has to reach its values too
        branches.append(conditional(level, branch, when.facts) if scope.spine else branch)
    if default is not None:
        branches.append(read(default, scope, level, env))
    if not asked:
        return branches[0] if branches else Value(is_null=True)
    return _one_of(level, asked, [b for b in branches if not b.is_null], default)


def _one_of(level: Level, asked: list[Value], branches: list[Value], default: exp.Expr | None) -> Value:
    """One of the branches. What is asked counts as data where it chooses between two, and is only looked at where
    there is one or nothing, or where it chooses a row as a whole."""
    structs = [o for b in branches for o in (b.options or (b,))]
    question = mixed(level, asked)
    looked = replace(question, rows=NONE, looked=question.rows | question.looked, numbers=BARE)
    if structs and all(s.fields is not None for s in structs):
        marked = tuple(_marked(s, looked) for s in structs)
        return replace(mixed(level, [looked, *branches]), options=marked) if len(marked) > 1 else marked[0]
    found = mixed(level, [looked if default is None else question, *branches])
    return replace(found, numbers=found.numbers | question.numbers)


def _marked(value: Value, with_: Value) -> Value:
    """A struct of which each field also depends on what chose it."""
    fields = {
        name: replace(field, looked=field.looked | with_.looked, scalars=field.scalars | with_.scalars)
        for name, field in (value.fields or {}).items()
    }
    return replace(value, fields=fields)


def _struct(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    fields = {}
    for item in node.expressions:
        if not isinstance(item, exp.PropertyEQ):
            return _function(node, scope, level, env)
        fields[item.this.name.lower()] = read(item.expression, scope, level, env)
    return Value(fields=fields)


def _cast(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    inner = read(node.this, scope, level, env)
    return inner if inner.is_null else mixed(level, [inner], inner.line)


def _null(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    return Value(is_null=True)


def _boolean(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    return Value(truth=bool(node.this))


def _nothing(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    return Value()


_RULES: Mapping[type[exp.Expr], Reader] = {
    exp.Column: _column,
    exp.Identifier: _column,
    exp.Dot: _dot,
    exp.Literal: _literal,
    exp.Paren: _paren,
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.Neg: _times,
    exp.Mod: _modulo,
    exp.Greatest: _clamped,
    exp.Least: _extreme,
    exp.Coalesce: _coalesce,
    exp.Case: _case,
    exp.Struct: _struct,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Null: _null,
    exp.Boolean: _boolean,
    exp.Var: _nothing,
    exp.Interval: _nothing,
    exp.DataType: _nothing,
    exp.Star: _nothing,
}
