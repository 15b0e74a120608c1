"""The Jinja environment: sandboxed, strict about unknown names, with the macros of macros/*.sql known everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from featc.errors import Findings, Span
from featc.load.text import SourceFile


def environment_with_macros(
    known: Mapping[str, Any], files: Sequence[SourceFile], findings: Findings
) -> SandboxedEnvironment:
    """An environment whose globals are `known` and the files' macros, which may call each other in any order."""
    env = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_sql_constant,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    # Jinja's own globals (lipsum, cycler …) stay out, so that did-you-mean offers only what makes sense here.
    env.globals.clear()
    env.globals.update(known)
    env.globals["range"] = range
    env.globals["dict"] = dict
    homes: dict[str, SourceFile] = {}
    macros: dict[str, Callable[..., Any]] = {}
    for file in files:
        try:
            _declare(env, file, homes, macros, findings)
        except jinja2.TemplateSyntaxError as error:
            findings.error("F136", f"Jinja: {error.message}", _line(file, error.lineno), "correct the macro file")
    return env


def _declare(
    env: SandboxedEnvironment,
    file: SourceFile,
    homes: dict[str, SourceFile],
    macros: dict[str, Callable[..., Any]],
    findings: Findings,
) -> None:
    tree = env.parse(file.text)
    # As everywhere in Jinja, a name that starts with _ stays private to its file.
    named = [node for node in tree.body if isinstance(node, nodes.Macro) and not node.name.startswith("_")]
    for macro in named:
        if macro.name in homes or macro.name in env.globals:
            other = homes[macro.name].path if macro.name in homes else "featc itself"
            findings.error(
                "F136", f"the macro '{macro.name}' is already defined by {other}", _line(file, macro.lineno), "rename it"
            )
            continue
        homes[macro.name] = file
        env.globals[macro.name] = _forward(macros, macro.name)
    module = env.from_string(file.text).make_module()
    for macro in named:
        if homes.get(macro.name) is file:
            macros[macro.name] = getattr(module, macro.name)


def _forward(macros: Mapping[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
    """Looks the macro up when it is called, so that a macro can call one of a later file."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return macros[name](*args, **kwargs)

    return call


def _sql_constant(value: Any) -> Any:
    """How a value is written into SQL: Python's True and None mean nothing there."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    return "null" if value is None else value


def _line(file: SourceFile, line: int) -> Span:
    """A whole line of a file, without its indentation."""
    start = file.starts[min(line, len(file.starts)) - 1]
    text = file.span(start, start + 1).text
    indent = len(text) - len(text.lstrip())
    return file.span(start + indent, start + len(text))
