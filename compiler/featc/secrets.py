"""Secrets: values that came from `env_var('FEATC_SECRET_…')`, and their masking in everything that is shown.

The register is one per process on purpose: an error may carry a secret out of a driver long after, or before,
a project is loaded, and whoever prints it must be able to mask it without having the project at hand.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote, unquote, urlsplit

PREFIX = "FEATC_SECRET_"
MASK = "********"

# Masking shorter texts would hide ordinary letters everywhere and protect nothing.
_SHORTEST = 3
_known: set[str] = set()


def remember_secret(value: str) -> None:
    """From now on `mask` hides `value`, and the password inside it if it is a URL or a libpq connection
    string.
    """
    found = {value, value.strip()}
    for password in re.findall(r"password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", value):
        found |= {password, password.strip("'")}
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    if password:
        found |= {password, unquote(password)}
    for text in [v for v in found if len(v) >= _SHORTEST]:
        _known.update(_spellings(text))


def _spellings(text: str) -> set[str]:
    """The text as it may stand in what is shown: bare, in SQL, in JSON, in Python, in a URL."""
    written = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {text, text.replace("'", "''"), text.replace('"', '""'), quote(text), quote(text, safe=""), *written}


def mask(text: str) -> str:
    """`text` with every known secret replaced by ********. For all output: logs, errors, files."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text
