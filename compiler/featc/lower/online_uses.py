"""What an online read uses, for people who ask why: the tiles in its bands, and the rows that it reads beside them. The
same bands and stretches as the read's own (`online_read`)."""

from __future__ import annotations

from featc.lower.ctes import conjunction
from featc.lower.online_layout import Layout
from featc.lower.online_read import band_values, seen_conditions, tile_ctes
from featc.visibility import horizon_sql


def uses_sql(layout: Layout, bands: int) -> str:
    """What a read of so many bands uses: (start, rows, whether it is used) of each tile that lies in them, and in a row
    without start how many rows are read one by one."""
    rows = (
        f"SELECT NULL, count(*), NULL\nFROM {'stretch' if layout.tiled else 'band'} CROSS JOIN {layout.events}\n"
        f"{conjunction([*seen_conditions(layout), '_tau > _after', '_tau <= _upto'])}"
    )
    if not layout.tiled:
        return f"WITH\n{band_values(layout, bands)}\n{rows};\n"
    settled = f"_settled_at <= {horizon_sql(':k', layout.view.closed)}"
    ctes = [band_values(layout, bands), *tile_ctes(layout, ())]
    return f"WITH\n{f',{chr(10)}'.join(ctes)}\nSELECT _start, _rows, {settled}\nFROM tile\nUNION ALL\n{rows};\n"


def within_sql(layout: Layout) -> str:
    """(τ, enter) of the rows of the store that are seen, with τ in (:after, :upto]."""
    seen = [*seen_conditions(layout), "_tau > :after", "_tau <= :upto"]
    return f"SELECT _tau, {layout.enter}\nFROM {layout.events}\n{conjunction(seen)};\n"
