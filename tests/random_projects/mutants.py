"""Mistakes planted in product code one at a time: the random suite must notice every one of them.

`MISTAKES` is the list the issue asks for; a mutant is one way to make one of them, in one plan or in code both plans
share. A mutant is killed when a case of a fixed range of seeds has a wrong value with it and none without it.

Most cases do not meet a given rule at all. So that the hunt is quick, a mutant may name the knock-out that ignores
the same rule in the oracle: where that changes no value of a case, the product is not asked. It still has to answer
wrongly itself.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from oracle import Oracle, rank

from . import beside_knockouts, ignoring, knockouts, union_knockouts
from .generate import make_case
from .judge import Difference, check
from .knockouts import knocked_out
from .model import Case
from .plants import answers, unions, values, window_rule, windows
from .plants.patching import PLANS, Plan, Plant
from .run import patience

FIRST = 0
BUDGET = 400
"""Seeds from `FIRST` on, in order: the cases within which a mutant must be killed."""
RUNS = 240
"""The most of them that the product is run on."""

KILLED_BY = Path(__file__).with_name("killed_by.json")
"""Where each mutant was killed the last time, so that it need not be looked for through all seeds before."""

MISTAKES = (
    "future leak",
    "lower edge off by 1 µs",
    "upper edge off by 1 µs",
    "lower edge open/closed swapped",
    "upper edge open/closed swapped",
    "superseded at enter instead of α",
    "where before superseding",
    "FILTER before last-N",
    "empty sum 0",
    "tie broken by arrival",
    "TTL ignored",
    "unsettled tile used",
    "replay counted twice",
    "NULL counted",
    "NaN → NULL",
    "integer → REAL past 2^53",
    "composite keys glued",
    "default applied after derived",
    "calendar units of another zone",
    "calendar unit too far back",
    "since from the first event",
    "label complete too early",
    "duplicate spine rows collapsed",
    "join knows what came later",
    "join is left as it was",
    "features beside an event are known at t instead of enter",
    "features beside an event know what came later",
    "features beside an event are left as they were",
    "match known before it is",
    "match is left as it was",
    "event counts before it is mature",
    "state stays with an entity it left",
    "older states hold too",
    "dumps end nothing",
    "late dumps act",
    "conditions of another view forgotten",
    "ids of different members are one",
    "members arrive at once",
    "a member is forgotten",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to make one of the mistakes; `way` says where and, of several, which.

    `ignoring` is the oracle that ignores the same rule, where there is one that does so just as much.
    """

    mistake: str
    way: str
    plant: Plant
    ignoring: type[Oracle] | None = None

    @property
    def name(self) -> str:
        return f"{self.mistake} ({self.way})"

    @property
    def wrong(self) -> frozenset[str]:
        """The plans that must differ from the oracle where it is killed, and no other."""
        return frozenset(p for p in PLANS if self.way.startswith((p, "both plans")))


@dataclass(frozen=True, slots=True)
class Hunt:
    """How a mutant fared: the seed and the wrong value that killed it, and what that took. `seed` None: it lives;
    then `shown` is the first error that was raised with it, if any."""

    mutant: str
    seed: int | None
    cases: int
    runs: int
    seconds: float
    shown: str = ""

    def __str__(self) -> str:
        fate = f"killed by seed {self.seed}" if self.seed is not None else "LIVES"
        took = f"{self.cases:>4} cases {self.runs:>3} run {self.seconds:>6.1f} s"
        return f"{self.mutant:<58}{fate:<22}{took}  {self.shown.splitlines()[0][:90] if self.shown else ''}"


def _edges() -> tuple[Mutant, ...]:
    """Every edge, in shared code and in each plan alone."""
    found: list[Mutant] = []
    places: tuple[tuple[str, tuple[Plan, ...]], ...] = (("both plans", PLANS), *((p, (p,)) for p in PLANS))
    off = (
        (1, "late", knockouts.LowerEdgeLate, knockouts.UpperEdgeLate),
        (-1, "early", knockouts.LowerEdgeEarly, knockouts.UpperEdgeEarly),
    )
    for place, plans in places:
        for amount, word, lower, upper in off:
            way = f"{place}, {word}"
            found.append(Mutant("lower edge off by 1 µs", way, window_rule.lower_edge(amount, *plans), lower))
            found.append(Mutant("upper edge off by 1 µs", way, window_rule.upper_edge(amount, *plans), upper))
            way = f"{place}, knowledge, {word}"
            found.append(Mutant("upper edge off by 1 µs", way, window_rule.knowledge(amount, *plans)))
        swapped = window_rule.lower_swapped(*plans)
        found.append(Mutant("lower edge open/closed swapped", place, swapped, knockouts.LowerEdgeSwapped))
        swapped = window_rule.upper_swapped(*plans)
        found.append(Mutant("upper edge open/closed swapped", place, swapped, knockouts.UpperEdgeSwapped))
        way = f"{place}, superseded"
        found.append(Mutant("upper edge open/closed swapped", way, window_rule.superseded_stays(*plans)))
    for plan in PLANS:
        less = window_rule.ttl_edge(1, plan)
        found.append(Mutant("lower edge off by 1 µs", f"{plan}, TTL, late", less, knockouts.TtlOneLess))
        more = window_rule.ttl_edge(-1, plan)
        found.append(Mutant("lower edge off by 1 µs", f"{plan}, TTL, early", more, knockouts.TtlOneMore))
    late = answers.tile_edge("_tau >= :start", "_tau > :start")
    found.append(Mutant("lower edge off by 1 µs", "online, tiles", late))
    late = answers.tile_edge("_tau < :start", "_tau <= :start")
    found.append(Mutant("upper edge off by 1 µs", "online, tiles", late))
    return tuple(found)


