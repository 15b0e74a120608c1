"""What the last `featc verify` proved, and whether it holds for the definitions and engines of now."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

Proof = Literal["proven", "thin", "different", "moved", "never"]
"""Of a feature or a service: proven equal; for want of data not; different; the definitions or an engine are others
now; none."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that lies in the build folder; empty where there is none. `at`: when it was written, in µs."""

    body: Mapping[str, Any]
    at: int | None

    @staticmethod
    def read(root: Path) -> Certificate:
        """That of the project at `root`."""
        path = root / "target" / "certificate.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            written = path.stat().st_mtime_ns // 1000
        except (OSError, ValueError):
            return Certificate({}, None)
        return Certificate(found, written) if isinstance(found, dict) else Certificate({}, None)

    def result(self, feature: str) -> Mapping[str, Any] | None:
        """What was found out about a feature: `fingerprint`, `compared`, `substantive` …"""
        features = self.body.get("features", {})
        found = features.get(feature) if isinstance(features, dict) else None
        return found if isinstance(found, dict) else None

    def proof(self, feature: str, fingerprint: str) -> Proof:
        """What of a feature that has this fingerprint now is proven."""
        engines = {"training": duckdb.__version__, "online": sqlite3.sqlite_version}
        found = self.result(feature)
        if found is None:
            return "never"
        if found.get("fingerprint") != fingerprint:
            return "moved"
        if found.get("status") == "different":
            return "different"
        if any(self.body.get(part, {}).get("version") != version for part, version in engines.items()):
            return "moved"
        accepted = found.get("status") == "proven" or self.body.get("exit_code") == 0
        return "proven" if accepted else "thin"
