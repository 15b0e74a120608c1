"""Parameters of aggregates: literals that an author gives beside what rows bring."""

from __future__ import annotations

from featc.algebra import Constant, Param
from featc.durations import BadDuration, parse_duration
from featc.parse.lexer import Token

_MOST = 1_000_000
_EXAMPLES = {"count": "write a number, such as 10", "share": "write a share, such as 0.5", "duration": "write '6h'"}


def constant(param: Param, token: Token | None) -> Constant:
    """The value of a parameter's literal. Raises ValueError(reason, way out)."""
    hint = _EXAMPLES[param.kind]
    if token is None:
        raise ValueError("has to be a literal", hint)
    if param.kind == "duration":
        if token.kind != "string":
            raise ValueError("is a duration in quotes", hint)
        try:
            us = parse_duration(token.text[1:-1])
        except BadDuration as bad:
            raise ValueError(f"is no duration: {bad}", bad.hint or hint) from None
        return us
    if token.kind != "number":
        raise ValueError("is a number", hint)
    value = float(token.text)
    if param.kind == "share":
        if not 0 <= value <= 1:
            raise ValueError("lies between 0 and 1", hint)
        return value
    if not value.is_integer() or not 1 <= value <= _MOST:
        raise ValueError(f"is a whole number from 1 to {_MOST:,}", hint)
    return int(value)
