"""What fingerprints are made with: a canonical, length-safe encoding of plain values, and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

IR_VERSION = 2
"""Raised whenever the encoding changes: all fingerprints change with it."""

Value = Any
"""None, bool, int, str, a tuple of Values, or a mapping from str to Values."""


def encode(value: Value) -> bytes:
    """A canonical encoding: different values give different bytes, whatever they hold.

    >>> encode(("a;b",)) == encode(("a", "b"))
    False
    """
    match value:
        case None:
            return b"n"
        case bool():
            return b"t" if value else b"f"
        case int():
            return b"i%d;" % value
        case str():
            raw = value.encode()
            return b"s%d:%b" % (len(raw), raw)
        case tuple():
            return b"l%d:%b" % (len(value), b"".join(map(encode, value)))
        case Mapping():
            pairs = b"".join(encode(k) + encode(value[k]) for k in sorted(value))
            return b"m%d:%b" % (len(value), pairs)
    raise TypeError(f"{type(value).__name__} has no canonical encoding")


def digest(kind: str, value: Value) -> str:
    """The fingerprint of `value`: 32 hexadecimal digits. `kind` keeps layers apart."""
    return hashlib.blake2b(encode((IR_VERSION, kind, value)), digest_size=16).hexdigest()
