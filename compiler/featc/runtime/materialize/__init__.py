"""Materialize: the online store brought to an instant from the project's sources (interfaces.md)."""

from featc.runtime.materialize.report import MaterializeReport, Progress, SourceReport
from featc.runtime.materialize.run import materialize

__all__ = ["MaterializeReport", "Progress", "SourceReport", "materialize"]