def _in_both(
    mistake: str, ignoring: type[Oracle], training: Plant, online: Plant, way: str = ""
) -> tuple[Mutant, Mutant]:
    """The same mistake in either plan."""
    return (
        Mutant(mistake, f"training{way}", training, ignoring),
        Mutant(mistake, f"online{way}", online, ignoring),
    )


def _online(mistake: str, way: str, plant: Plant, ignoring: type[Oracle]) -> Mutant:
    """A mistake that only an online store can make."""
    return Mutant(mistake, f"online, {way}", plant, ignoring)


MUTANTS: tuple[Mutant, ...] = (
    *_in_both(
        "future leak", knockouts.FutureIsSeen, window_rule.future_leaks("training"), window_rule.future_leaks("online")
    ),
    Mutant("future leak", "both plans, arrival forgotten", values.arrival_forgotten),
    *_edges(),
    *_in_both(
        "superseded at enter instead of α",
        knockouts.SupersededAtEnter,
        values.superseded_at_enter("training"),
        values.superseded_at_enter("online"),
    ),
    *_in_both(
        "where before superseding",
        knockouts.WhereBeforeSuperseding,
        values.where_first_in_training,
        values.where_first_online,
    ),
    *_in_both(
        "FILTER before last-N",
        knockouts.FilterBeforeLastRows,
        values.filter_first_in_training,
        values.filter_first_online,
    ),
    *_in_both(
        "empty sum 0",
        knockouts.EmptySumIsZero,
        values.empty_sum_is_zero("training"),
        values.empty_sum_is_zero("online"),
    ),
    *_in_both(
        "tie broken by arrival",
        knockouts.TiesByArrival,
        values.ties_by_alpha("training"),
        values.ties_by_alpha("online"),
        ", by α",
    ),
    _online("tie broken by arrival", "by order of pushes", values.ties_by_push, knockouts.TiesByArrival),
    *_in_both(
        "TTL ignored", knockouts.TtlIsIgnored, window_rule.ttl_ignored("training"), window_rule.ttl_ignored("online")
    ),
    _online(
        "unsettled tile used",
        "as it is in the end",
        answers.unsettled_tiles_used,
        knockouts.EverythingIsKnown,
    ),
    _online(
        "unsettled tile used",
        "stale after a correction",
        answers.tiles_left_stale,
        knockouts.NeverSuperseded,
    ),
    _online("replay counted twice", "token ignored", answers.tokens_ignored, knockouts.ReplaysCountTwice),
    _online(
        "replay counted twice",
        "version taken again",
        answers.versions_taken_again,
        knockouts.ReplaysCountTwice,
    ),
    *_in_both(
        "NULL counted",
        knockouts.NullCounts,
        values.reslotted("training", values.null_as_zero),
        values.reslotted("online", values.null_as_zero),
    ),
    *_in_both(
        "NaN → NULL",
        knockouts.NaNIsNull,
        values.reslotted("training", values.nan_as_null),
        values.reslotted("online", values.nan_as_null),
    ),
    _online("NaN → NULL", "in the store's sums", values.nan_lost_in_store, knockouts.NaNIsNull),
    *_in_both(
        "integer → REAL past 2^53",
        knockouts.IntegersAreReal,
        values.real_sums_in_training,
        values.real_sums_online,
        ", sums",
    ),
    Mutant("integer → REAL past 2^53", "online, values read", values.real_values_online),
    *_in_both(
        "composite keys glued",
        knockouts.KeysAreGlued,
        answers.keys_glued_in_training,
        answers.keys_glued_online,
    ),
    *_in_both(
        "default applied after derived",
        knockouts.DefaultAfterDerived,
        answers.default_last_in_training,
        answers.default_last_online,
    ),
    Mutant("calendar units of another zone", "both plans", windows.calendars_in_utc, ignoring.CalendarsAreUtc),
    Mutant("calendar unit too far back", "both plans", windows.calendars_a_day_early, ignoring.CalendarsAreUtc),
    *_in_both(
        "since from the first event",
        ignoring.SinceTheFirst,
        windows.since_the_first_in_training,
        windows.since_the_first_online,
    ),
    Mutant("label complete too early", "training, by 1 µs", windows.labels_complete_early),
    Mutant("label complete too early", "training, without waiting", windows.labels_wait_for_nothing),
    Mutant("duplicate spine rows collapsed", "training", answers.spine_collapsed),
    Mutant("join knows what came later", "training", answers.joins_know_all_in_training),
    Mutant("join knows what came later", "online", answers.joins_know_all_online),
    Mutant("join is left as it was", "online", answers.joins_are_left),
    *_in_both(
        "features beside an event are known at t instead of enter",
        beside_knockouts.BesideIsKnownAtT,
        answers.beside_in_training("_as_of"),
        answers.beside_online(lambda t: t),
    ),
    *_in_both(
        "features beside an event know what came later",
        beside_knockouts.BesideKnowsAll,
        answers.beside_in_training(str(2**61)),
        answers.beside_online(lambda t: 2**61),
    ),
    Mutant("features beside an event are left as they were", "online", answers.beside_is_left),
    Mutant(
        "features beside an event are left as they were",
        "online, chains",
        answers.chains_are_left,
        beside_knockouts.BesideOfJoinsIsNothing,
    ),
    *_in_both(
        "match known before it is",
        knockouts.MatchesAreKnown,
        answers.matches_known_in_training,
        answers.matches_known_online,
    ),
    Mutant("match is left as it was", "online", answers.matches_are_left),
    Mutant("event counts before it is mature", "both plans", answers.nothing_matures, knockouts.NothingMatures),
    *_in_both(
        "state stays with an entity it left",
        knockouts.RowsStayWithTheirEntity,
        answers.states_stay_in_training,
        answers.states_stay_online,
    ),
    *_in_both(
        "older states hold too",
        knockouts.OlderRowsHoldToo,
        answers.ends_forgotten_in_training,
        answers.ends_forgotten_online,
    ),
    *_in_both(
        "dumps end nothing",
        knockouts.DumpsEndNothing,
        answers.dumps_stay_in_training,
        answers.dumps_stay_online,
    ),
    *_in_both(
        "late dumps act",
        knockouts.LateDumpsAct,
        answers.late_dumps_act_in_training,
        answers.late_dumps_act_online,
    ),
    Mutant(
        "conditions of another view forgotten", "both plans", answers.conditions_forgotten, knockouts.RowsOfTheSource
    ),
    Mutant("ids of different members are one", "both plans", unions.ids_of_all, union_knockouts.IdsAreOfAll),
    Mutant(
        "members arrive at once", "both plans", unions.members_arrive_at_once, union_knockouts.MembersArriveAtOnce
    ),
    *_in_both(
        "a member is forgotten",
        union_knockouts.SecondMemberIsForgotten,
        unions.second_forgotten_in_training,
        unions.second_forgotten_online,
    ),
)


