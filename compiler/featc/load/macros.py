"""The Jinja environment: sandboxed, strict about unknown names, with the macros of macros/*.sql known
everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment, safe_range

from featc.errors import Findings, Span
from featc.load.text import SourceFile

_MACRO = re.compile(r"\{%-?\s*macro\s+([A-Za-z]\w*)")


def environment_with_macros(
    known: Mapping[str, Any], files: Sequence[SourceFile], findings: Findings
) -> SandboxedEnvironment:
    """An environment whose globals are `known` and the files' macros, which may call each other in any
    order.
    """
    env = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_sql_constant,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    # Jinja's own globals (lipsum, cycler …) stay out, so that did-you-mean offers only what makes sense here.
    env.globals.clear()
    env.globals.update(known)
    env.globals["range"] = safe_range
    env.globals["dict"] = dict
    macros: dict[str, Callable[..., Any]] = {}
    declared = [_declare(env, file, macros, findings) for file in files]
    # Only now, when all names are known, since a module sees the names of the moment it is made.
    for file, names in zip(files, declared, strict=True):
        if names:
            macros.update(_made(env, file, names, findings))
    return env


def _made(
    env: SandboxedEnvironment, file: SourceFile, names: Sequence[str], findings: Findings
) -> dict[str, Callable[..., Any]]:
    """The file's macros, callable; none and a finding if the file itself fails."""
    try:
        code = env.compile(file.text, file.path, file.path)
        module = env.template_class.from_code(env, code, env.make_globals(None)).make_module()
        return {name: getattr(module, name) for name in names}
    except Exception as error:
        line = error.lineno if isinstance(error, jinja2.TemplateSyntaxError) else last_line(error, file.path)
        findings.error("F136", f"Jinja: {error}", _line(file, line or 1), "correct the macro file")
        return {}


def last_line(error: Exception, path: str) -> int | None:
    """The innermost line of the template `path` in an error's traceback, where Jinja puts its own lines."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _declare(
    env: SandboxedEnvironment,
    file: SourceFile,
    macros: Mapping[str, Callable[..., Any]],
    findings: Findings,
) -> list[str]:
    """Makes the names of a file's macros known everywhere, and gives those that the file is the first to
    define.
    """
    try:
        tree = env.parse(file.text)
    except jinja2.TemplateSyntaxError as error:
        findings.error("F136", f"Jinja: {error.message}", _line(file, error.lineno), "correct the macro file")
        # Its macros are known all the same, so that their uses are not reported too.
        for name in _MACRO.findall(file.text):
            env.globals.setdefault(name, _forward(macros, name))
        return []
    names = []
    for macro in tree.body:
        # As everywhere in Jinja, a name that starts with _ stays private to its file.
        if not isinstance(macro, nodes.Macro) or macro.name.startswith("_"):
            continue
        if macro.name in env.globals:
            message = f"the macro '{macro.name}' is defined already, in macros/ or by featc itself"
            findings.error("F136", message, _line(file, macro.lineno), "rename it")
            continue
        env.globals[macro.name] = _forward(macros, macro.name)
        names.append(macro.name)
    return names


def _forward(macros: Mapping[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
    """Looks the macro up when it is called, so that a macro can call one of a later file."""

    def call(*args: Any, **kwargs: Any) -> Any:
        # A macro whose file has an error, reported there, stands for any expression.
        return macros[name](*args, **kwargs) if name in macros else "null"

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
