"""The words and symbols an expression may hold to be compiled, and what each counts as (see `syntax`)."""

from __future__ import annotations

from collections.abc import Mapping

# Symbol → what it is counted as in the tree; "" is not counted.
SYMBOLS: Mapping[str, str] = {
    "(": "", ")": "", ",": "", "+": "+", "-": "-", "*": "*", "/": "/", "//": "//", "%": "%", "||": "||",
    "=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "::": "cast",
}  # fmt: skip

_KEYWORDS = {
    "and": "and", "or": "or", "not": "not", "is": "is", "null": "null", "true": "true", "false": "false",
    "in": "in", "between": "between", "distinct": "distinct", "from": "from", "cast": "cast", "as": "",
    "case": "case", "when": "when", "then": "", "else": "else", "end": "",
}  # fmt: skip

_FUNCTIONS = (
    "coalesce", "ifnull", "nullif", "greatest", "least", "if", "abs", "floor", "ceil", "ceiling", "round",
    "sqrt",
    "isnan", "isinf", "isfinite", "length", "epoch_us", "extract", "date_part", "year", "month", "day",
    "hour",
    "minute", "second", "dayofweek", "isodow", "quarter",
)  # fmt: skip

# sqlglot's name of a type → the canonical name. Types that are not here cannot be cast to.
TYPE_WORDS: Mapping[str, str] = {
    "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INT": "INTEGER", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE",
    "DECIMAL": "DECIMAL", "BOOLEAN": "BOOLEAN", "TEXT": "VARCHAR", "DATE": "DATE",
    "TIMESTAMPNTZ": "TIMESTAMP",
}  # fmt: skip

_TYPES = (
    "tinyint", "smallint", "int", "integer", "bigint", "double", "decimal", "numeric", "boolean", "bool",
    "varchar",
    "text", "date", "timestamp",
)  # fmt: skip

WORDS: Mapping[str, str] = _KEYWORDS | dict.fromkeys(_FUNCTIONS, "function") | dict.fromkeys(_TYPES, "")

# The words whose parenthesis is part of their own syntax.
OPENERS = frozenset({*_FUNCTIONS, "cast", "in", "decimal", "numeric"})
