"""`featc docs`: the catalogue of a project with what is known of its data, its online store and its last proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.fingerprint import Layers
from featc.resolve.model import Output, View
from featc.runtime.proofs import Certificate
from featc.runtime.status import Status, status
from featc.runtime.texts import to_text
from featc.runtime.training_set.recent import recent_spine
from featc.site import Fresh, Lineage, Living, Proven, Served, Sketch, site_files, write_site

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore
    from featc.runtime.training_set.statistics import FeatureStatistics

SAMPLE = 1_000
"""Entities of which values are looked at."""

_TOP = 5
_FEW = 20
"""Different values up to which the most frequent ones say something."""

_PAGE = "featc.lineage.page"


def write_catalogue(store: FeatureStore, out: Path, *, statistics: bool = False) -> int:
    """Writes the site to `out`, which it replaces as a whole, and gives the number of its files.

    Raises FeatcError F860, F861; with `statistics` also F4xx and F5xx, of data that cannot be read.
    """
    living = _living(store, statistics=statistics)
    files = store.compiled.definitions.files
    return write_site(out, site_files(store.numbered, files, living, lineage_page(store)))


def lineage_page(store: FeatureStore) -> Lineage | None:
    """What makes the page of the lineage, where this featc has one."""
    if util.find_spec(_PAGE) is None:
        return None
    page_html = import_module(_PAGE).page_html
    return lambda panels: str(page_html(store.numbered, facts=panels))


def _living(store: FeatureStore, *, statistics: bool) -> Living:
    stands = status(store)
    certificate = Certificate.read(store.root)
    sketches = _sketches(store) if statistics else {}
    return Living(
        proofs=_proofs(store, certificate),
        verified_at=_instant(certificate.at),
        sketches=sketches,
        sample=f"as of just after the last rows, of at most {SAMPLE:,} entities",
        sources=_sources(stands),
        services={s.name: Served(_instant(s.known_to), s.proof) for s in stands.services},
    )


def _instant(us: int | None) -> str | None:
    """An instant of data as text, in UTC to the second."""
    if us is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S")


# ── proofs and freshness ──────────────────────────────────────────────────────────────────────────────────────────


def _proofs(store: FeatureStore, certificate: Certificate) -> dict[str, Proven]:
    """By name, as the certificate has it, of the features of views and of those that services ask for."""
    project, layers = store.project, Layers(store.project)
    views: Iterable[View] = (*project.views.values(), *project.asked.values())
    found = {}
    for name, view, feature in ((f"{v.name}.{f.name}", v.name, f.name) for v in views for f in v.features):
        result = certificate.result(name)
        if result is None:
            continue
        state = certificate.proof(name, layers.feature(view, feature))
        counts = (result.get("compared"), result.get("substantive"), result.get("substantive_on_own_rows"))
        compared, telling, own = (n if isinstance(n, int) else 0 for n in counts)
        found[name] = Proven(state, compared, telling, own, str(result.get("fingerprint")))
    return found


def _sources(stands: Status) -> dict[str, Fresh]:
    return {
        s.name: Fresh(_instant(s.watermark), _instant(s.pushed_at), s.accepted, sum(s.rejected.values()))
        for s in stands.sources
        if stands.store.size is not None
    }


# ── statistics ────────────────────────────────────────────────────────────────────────────────────────────────────


def _sketches(store: FeatureStore) -> dict[str, Sketch]:
    """What values are like, view by view, at the entities that something happened to last. Views without rows of their
    own or of parents have none."""
    found: dict[str, Sketch] = {}
    for view in store.project.views.values():
        outputs = [Output(f.name, view.name, f.name, f.type) for f in view.features]
        if not outputs:
            continue
        dataset = store.get_historical_features(
            [f"{o.view}.{o.feature}" for o in outputs], recent_spine(store.located, outputs, SAMPLE)
        )
        described = dataset.stats().features
        columns = dataset.to_dict()
        for output in outputs:
            found[f"{view.name}.{output.feature}"] = _sketch(described[output.name], columns[output.name])
    return found


def _sketch(about: FeatureStatistics, values: list[Any]) -> Sketch:
    quantiles = about.quantiles or {}
    numbers = [
        ("values", f"{len(values):,}"),
        ("NULL", _share(about.null_share)),
        ("zero", _share(about.zero_share)),
        ("default", _share(about.default_share)),
        ("≈ distinct", None if about.distinct is None else f"{about.distinct:,}"),
        ("min", _short(about.min)),
        ("≈ 5 %", _short(quantiles.get("0.05"))),
        ("≈ median", _short(quantiles.get("0.5"))),
        ("≈ 95 %", _short(quantiles.get("0.95"))),
        ("max", _short(about.max)),
        ("mean", _short(about.mean)),
        ("sd", _short(about.sd)),
    ]
    return Sketch(tuple((name, text) for name, text in numbers if text is not None), _top(values))


def _top(values: list[Any]) -> tuple[tuple[str, str], ...]:
    """The most frequent values with their shares, where there are few different ones."""
    counts = Counter(to_text(v) for v in values)
    if not 0 < len(counts) <= _FEW:
        return ()
    listed = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:_TOP]
    return tuple((text if len(text) <= 40 else f"{text[:39]}…", _share(n / len(values)) or "") for text, n in listed)


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


def _short(value: object) -> str | None:
    if value is None:
        return None
    text = f"{value:.6g}" if isinstance(value, float) else to_text(value)
    return text if len(text) <= 24 else f"{text[:23]}…"

