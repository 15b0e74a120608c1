"""Greedy shrinking: drops what can go while the case still fails in the same way, and saves what is left."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from oracle import Row, ViewJoin, moment

from . import render
from .judge import Difference, OpenProduct, check, open_featc
from .model import Case, Push, Read, ViewSpec

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, tries: int = 400) -> Case:
    """The smallest case found by dropping probes, pushes, features, views and rows; at most `tries` runs."""
    left = [tries]

    def still(candidate: Case) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    changed = True
    while changed and left[0] > 0:
        changed = False
        for smaller in (fewer_probes, fewer_steps, fewer_labels, fewer_features, fewer_views, fewer_rows):
            found = pass_over(case, smaller, still)
            changed |= found is not case
            case = found
    return case


def pass_over(case: Case, smaller: Callable[[Case, int, int], Case | None], fails: Fails) -> Case:
    """Drops runs of things, halving the run from large to one."""
    width = 16
    while width:
        start = 0
        while (candidate := smaller(case, start, width)) is not None:
            if candidate is not case and fails(candidate):
                case = candidate
            else:
                start += width
        width //= 2
    return case


def fewer_probes(case: Case, start: int, width: int) -> Case | None:
    """Without probes start … start+width."""
    if start >= len(case.probes):
        return None
    kept = [n for n in range(len(case.probes)) if not start <= n < start + width]
    if not kept:
        return case
    new = {old: n for n, old in enumerate(kept)}
    steps = []
    for step in case.steps:
        if isinstance(step, Read):
            step = Read(tuple(new[n] for n in step.probes if n in new))
            if not step.probes:
                continue
        steps.append(step)
    return case.with_(probes=tuple(case.probes[n] for n in kept), steps=tuple(steps))


def fewer_steps(case: Case, start: int, width: int) -> Case | None:
    """Without reads and replays among the steps start … start+width: first pushes must stay."""
    if start >= len(case.steps):
        return None
    kept = tuple(
        step
        for n, step in enumerate(case.steps)
        if not start <= n < start + width or (isinstance(step, Push) and not step.replay)
    )
    return case if len(kept) == len(case.steps) else case.with_(steps=kept)


def fewer_rows(case: Case, start: int, width: int) -> Case | None:
    """Without rows start … start+width, counted through all sources."""
    everything = [(s.name, n) for s in case.sources for n in range(len(case.rows[s.name]))]
    if start >= len(everything):
        return None
    gone = set(everything[start : start + width])
    rows: dict[str, tuple[Row, ...]] = {}
    new: dict[tuple[str, int], int] = {}
    for s in case.sources:
        kept = [n for n in range(len(case.rows[s.name])) if (s.name, n) not in gone]
        rows[s.name] = tuple(case.rows[s.name][n] for n in kept)
        new |= {(s.name, old): n for n, old in enumerate(kept)}
    steps = []
    for step in case.steps:
        if isinstance(step, Push):
            places = (new.get((step.source, n)) for n in step.rows)
            step = replace(step, rows=tuple(n for n in places if n is not None))
            if not step.rows:
                continue
        steps.append(step)
    return case.with_(rows=rows, steps=tuple(steps))


def fewer_features(case: Case, start: int, width: int) -> Case | None:
    """Without features start … start+width, and whatever is derived from them."""
    everything = [(v.name, s.name) for v in case.views for s in v.features]
    if start >= len(everything):
        return None
    return without(case, set(everything[start : start + width]))


def fewer_labels(case: Case, start: int, width: int) -> Case | None:
    """Without labels start … start+width, and those that use them; the last of them leave with what sets know."""
    everything = [(v.name, s.name) for v in case.views for s in v.labels]
    if start >= len(everything):
        return None
    gone = set(everything[start : start + width])
    lost = {f"{v.name}.{f.name}" for v in case.views for s in v.labels if (v.name, s.name) in gone for f in s.outputs}
    views = [
        replace(v, labels=tuple(s for s in v.labels if (v.name, s.name) not in gone and not s.uses & lost))
        for v in case.views
    ]
    return case.with_(views=tuple(views), knowledge=case.knowledge if any(v.labels for v in views) else ())


def fewer_views(case: Case, start: int, width: int) -> Case | None:
    """Without views start … start+width, their features and sources nobody uses."""
    if start >= len(case.views):
        return None
    gone = {v.name for v in case.views[start : start + width]}
    return without(case, {(v.name, s.name) for v in case.views if v.name in gone for s in v.features})


def without(case: Case, gone: set[tuple[str, str]]) -> Case:
    """The case without some feature entries; the same case when nothing would be left."""
    lost = {f"{v.name}.{f.name}" for v, s in entries(case) if (v.name, s.name) in gone for f in s.outputs}
    while True:
        more = {
            f"{v.name}.{f.name}"
            for v, s in entries(case)
            for f in s.outputs
            if s.uses & lost and f"{v.name}.{f.name}" not in lost
        }
        if not more:
            break
        lost |= more
    views = []
    for v in case.views:
        kept = tuple(s for s in v.features if not any(f"{v.name}.{f.name}" in lost for f in s.outputs))
        if kept:
            labels = tuple(s for s in v.labels if not s.uses & lost)
            views.append(replace(v, features=kept, labels=labels))
    picks = tuple((output, name) for output, name in case.picks if name not in lost)
    if not picks:
        return case
    return narrowed(case.with_(views=tuple(views), picks=picks, service_yaml=None))


def entries(case: Case) -> Iterator[tuple[ViewSpec, Any]]:
    """Every feature entry with its view."""
    for v in case.views:
        for s in v.features:
            yield v, s


def narrowed(case: Case) -> Case:
    """Without sources and request columns that no view uses any more; a union keeps all of its own."""
    beside = (j for v in case.views for j in (*v.joins, *v.matches) if not isinstance(j, ViewJoin))
    used = {v.source for v in case.views} | {j.source for j in beside}
    unions = tuple(u for u in case.unions if u.name in used)
    used |= {name for u in unions for name in u.meaning.union}
    sources = tuple(s for s in case.sources if s.name in used)
    names = {s.name for s in sources}
    steps = tuple(s for s in case.steps if isinstance(s, Read) or s.source in names)
    request = {c: t for v in case.views for c, t in v.yaml.get("request", {}).items()}
    probes = tuple(replace(p, request={c: p.request[c] for c in request}) for p in case.probes)
    return case.with_(sources=sources, unions=unions, steps=steps, request=request, probes=probes)


# ------------------------------------------------------------------------------------- reports


def report(
    case: Case,
    found: list[Difference],
    folder: Path,
    open_product: OpenProduct = open_featc,
    tries: int = 150,
) -> str:
    """Shrinks a failing case, saves it under the folder, and says what is wrong in a few lines."""
    wanted = found[0].signature

    def fails(candidate: Case) -> bool:
        return any(d.signature == wanted for d in run(candidate, open_product))

    small = shrink(case, fails, tries)
    left = run(small, open_product) or found
    save(small, left, folder)
    lines = [f"{case.label}: {len(found)} differences; smallest case in {folder}", *map(str, left[:5])]
    return "\n".join(lines)


def run(case: Case, open_product: OpenProduct = open_featc) -> list[Difference]:
    """The check in a folder of its own, which goes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="featc-case-"))
    try:
        return check(case, folder, open_product)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def save(case: Case, found: list[Difference], folder: Path) -> None:
    """Project, data as CSV beside the files it reads, spine, steps and differences."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    render.write(case, folder)
    for source in case.sources:
        text = render.csv_text(source, case.rows[source.name])
        (folder / f"{source.name}.csv").write_text(text, encoding="utf-8")
    spine = [{**p.keys, "as_of": str(moment(p.t)), "as_of_us": p.t, **p.request} for p in case.probes]
    content = {"case": case.label, "steps": [str(s) for s in case.steps], "spine": spine}
    (folder / "case.json").write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
    (folder / "differences.txt").write_text("\n".join(map(str, found)) + "\n", encoding="utf-8")
