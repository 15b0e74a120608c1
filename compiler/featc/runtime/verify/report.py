"""What verify found: per feature, per history, and the certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from featc.runtime.verify.rows import plain

ENOUGH = 20
"""So many probes need a value that says something before a feature counts as proven."""

_SHOWN = 6

Status = Literal["proven", "unproven", "different"]


@dataclass(frozen=True, slots=True)
class Example:
    """The first difference of a feature: the spine row and both values."""

    history: str
    spine: Mapping[str, Any]
    training: Any
    online: Any


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """How often a feature was compared, agreed, and said something (neither NULL nor default nor zero), `own` of
    these over the project's own rows. `refused` are probes at which both plans end in an error, as `refusal` does."""

    feature: str
    fingerprint: str
    compared: int
    agreed: int
    substantive: int
    own: int
    example: Example | None = None
    refused: int = 0
    refusal: str | None = None

    @property
    def status(self) -> Status:
        if self.agreed < self.compared:
            return "different"
        return "proven" if self.substantive >= ENOUGH else "unproven"


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """One history: how many rows of each source, how they were picked, how many probes."""

    name: str
    rows: Mapping[str, int]
    sampled: Mapping[str, str]
    probes: int


@dataclass(frozen=True, slots=True)
class Case:
    """A difference shrunk and saved: `path` is what `featc test` runs. `training` and `online` are its
    values.
    """

    feature: str
    path: Path
    rows: int
    spine: Mapping[str, Any]
    training: Any
    online: Any
    given: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of a run. `exit_code` 3 where anything differs, or is unproven and `allow_thin` was not given.
    `remarks` are views that no row reaches; `labels` are left out: nothing online gives them.
    """

    features: tuple[FeatureResult, ...]
    histories: tuple[HistoryResult, ...]
    cases: tuple[Case, ...]
    certificate: Path
    allow_thin: bool
    root: Path
    labels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def different(self) -> tuple[FeatureResult, ...]:
        return tuple(f for f in self.features if f.status == "different")

    @property
    def unproven(self) -> tuple[FeatureResult, ...]:
        return tuple(f for f in self.features if f.status == "unproven")

    @property
    def exit_code(self) -> int:
        return 3 if self.different or (self.unproven and not self.allow_thin) else 0

    def render(self) -> str:
        """The report as text for people."""
        width = max((len(f.feature) for f in self.features), default=7)
        lines = [f"{'feature':{width}}  status     compared  agreed  substantive  on own rows"]
        lines += [
            f"{f.feature:{width}}  {f.status:9}  {f.compared:8}  {f.agreed:6}  {f.substantive:11}  {f.own:11}"
            for f in self.features
        ]
        refused = [f for f in self.features if f.refused]
        said = [f"{f.feature}: both plans refuse {f.refused} probes, such as: {f.refusal}" for f in refused[:_SHOWN]]
        lines += ["", *said] if said else []
        lines.append("")
        for h in self.histories:
            lines.append(f"{h.name}: {h.probes} probes")
            lines += [f"  {source}: {said}" for source, said in h.sampled.items()]
        saved = {c.feature for c in self.cases}
        ordered = sorted(self.different, key=lambda f: f.feature not in saved)
        for f in ordered[:_SHOWN]:
            lines += ["", *self._difference(f)]
        if ordered[_SHOWN:]:
            lines += ["", f"and in {', '.join(f.feature for f in ordered[_SHOWN:])}"]
        if self.unproven:
            named = ", ".join(f.feature for f in self.unproven)
            lines += [
                "",
                f"unproven, for want of {ENOUGH} values that are neither NULL nor default nor zero: {named}",
            ]
            if not self.allow_thin:
                lines.append("   = give them data that reaches them, or accept that with --allow-thin")
        if self.labels:
            lines += ["", f"left out, as labels are in training sets only: {', '.join(self.labels)}"]
        lines += ["", *self.remarks] if self.remarks else []
        proven = sum(f.status == "proven" for f in self.features)
        where = self._shown(self.certificate)
        lines += ["", f"{proven} of {len(self.features)} features proven equal; certificate: {where}"]
        return "\n".join(lines)

    def _difference(self, f: FeatureResult) -> list[str]:
        case = next((c for c in self.cases if c.feature == f.feature), None)
        found = case or f.example
        if found is None:
            return []
        often = f"{f.compared - f.agreed} of {f.compared} probes"
        lines = [f"error F701: training and online differ in {f.feature} ({often})"]
        lines.append(f"   asked:    {_flow(found.spine)}")
        lines.append(f"   training: {plain(found.training)}")
        lines.append(f"   online:   {plain(found.online)}")
        if case is not None:
            lines.append(f"   smallest case found, {case.rows} rows:")
            lines += [f"     {line}" for line in case.given.splitlines()[:20]]
            lines.append(f"   = featc test {self._shown(case.path)}")
            lines.append("     shows it again; copy its files to tests/ to keep it")
        elif self.cases:
            lines.append("   = mend the cases that were saved first: they may have the same cause")
        else:
            lines.append("   = no smaller history shows it; the seed in the certificate finds it again")
        return lines

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values: what `--format json` prints."""
        return {
            "exit_code": self.exit_code,
            "features": [feature_json(f) for f in self.features],
            "histories": [
                {"name": h.name, "rows": dict(h.rows), "sampled": dict(h.sampled), "probes": h.probes}
                for h in self.histories
            ],
            "cases": [
                {
                    "feature": c.feature,
                    "path": self._shown(c.path),
                    "rows": c.rows,
                    "spine": plain_row(c.spine),
                    "training": plain_value(c.training),
                    "online": plain_value(c.online),
                }
                for c in self.cases
            ],
            "labels_left_out": list(self.labels),
            "remarks": list(self.remarks),
            "certificate": self._shown(self.certificate),
        }


