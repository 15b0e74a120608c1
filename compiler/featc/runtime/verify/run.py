"""`featc verify`: histories through both plans, probe by probe, and what came of it."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb

import featc
from featc.errors import Diagnostic, FeatcError
from featc.fingerprint import feature_fingerprint
from featc.lineage import chosen_features
from featc.resolve.model import Output, Project
from featc.resolve.needs import label_outputs
from featc.runtime.engine import connect
from featc.runtime.verify.adversary import dense_scenes, scenes
from featc.runtime.verify.cases import clear, save
from featc.runtime.verify.closeness import Questions, output_of, questions
from featc.runtime.verify.histories import made_history, own_history
from featc.runtime.verify.history import Answer, Batch, Failed, History, Probe
from featc.runtime.verify.judge import Difference, differences
from featc.runtime.verify.plans import OnlinePlan, TrainingPlan
from featc.runtime.verify.probing import Group, groups, probes, sightings
from featc.runtime.verify.replay import Schedule, schedule
from featc.runtime.verify.report import (
    ENOUGH,
    Case,
    Example,
    FeatureResult,
    HistoryResult,
    VerifyReport,
    write_certificate,
)
from featc.runtime.verify.rows import instant
from featc.runtime.verify.shrink import shrink
from featc.runtime.verify.unreached import unreached

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to try. `rows` of each source's own events; `probes` per group of features and history;
    made-up histories of `scenes` with `scene_rows` rows per source each, and up to `more` of them for
    features that said too little; `cases` shrunk in at most `seconds` each.
    """

    rows: int = 4000
    probes: int = 150
    batches: int = 40
    scenes: int = 4
    scene_rows: int = 32
    more: int = 3
    cases: int = 3
    seconds: float = 15.0


