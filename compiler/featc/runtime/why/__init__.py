"""`featc why`: the rows behind one value."""

from featc.runtime.why.model import WhyReport
from featc.runtime.why.run import why

__all__ = ["WhyReport", "why"]