def plain_value(value: Any) -> Any:
    """`plain`, and failures as their text."""
    made = plain(value)
    return made if isinstance(made, (str, int, float, bool, list, dict, type(None))) else str(made)


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: plain_value(v) for k, v in row.items()}


def _flow(row: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{k}: {plain_value(v)}" for k, v in row.items()) + "}"


def feature_json(f: FeatureResult) -> dict[str, Any]:
    """One feature's result as JSON values."""
    found: dict[str, Any] = {
        "feature": f.feature,
        "fingerprint": f.fingerprint,
        "status": f.status,
        "compared": f.compared,
        "agreed": f.agreed,
        "substantive": f.substantive,
        "substantive_on_own_rows": f.own,
        "refused": f.refused,
        "refusal": f.refusal,
    }
    if f.example is not None:
        found["example"] = {
            "history": f.example.history,
            "spine": plain_row(f.example.spine),
            "training": plain_value(f.example.training),
            "online": plain_value(f.example.online),
        }
    return found


def _found_before(path: Path, bound_to: Mapping[str, Any]) -> dict[str, Any]:
    """The features that the certificate at `path` says are equal or different, if it is of the same engines."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        if any(before[name] != bound_to[name] for name in ("project", "featc", "training", "online")):
            return {}
        return {n: f for n, f in before["features"].items() if f["status"] in ("proven", "different")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_certificate(path: Path, report: VerifyReport, bound_to: Mapping[str, Any]) -> None:
    """Writes the certificate: the results by feature, and what they hold for (`bound_to`). Deterministic
    bytes.

    A run of some features leaves what was found out about the others, by the same engines, as it stands.
    """
    body = {"schema": 1, **bound_to, **report.to_json()}
    found = {f["feature"]: {k: v for k, v in f.items() if k != "feature"} for f in body["features"]}
    body["features"] = (_found_before(path, bound_to) if bound_to.get("select") else {}) | found
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