@dataclass(slots=True)
class _Tally:
    """What is known of one feature so far."""

    compared: int = 0
    agreed: int = 0
    substantive: int = 0
    own: int = 0
    refused: int = 0
    refusal: str | None = None
    example: Example | None = None
    wrong: _Wrong | None = None


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Where a feature first differed, with all that is needed to shrink it."""

    output: Output
    probe: Probe
    history: History
    pushed: tuple[Batch, ...]


@dataclass(slots=True)
class _Run:
    project: Project
    asked: Questions
    groups: Sequence[Group]
    defaults: Mapping[str, Any]
    random: Random
    budget: Budget
    folder: Path
    tallies: dict[str, _Tally] = field(default_factory=dict)


def verify(
    store: FeatureStore,
    select: str | None = None,
    *,
    allow_thin: bool = False,
    seed: int = 0,
    budget: Budget | None = None,
) -> VerifyReport:
    """Compares training and online values of every selected feature (default: all of the project's) at many
    probes over the project's own events and over made-up ones, and writes `target/certificate.json`; for
    differences also `target/verify/<feature>/case.yaml`.

    Raises FeatcError for a selection that names nothing (F700) and for sources that cannot be read (F4xx).
    """
    project, budget = store.project.without_labels(), budget or Budget()
    left = tuple(name for view in store.project.labels.values() for name in label_outputs(view))
    wanted = _wanted(project, select)
    outputs = [output_of(project.feature(*pair)) for pair in wanted]
    asked = questions(project, outputs)
    with tempfile.TemporaryDirectory(prefix="featc-verify-") as folder:
        run = _Run(
            project,
            asked,
            groups(project, wanted),
            _defaults(project, outputs),
            Random(seed),
            budget,
            Path(folder),
            {o.name: _Tally() for o in outputs},
        )
        own = own_history(store, budget.rows, seed)
        made = made_history(project, own, run.random, scenes(budget.scenes), budget.scene_rows)
        histories = [_compare(run, run.groups, history) for history in (own, made)]
        for _ in range(budget.more):
            thin = _thin(run, wanted)
            if not thin:
                break
            dense = made_history(project, own, run.random, dense_scenes(budget.scenes), budget.scene_rows)
            histories.append(_compare(run, groups(project, thin), dense))
        cases = _cases(run, store.root / "target" / "verify", seed)
    results = tuple(
        _result(name, feature_fingerprint(project, *pair), t)
        for (name, t), pair in zip(run.tallies.items(), wanted, strict=True)
    )
    certificate = store.root / "target" / "certificate.json"
    remarks = unreached(store, dict.fromkeys(view for view, _ in wanted))
    report = VerifyReport(results, tuple(histories), cases, certificate, allow_thin, store.root, left, remarks)
    write_certificate(certificate, report, _bound_to(project, seed, select))
    return report


def _result(name: str, fingerprint: str, tally: _Tally) -> FeatureResult:
    refusal = tally.refusal if tally.refused else None
    counts = (tally.compared, tally.agreed, tally.substantive, tally.own)
    return FeatureResult(name, fingerprint, *counts, tally.example, tally.refused, refusal)


def _bound_to(project: Project, seed: int, select: str | None) -> dict[str, Any]:
    """What the results hold for, apart from the definitions' fingerprints."""
    return {
        "project": project.name,
        "featc": featc.__version__,
        "training": {"engine": "duckdb", "version": duckdb.__version__},
        "online": {"store": "sqlite", "version": sqlite3.sqlite_version},
        "seed": seed,
        "select": select,
    }


def _wanted(project: Project, select: str | None) -> tuple[tuple[str, str], ...]:
    found = frozenset(chosen_features(project, select))
    views = (*project.views.values(), *project.asked.values())
    wanted = tuple((v.name, f.name) for v in views for f in v.features if (v.name, f.name) in found)
    if not wanted:
        what = f"'{select}' selects no feature" if select else "the project has no features"
        raise FeatcError(Diagnostic("F700", what, hint="featc ls shows what there is"), exit_code=2 if select else 1)
    return wanted


def _defaults(project: Project, outputs: Sequence[Output]) -> dict[str, Any]:
    """The default's value of each feature that has one."""
    connection = connect()
    found = {}
    for output in outputs:
        default = project.feature(output.view, output.feature).default
        if default is not None:
            found[output.name] = connection.execute(f"SELECT ({default})::{output.type}").fetchall()[0][0]
    connection.close()
    return found


# ── one history ─────────────────────────────────────────────────────────────────────────────────────────────


def _thin(run: _Run, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The features that agreed so far, but at too few values that say something."""
    thin = []
    for pair, tally in zip(wanted, run.tallies.values(), strict=True):
        if tally.agreed == tally.compared and tally.substantive < ENOUGH:
            thin.append(pair)
    return thin


def _compare(run: _Run, asked: Sequence[Group], history: History) -> HistoryResult:
    """Asks both plans about one history and adds to the tallies."""
    training = TrainingPlan(run.asked.training, history.rows)
    online = OnlinePlan(run.asked.online, run.folder, "verify")
    try:
        seen = sightings(run.project, training)
        planned = {g.name: probes(run.project, g, training, seen, run.random, run.budget.probes) for g in asked}
        moments = sorted(p.at for listed in planned.values() for p in listed)
        cut = moments[len(moments) // 2]
        order = schedule(run.project, history, training, cut, run.random, run.budget.batches)
        answers = _read_online(run, asked, online, order, history, planned)
        for group in asked:
            listed = planned[group.name]
            part = run.asked.only(group.outputs)
            values = training.answers((*part.asked, *part.companions), listed)
            found = differences(part, training.connection, listed, values, answers[group.name])
            _tally(run, group, history, order, listed, values, found)
    finally:
        online.close()
        training.close()
    return HistoryResult(history.name, history.size(), history.sampled, len(moments))


def _read_online(
    run: _Run,
    asked: Sequence[Group],
    online: OnlinePlan,
    order: Schedule,
    history: History,
    planned: Mapping[str, Sequence[Probe]],
) -> dict[str, list[Answer]]:
    """Online answers by group. Half of the probes up to the cut are read half-way, all others at the end."""
    early = {
        name: [n for n, p in enumerate(listed) if p.at <= order.cut and run.random.random() < 0.5]
        for name, listed in planned.items()
    }
    found: dict[str, list[Answer]] = {name: [{} for _ in listed] for name, listed in planned.items()}
    for batches, halfway in ((order.before, True), (order.after, False)):
        for batch in batches:
            online.push(batch, history.rows)
        for group in asked:
            listed, first = planned[group.name], set(early[group.name])
            numbers = [n for n in range(len(listed)) if (n in first) is halfway]
            wanted = run.asked.only(group.outputs).asked
            for n, answer in zip(numbers, online.answers(wanted, [listed[n] for n in numbers]), strict=True):
                found[group.name][n] = answer
    return found


def _tally(
    run: _Run,
    group: Group,
    history: History,
    order: Schedule,
    listed: Sequence[Probe],
    values: Sequence[Answer],
    found: Sequence[Difference],
) -> None:
    for output in group.outputs:
        tally = run.tallies[output.name]
        default = run.defaults.get(output.name)
        tally.compared += len(listed)
        tally.agreed += len(listed)
        substantive = sum(says_something(v[output.name], default) for v in values)
        tally.substantive += substantive
        tally.own += substantive if history.own else 0
        failed = [v[output.name].reason for v in values if isinstance(v[output.name], Failed)]
        tally.refused += len(failed)
        tally.refusal = tally.refusal or next(iter(failed), None)
    for difference in found:
        tally = run.tallies[difference.output]
        tally.agreed -= 1
        tally.refused -= isinstance(difference.training, Failed)
        if tally.wrong is None:
            probe = listed[difference.probe]
            output = next(o for o in group.outputs if o.name == difference.output)
            tally.wrong = _Wrong(output, probe, history, (*order.before, *order.after))
            spine = {**probe.keys, "as_of": instant(probe.at), **probe.request}
            tally.example = Example(history.name, spine, difference.training, difference.online)


def says_something(value: Any, default: Any) -> bool:
    """Whether a value is neither NULL, nor the default, nor zero (nor a refusal)."""
    if value is None or isinstance(value, Failed) or (default is not None and value == default):
        return False
    return isinstance(value, (bool, str)) or value != 0


# ── differences ─────────────────────────────────────────────────────────────────────────────────────────────


def _cases(run: _Run, folder: Path, seed: int) -> tuple[Case, ...]:
    """Shrinks and saves the first differences, one per view before a second of any. Old cases go."""
    for name in run.tallies:
        clear(folder / name)
    wrong = [t.wrong for t in run.tallies.values() if t.wrong is not None]
    views: set[str] = set()
    first = [w for w in wrong if w.output.view not in views and not views.add(w.output.view)]  # type: ignore[func-returns-value]
    cases = []
    for w in (*first, *(w for w in wrong if w not in first))[: run.budget.cases]:
        shrunk = shrink(run.project, w.output, w.probe, w.history, w.pushed, run.folder, run.budget.seconds)
        if shrunk is not None:
            cases.append(save(run.project, shrunk, folder / w.output.name, seed))
    return tuple(cases)
