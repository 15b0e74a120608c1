"""Jinja inside scalars: rendered after YAML is read, so that it never makes structure, and traced back to the
author.

Known are `var`, `env_var`, `target`, `source`, `ref` and the macros of the project's macros/*.sql.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from featc.errors import Findings, did_you_mean
from featc.load.text import Piece, Rewrite, SourceFile, Text
from featc.secrets import PREFIX, remember_secret

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_OPEN, _CLOSE, _BASE = "\ue000", "\ue001", 0xF0000


class Refusal(Exception):
    """Raised by a function called from a template; `argument` is the text in the template that is at
    fault.
    """

    def __init__(self, code: str, message: str, hint: str | None, argument: str) -> None:
        super().__init__(message)
        self.code, self.hint, self.argument = code, hint, argument


@dataclass(slots=True)
class TargetView:
    """What templates see as `target`; its connection settings, which may be secret, are not among it."""

    name: str = ""
    dialect: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class Scope:
    """What templates may ask for. `secrets`: whether env_var('FEATC_SECRET_…') is allowed just now."""

    env: Mapping[str, str]
    vars: dict[str, Any] = field(default_factory=dict)
    target: TargetView = field(default_factory=TargetView)
    locate: Callable[[str], str] | None = None
    refs: Callable[[str], str] | None = None
    secrets: bool = False
    used_secret: bool = False

    def var(self, name: str, *default: Any) -> Any:
        if name in self.vars:
            return self.vars[name]
        if default:
            return default[0]
        hint = did_you_mean(name, self.vars) or "add it under vars: in featc.yaml"
        raise Refusal("F132", f"there is no var '{name}'", hint, name)

    def env_var(self, name: str, *default: Any) -> Any:
        if name.startswith(PREFIX) and not self.secrets:
            way_out = "use it under targets: in featc.yaml, or rename the variable if it is no secret"
            raise Refusal("F134", f"'{name}' is a secret, and secrets stay out of definitions", way_out, name)
        value = self.env.get(name, default[0] if default else None)
        if value is None:
            way_out = f"set it, or give a default: env_var('{name}', '…')"
            raise Refusal("F133", f"the environment variable '{name}' is not set", way_out, name)
        if name.startswith(PREFIX):
            self.used_secret = True
            remember_secret(str(value))
        return value

    def source(self, name: str) -> str:
        if self.locate is None:
            raise Refusal("F137", "source(…) cannot be used here", "use it in definitions", name)
        return self.locate(name)

    def ref(self, name: str) -> str:
        if self.refs is None:
            raise Refusal("F137", "ref(…) cannot be used here", "use it in definitions", name)
        return self.refs(name)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str
    start: int
    line: int


@dataclass(frozen=True, slots=True)
class _Problem:
    code: str
    message: str
    start: int
    end: int
    hint: str | None


@dataclass(frozen=True, slots=True)
class _Rendered:
    value: str
    pieces: tuple[Piece, ...]
    problems: tuple[_Problem, ...]


def has_jinja(text: str) -> bool:
    """Whether a scalar is a template at all; most are not, and cost nothing."""
    return "{" in text and ("{{" in text or "{%" in text)


class Renderer:
    """Renders scalars of one project. Equal templates are rendered once: nothing a template sees changes
    in a run.
    """

    def __init__(self, scope: Scope, macros: Sequence[SourceFile], findings: Findings) -> None:
        self.scope = scope
        self._findings = findings
        self._macros = macros
        self._done: dict[tuple[str, bool], _Rendered] = {}

    def check_macros(self) -> None:
        """Finds what is wrong with the macros, also where nothing uses one."""
        if self._macros:
            _ = self._environment

    def render(self, text: Text) -> Text | None:
        """The rendered text, mapped to where its characters came from; None and findings if it fails."""
        key = (text.value, self.scope.secrets)
        done = self._done.get(key)
        if done is None:
            done = self._render(text.value)
            if not self.scope.used_secret:
                self._done[key] = done
        for problem in done.problems:
            place = text.span_at(problem.start, problem.end - problem.start)
            self._findings.error(problem.code, problem.message, place, problem.hint)
        if done.problems:
            return None
        return Text(done.value, text.span, Rewrite(text, done.pieces))

    @functools.cached_property
    def _environment(self) -> SandboxedEnvironment:
        from featc.load.macros import environment_with_macros

        known = {
            "var": self.scope.var,
            "env_var": self.scope.env_var,
            "source": self.scope.source,
            "ref": self.scope.ref,
            "target": self.scope.target,
        }
        return environment_with_macros(known, self._macros, self._findings)

    def _render(self, source: str) -> _Rendered:
        import jinja2

        env = self._environment
        try:
            tokens = _tokens(env, source)
            tree = env.parse(source)
            unknown = self._unknown_names(tree, tokens)
        except jinja2.TemplateSyntaxError as error:
            start, end = _syntax_place(env, source, error.lineno)
            hint = "correct the template; braces that are not Jinja go between {% raw %} and {% endraw %}"
            return _Rendered("", (), (_Problem("F130", f"Jinja: {error.message}", start, end, hint),))
        if unknown:
            return _Rendered("", (), unknown)
        data = [t for t in tokens if t.kind == "data"]
        blocks = _blocks(tokens, "variable_begin", "variable_end")
        try:
            return self._traced(source, tree, data, blocks)
        except Exception as error:
            return _Rendered("", (), (self._problem(error, source, tokens),))

    def _problem(self, error: Exception, source: str, tokens: list[_Token]) -> _Problem:
        """A failed rendering, with the line of the macro in which it failed, if it was one."""
        from featc.load.macros import last_line

        problem = _render_problem(error, source, tokens)
        if not isinstance(error, Refusal):
            for macro in self._macros:
                if (line := last_line(error, macro.path)) is not None:
                    return replace(problem, message=f"{problem.message} (in {macro.path}:{line})")
        return problem

    def _unknown_names(self, tree: Any, tokens: list[_Token]) -> tuple[_Problem, ...]:
        from jinja2 import meta

        known = set(self._environment.globals)
        missing = meta.find_undeclared_variables(tree) - known
        found = []
        for name in sorted(missing):
            token = next((t for t in tokens if t.kind == "name" and t.value == name), tokens[0])
            hint = did_you_mean(name, known) or f"for a var of featc.yaml write var('{name}')"
            end = token.start + len(token.value)
            if name in self.scope.vars:
                hint = f"write var('{name}')"
            found.append(_Problem("F131", f"Jinja does not know '{name}'", token.start, end, hint))
        return tuple(found)

    def _traced(self, source: str, tree: Any, data: list[_Token], blocks: list[tuple[int, int]]) -> _Rendered:
        """Renders with marks around every piece, so that each character is known to be copied or made.

        Statements could look at the marks (the length of a set block, say): then the plain rendering decides,
        and the text maps to the whole scalar.
        """
        from jinja2 import nodes

        env = self._environment
        origins = [(t.start, t.start + len(t.value), True) for t in data]
        origins += [(start, end, False) for start, end in blocks]
        fresh, made = 0, len(data)
        for output in tree.find_all(nodes.Output):
            marked: list[nodes.Expr] = []
            for part in output.nodes:
                if isinstance(part, nodes.TemplateData):
                    marked.append(nodes.TemplateData(f"{_OPEN}{chr(_BASE + fresh)}{part.data}{_CLOSE}"))
                    fresh += 1
                else:
                    opening = nodes.TemplateData(f"{_OPEN}{chr(_BASE + made)}")
                    marked += [opening, part, nodes.TemplateData(_CLOSE)]
                    made += 1
            output.nodes = marked
        template = env.template_class.from_code(env, env.compile(tree), env.make_globals(None))
        value, pieces = _pieces(template.render(), origins)
        if "{%" in source:
            plain = env.from_string(source).render()
            if plain != value:
                return _Rendered(plain, (Piece(0, len(plain), 0, len(source), False),), ())
        return _Rendered(value, pieces, ())


def _pieces(marked: str, origins: list[tuple[int, int, bool]]) -> tuple[str, tuple[Piece, ...]]:
    """The text without marks, and where each stretch of it came from."""
    out: list[str] = []
    pieces: list[Piece] = []
    inside: list[int] = []
    length = at = 0
    consumed: dict[int, int] = {}
    while at < len(marked):
        if marked[at] == _OPEN:
            inside.append(ord(marked[at + 1]) - _BASE)
            consumed[inside[-1]] = 0
            at += 2
            continue
        if marked[at] == _CLOSE:
            inside.pop()
            at += 1
            continue
        end = at
        while end < len(marked) and marked[end] not in (_OPEN, _CLOSE):
            end += 1
        start, stop, exact = origins[inside[-1]] if inside else (0, 0, False)
        if exact:
            start += consumed[inside[-1]]
            consumed[inside[-1]] += end - at
        pieces.append(Piece(length, length + end - at, start, stop, exact))
        out.append(marked[at:end])
        length += end - at
        at = end
    return "".join(out), tuple(pieces)


def _tokens(env: SandboxedEnvironment, source: str) -> list[_Token]:
    """Jinja's tokens with their offsets, which its lexer does not keep: only white space is ever left out."""
    found: list[_Token] = []
    at = 0
    for line, kind, value in env.lexer.tokeniter(source, None):
        start = source.find(value, at)
        start = at if start < 0 else start
        found.append(_Token(kind, value, start, line))
        at = start + len(value)
    return found


