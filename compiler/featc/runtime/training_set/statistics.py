"""What the values of a training set are like: per feature, in one pass over the rows.

Exact: rows, NULLs, zeros, defaults, NaN and infinities, minimum, maximum, mean, standard deviation. Approximate, by
DuckDB's sketches: the number of distinct values (HyperLogLog, a few percent) and quantiles (t-digest). Mean, deviation,
quantiles, minimum and maximum of a DOUBLE leave NaN and infinities out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from featc.lower.source import quoted
from featc.resolve.model import Output, Project
from featc.runtime.texts import table, to_text
from featc.types import family

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.training_set.knowledge import KnowledgeReport

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
APPROXIMATE = ("distinct", "quantiles")
_NUMBERS = ("integer", "decimal", "float")
_ORDERED = (*_NUMBERS, "timestamp", "date", "text", "boolean")
_HEADS = (
    *("feature", "type", "null", "zero", "default", "≈distinct"),
    *("min", "≈median", "max", "mean", "sd", "NaN/inf"),
)
_SPREADS = "1e150"  # beyond, a square is no DOUBLE any more


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """One feature's values. Shares are of all rows; what a type does not have is None.

    `equal_to_default` is None without a `default:`; `quantiles` are by the text of their share.
    """

    feature: str
    type: str
    nulls: int
    null_share: float | None
    distinct: int | None = None
    min: Any = None
    max: Any = None
    mean: float | None = None
    sd: float | None = None
    quantiles: Mapping[str, float] | None = None
    zero_share: float | None = None
    default_share: float | None = None
    nan: int | None = None
    inf: int | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Those of all features of a set, by name, in its order."""

    rows: int
    features: Mapping[str, FeatureStatistics]
    knowledge: KnowledgeReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data: what `featc dataset --stats --format json` prints."""
        described = {name: {k: v for k, v in asdict(f).items() if v is not None} for name, f in self.features.items()}
        found = {"rows": self.rows, "approximate": list(APPROXIMATE), "features": described}
        return found if self.knowledge is None else found | {"knowledge": self.knowledge.to_dict()}

    def __str__(self) -> str:
        heads = _HEADS
        lines = [_line(name, f) for name, f in self.features.items()]
        kept = [i for i in range(len(heads)) if i < 2 or any(line[i] for line in lines)]
        rows = [[line[i] for i in kept] for line in lines]
        right = frozenset(j for j, i in enumerate(kept) if i >= 2)
        shown = table([heads[i] for i in kept], rows, right=right)
        known = "" if self.knowledge is None else f"\n\n{self.knowledge}"
        return f"{shown}\n{self.rows} rows; ≈ is approximate{known}"

    __repr__ = __str__


def _line(name: str, f: FeatureStatistics) -> list[str]:
    odd = f"{f.nan}/{f.inf}" if f.nan or f.inf else ""
    median = None if f.quantiles is None else f.quantiles.get("0.5")
    shares = [_share(s) for s in (f.null_share, f.zero_share, f.default_share)]
    values = [_short(v) for v in (f.distinct, f.min, median, f.max, f.mean, f.sd)]
    return [name, f.type, *shares, *values, odd]


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _short(value: Any) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else to_text(value)
    return text if len(text) <= 20 else text[:19] + "…"


def statistics(
    connection: duckdb.DuckDBPyConnection, relation: str, project: Project, outputs: Sequence[Output]
) -> Statistics:
    """The statistics of `outputs` over a relation that has them as columns."""
    asked = {o.name: _measures(o, project.feature(o.view, o.feature).default) for o in outputs}
    items = ["count(*)", *(sql for measures in asked.values() for sql in measures.values())]
    found = iter(connection.execute(f"SELECT {', '.join(items)} FROM {relation}").fetchall()[0])
    rows = int(next(found))
    named = {o.name: (o, {measure: next(found) for measure in asked[o.name]}) for o in outputs}
    return Statistics(rows, {name: _of(o, rows, values) for name, (o, values) in named.items()})


def _measures(output: Output, default: str | None) -> dict[str, str]:
    """SQL by the name of what it measures."""
    x, kind = quoted(output.name), family(output.type)
    found = {"nulls": f"count(*) - count({x})"}
    if kind not in _ORDERED:
        return found
    finite = f" FILTER (WHERE isfinite({x}))" if kind == "float" else ""
    found |= {"distinct": f"approx_count_distinct({x})", "min": f"min({x}){finite}", "max": f"max({x}){finite}"}
    if default is not None:
        found["default_share"] = f"count(*) FILTER (WHERE {x} IS NOT DISTINCT FROM {default})"
    if kind in _NUMBERS:
        tame = f" FILTER (WHERE abs({x}::DOUBLE) < {_SPREADS})"
        found |= {
            "mean": f"avg({x}::DOUBLE){finite}",
            "sd": f"stddev_samp({x}::DOUBLE){tame}",
            "quantiles": f"approx_quantile({x}::DOUBLE, {list(QUANTILES)}){finite}",
            "zero_share": f"count(*) FILTER (WHERE {x} = 0)",
        }
    if kind == "boolean":
        found["mean"] = f"avg({x}::TINYINT)"
    if kind == "float":
        found |= {"nan": f"count(*) FILTER (WHERE isnan({x}))", "inf": f"count(*) FILTER (WHERE isinf({x}))"}
    return found


def _of(output: Output, rows: int, values: dict[str, Any]) -> FeatureStatistics:
    counts = {n: values[n] or 0 for n in ("zero_share", "default_share") if n in values}  # NULL: none that is known
    shares = {n: count / rows if rows else None for n, count in counts.items()}
    quantiles = values.get("quantiles")
    by_share = None if quantiles is None else {str(q): v for q, v in zip(QUANTILES, quantiles, strict=True)}
    null_share = values["nulls"] / rows if rows else None
    rest = values | shares | {"quantiles": by_share, "null_share": null_share}
    return FeatureStatistics(f"{output.view}.{output.feature}", output.type, **rest)
