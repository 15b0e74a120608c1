"""featc: features defined once, in YAML and SQL, compiled to a training query and an online query that agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from featc.errors import FeatcError
    from featc.runtime.store import FeatureStore

__all__ = ["FeatcError", "FeatureStore", "__version__"]


def __getattr__(name: str) -> Any:
    # imports of sqlglot, networkx and duckdb cost more than most commands: only on use
    if name == "FeatureStore":
        from featc.runtime.store import FeatureStore

        return FeatureStore
    if name == "FeatcError":
        from featc.errors import FeatcError

        return FeatcError
    raise AttributeError(f"module 'featc' has no attribute {name!r}")
