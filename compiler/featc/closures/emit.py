"""A typed expression → the source of a Python function and the function itself.

The function takes one positional argument per reference. Operands are computed in order into variables.
Whatever might raise in DuckDB is computed always, also in branches that are not taken: DuckDB itself
evaluates both sides of AND, and lifts a common part out of CASE and COALESCE. So a closure may fall back
where DuckDB would not raise, and never answers where it would. Parts that cannot raise are computed only
where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from featc.closures.kernels import namespace
from featc.closures.syntax import Refused
from featc.closures.typed import Typed
from featc.types import decimal_parts

MAX_NESTING = 60  # Python allows 100 levels of indentation


@dataclass(slots=True)
class _Writer:
    """Lines of the function so far. `scopes` remember what is already computed where it can be seen."""

    lines: list[str] = field(default_factory=list)
    scopes: list[dict[int, str]] = field(default_factory=lambda: [{}])
    constants: dict[str, object] = field(default_factory=dict)
    count: int = 0

    def line(self, text: str) -> None:
        self.lines.append(" " * len(self.scopes) + text)

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def open(self, header: str) -> None:
        if len(self.scopes) > MAX_NESTING:
            raise Refused("nested too deeply")
        self.line(header)
        self.scopes.append({})

    def close(self) -> None:
        self.scopes.pop()

    def value(self, node: Typed) -> str:
        """The variable or literal that holds the node's value, computed at most once per scope."""
        for scope in self.scopes:
            if id(node) in scope:
                return scope[id(node)]
        name = self._compute(node)
        self.scopes[-1][id(node)] = name
        return name

    def _compute(self, node: Typed) -> str:
        match node.form:
            case "ref":
                return f"a{node.value}"
            case "constant":
                return self._constant(node)
            case "strict":
                return self._strict(node)
            case "and" | "or":
                return self._logic(node)
            case "coalesce":
                return self._coalesce(node)
            case "case":
                return self._case(node)
            case "is null":
                return self._assign(f"{self.value(node.args[0])} is None")
            case "distinct":
                return self._distinct(node)
            case "extremum":
                return self._extremum(node)
            case "between":
                return self._between(node)
            case "in":
                return self._in(node)

    def _assign(self, expression: str) -> str:
        name = self.fresh()
        self.line(f"{name} = {expression}")
        return name

    def _constant(self, node: Typed) -> str:
        if node.value is None or isinstance(node.value, bool):
            return repr(node.value)
        name = f"k{len(self.constants)}"
        self.constants[name] = node.value
        return name

    def _guarded(self, expression: str, *operands: tuple[Typed, str]) -> str:
        """The expression, None when one of the operands is."""
        tests = " or ".join(f"{name} is None" for node, name in operands if node.nullable)
        return f"None if {tests} else {expression}" if tests else expression

    def _strict(self, node: Typed) -> str:
        names = [self.value(a) for a in node.args]
        expression = node.template.format(*names)
        return self._assign(self._guarded(expression, *zip(node.args, names, strict=True)))

    def _combined(self, op: str, a: str, b: str) -> str:
        decisive = "False" if op == "and" else "True"
        other = "True" if op == "and" else "False"
        undecided = f"None if {a} is None or {b} is None else {other}"
        return f"{decisive} if {a} is {decisive} or {b} is {decisive} else {undecided}"

    def _logic(self, node: Typed) -> str:
        a, b = (self.value(x) for x in node.args)
        if not node.nullable:
            return self._assign(f"{a} {node.form} {b}")
        return self._assign(self._combined(node.form, a, b))

    def _raise_first(self, node: Typed) -> None:
        for arg in node.args:
            if arg.may_raise:
                self.value(arg)

    def _coalesce(self, node: Typed) -> str:
        first, *rest = node.args
        self._raise_first(node)
        name = self._assign(self.value(first))
        if not first.nullable:
            return name
        depth = 0
        for arg in rest:
            self.open(f"if {name} is None:")
            self.line(f"{name} = {self.value(arg)}")
            depth += 1
            if not arg.nullable:
                break
        for _ in range(depth):
            self.close()
        return name

    def _case(self, node: Typed) -> str:
        self._raise_first(node)
        name, depth = self.fresh(), 0
        for condition, result in zip(node.args[:-1:2], node.args[1::2], strict=True):
            test = self.value(condition)
            self.open(f"if {test}:")
            self.line(f"{name} = {self.value(result)}")
            self.close()
            self.open("else:")
            depth += 1
        self.line(f"{name} = {self.value(node.args[-1])}")
        for _ in range(depth):
            self.close()
        return name

    def _distinct(self, node: Typed) -> str:
        a, b = (self.value(x) for x in node.args)
        differ = node.template.format(a, b)
        return self._assign(f"{a} is not {b} if {a} is None or {b} is None else {differ}")

    def _extremum(self, node: Typed) -> str:
        names = [self.value(a) for a in node.args]
        best = self._assign(names[0])
        for name in names[1:]:
            better = node.template.format(name, best)
            self.line(f"if {name} is not None and ({best} is None or {better}): {best} = {name}")
        return best

    def _between(self, node: Typed) -> str:
        (x, x_name), (low, low_name), (high, high_name) = [(a, self.value(a)) for a in node.args]
        above = self._assign(
            self._guarded(node.template.format(low_name, x_name), (x, x_name), (low, low_name))
        )
        below = self._assign(
            self._guarded(node.template.format(x_name, high_name), (x, x_name), (high, high_name))
        )
        return self._assign(self._combined("and", above, below))

    def _in(self, node: Typed) -> str:
        x, *items = [(a, self.value(a)) for a in node.args]
        tests = [self._guarded(node.template.format(x[1], item[1]), x, item) for item in items]
        found = self._assign(tests[0])
        for test in tests[1:]:
            self.line(f"if {found} is not True:")
            self.line(f" t0 = {test}")
            self.line(f" {found} = {self._combined('or', found, 't0')}")
        return found


def _entrance(name: str, type_: str) -> str:
    parts = decimal_parts(type_)
    if parts:
        check = f"in_dec_{parts[0]}_{parts[1]}"
    else:
        check = {"VARCHAR": "in_text", "BOOLEAN": "in_bool", "FLOAT": "in_double"}.get(
            type_, f"in_{type_.lower()}"
        )
    return f"if {name} is not None: {name} = {check}({name})"


def write(node: Typed, ref_types: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The function's source and the constants it refers to."""
    writer = _Writer()
    names = [f"a{i}" for i in range(len(ref_types))]
    for name, type_ in zip(names, ref_types, strict=True):
        writer.line(_entrance(name, type_))
    result = writer.value(node)
    if node.type in ("TIMESTAMP", "DATE"):
        result = f"None if {result} is None else out_{node.type.lower()}({result})"
    writer.line(f"return {result}")
    return "\n".join([f"def evaluate({', '.join(names)}):", *writer.lines]), writer.constants


def build(node: Typed, ref_types: Sequence[str]) -> tuple[Callable[..., object], str]:
    """The function (positional, one argument per reference) and its source."""
    source, constants = write(node, ref_types)
    scope = namespace(source) | constants
    exec(compile(source, "<featc closure>", "exec"), scope)  # the text is made here of names and numbers only
    function = scope["evaluate"]
    assert callable(function)
    return function, source