def hunt(name: str, looked_at_first: int | None = None) -> Hunt:
    """Plants the mutant of this name in this process and looks for a case that kills it, through all seeds in order;
    but before them at the one given, which is where it was killed the last time."""
    mutant = next(m for m in MUTANTS if m.name == name)
    started, runs, cases, shown = time.monotonic(), 0, 0, ""
    in_order = range(FIRST, FIRST + BUDGET)
    for seed in in_order if looked_at_first is None else (looked_at_first, *in_order):
        cases += 1
        case = make_case(seed)
        if mutant.ignoring is not None and not changes_a_value(mutant.ignoring, case):
            continue
        runs += 1
        with pytest.MonkeyPatch.context() as patch:
            mutant.plant(patch)
            found = run(case)
        # an error does not count, since any test would find it, nor a case that fails by itself
        if {plan_of(d) for d in found} == mutant.wrong and not run(case):
            return Hunt(name, seed, cases, runs, time.monotonic() - started, str(found[0]))
        shown = shown or next((str(d) for d in found if plan_of(d).startswith("error")), "")
        if runs == RUNS:
            break
    return Hunt(name, None, cases, runs, time.monotonic() - started, shown)


def killed_by() -> dict[str, int]:
    """By the names of mutants, the seeds that killed them when `--update-seeds` was given the last time."""
    found: dict[str, int] = json.loads(KILLED_BY.read_text())
    return found


def write_killed_by(seeds: Mapping[str, int]) -> None:
    """Keeps what `killed_by` reads; of mutants that are there no more nothing stays."""
    names = {m.name for m in MUTANTS}
    kept = {name: seed for name, seed in ({**killed_by(), **seeds}).items() if name in names}
    KILLED_BY.write_text(json.dumps(dict(sorted(kept.items())), ensure_ascii=False, indent=2) + "\n")


def changes_a_value(ignoring: type[Oracle], case: Case) -> bool:
    """Whether ignoring a rule changes a value of the service at some probe."""
    plain, other = case.oracle(), knocked_out(case, ignoring)
    names = [name for _, name, _ in case.outputs()]
    return any(rank(plain.value(n, p)) != rank(other.value(n, p)) for p in case.probes for n in names)


def plan_of(difference: Difference) -> str:
    """The plan a difference is in; the rows and spine columns of a training set are training's."""
    return "training" if difference.kind == "rows" else difference.kind


def run(case: Case) -> list[Difference]:
    """Checks a case in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="featc-mutant-") as folder, patience():
        return check(case, Path(folder))
