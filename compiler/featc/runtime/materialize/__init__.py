"""Materialize: the online store brought to an instant from the project's sources (interfaces.md)."""

from featc.runtime.materialize.foresee import foresee
from featc.runtime.materialize.report import Foreseen, MaterializeReport, Progress, SourceReport, Stretch
from featc.runtime.materialize.run import materialize

__all__ = ["Foreseen", "MaterializeReport", "Progress", "SourceReport", "Stretch", "foresee", "materialize"]
