"""Emit: the resolved project → the text of every artefact, and its way to disk. Same project, same bytes."""

from featc.emit.files import (
    Emitted,
    backfill_files,
    build_files,
    online_read,
    online_sql,
    training_file,
    training_queries,
)
from featc.emit.writing import write_files

__all__ = ["Emitted", "backfill_files", "build_files", "online_read",
    "online_sql", "training_file", "training_queries", "write_files"]
