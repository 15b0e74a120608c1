"""Random projects, histories and orders of arrival, and the property they must keep; API: `model`."""

from .generate import draw_case, make_case
from .judge import Difference, check
from .model import Case, Push, Read, SourceSpec

__all__ = ["Case", "Difference", "Push", "Read", "SourceSpec", "check", "draw_case", "make_case"]
