"""Verify: the proof that training and online values are equal (semantics.md, "What “equal” means")."""

from featc.runtime.verify.report import VerifyReport
from featc.runtime.verify.run import Budget, verify

__all__ = ["Budget", "VerifyReport", "verify"]
