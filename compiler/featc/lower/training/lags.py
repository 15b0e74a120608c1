"""The lag within which most rows are known: those are regular, and later ones take the slower path."""

from __future__ import annotations

from featc.lower import source as src
from featc.lower.ctes import Ctes
from featc.lower.source import ENTER, TIME, quoted
from featc.resolve.model import Source, View


def usual_lag(ctes: Ctes, source: Source, base: str) -> str:
    """The CTE of the usual lag, one row `us`."""
    body = f"SELECT {source.delay} AS us"
    if source.available_at is not None:
        lags = f"greatest({src.ARRIVAL} - {TIME}, 0)"
        body = f"SELECT coalesce(quantile_disc({lags}, 0.9), 0) AS us\nFROM {base}"
    comment = f"{source.name}: the lag within which most rows arrive; later ones take the slower path"
    return ctes.add(quoted(f"{source.name}_lag"), body, comment)


def attributed_lag(ctes: Ctes, view: View, relation: str) -> str:
    """The same for attributed rows: from when on most of them are seen."""
    body = f"SELECT coalesce(quantile_disc({ENTER} - {TIME}, 0.9), 0) AS us\nFROM {relation}"
    comment = f"{view.name}: the lag within which most rows count; later ones take the slower path"
    return ctes.add(quoted(f"{view.name}_lag"), body, comment)
