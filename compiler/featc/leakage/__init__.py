"""Proof against leakage: a second reader of the training SQL, which knows the definitions and not how SQL is made."""

from featc.leakage.check import Checked, Finding, check_sql
from featc.leakage.facts import facts_of

__all__ = ["Checked", "Finding", "check_sql", "facts_of"]
