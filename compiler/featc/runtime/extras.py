"""Optional packages: what to install when one is asked for and is not there."""

from __future__ import annotations

import importlib
from types import ModuleType

from featc.errors import Diagnostic, FeatcError


def needed(package: str, extra: str, why: str) -> ModuleType:
    """The package, imported. Raises FeatcError F521 (exit code 4) that names the extra which brings it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        message = f"{package} is needed {why}, and is not installed"
        finding = Diagnostic("F521", message, hint=f"pip install 'featc[{extra}]'")
        raise FeatcError(finding, exit_code=4) from None
