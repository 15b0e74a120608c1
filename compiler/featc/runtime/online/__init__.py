"""The online store: push events in, get feature vectors out (semantics.md; the only code that opens SQLite)."""

from featc.runtime.online.ledger import PushReport
from featc.runtime.online.store import OnlineStore

__all__ = ["OnlineStore", "PushReport"]