def _blocks(tokens: list[_Token], begin: str, end: str) -> list[tuple[int, int]]:
    starts = [t.start for t in tokens if t.kind == begin]
    ends = [t.start + len(t.value.rstrip()) for t in tokens if t.kind == end]
    return list(zip(starts, ends, strict=True))


def _syntax_place(env: SandboxedEnvironment, source: str, line: int) -> tuple[int, int]:
    """The block at fault: Jinja tells the line only, so each block from that line on is tried by itself."""
    import jinja2

    lines = source.split("\n")
    begin = sum(len(text) + 1 for text in lines[: line - 1])
    at = begin
    first: tuple[int, int] | None = None
    while (
        start := min((i for i in (source.find("{{", at), source.find("{%", at)) if i >= 0), default=-1)
    ) >= 0:
        closer = "}}" if source[start + 1] == "{" else "%}"
        close = source.find(closer, start)
        if close < 0:
            return start, len(source)
        end = close + 2
        first = first or (start, end)
        try:
            env.parse(source[start:end])
        except jinja2.TemplateSyntaxError:
            if closer == "}}" or source.count("\n", 0, start) + 1 == line:
                return start, end
        at = end
    if first:
        return first
    before = max(source.rfind("{{", 0, begin), source.rfind("{%", 0, begin))
    return (before, len(source)) if before >= 0 else (begin, len(source))


def _render_problem(error: Exception, source: str, tokens: list[_Token]) -> _Problem:
    from featc.load.macros import last_line

    start, end = _block_of_line(tokens, last_line(error, "<template>") or 1, source)
    if isinstance(error, Refusal):
        for token in tokens:
            if token.kind == "string" and token.value[1:-1] == error.argument:
                start, end = token.start, token.start + len(token.value)
                break
        return _Problem(error.code, str(error), start, end, error.hint)
    message = (str(error) or type(error).__name__).replace(f"{__name__}.TargetView object", "target")
    return _Problem("F135", f"Jinja: {message}", start, end, "correct the expression, or the macro it calls")


def _block_of_line(tokens: list[_Token], line: int, source: str) -> tuple[int, int]:
    blocks = _blocks(tokens, "variable_begin", "variable_end") + _blocks(tokens, "block_begin", "block_end")
    for start, end in sorted(blocks):
        if source.count("\n", 0, end) + 1 >= line:
            return start, end
    return 0, len(source)
