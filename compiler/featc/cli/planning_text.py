"""A plan for people: as a tree, and as markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from featc.cli.generations import served_lines
from featc.cli.session import some
from featc.cli.tabular import in_bytes
from featc.errors import Diagnostic

if TYPE_CHECKING:
    from featc.runtime.planning import Plan
    from featc.runtime.planning.apply import Applied
    from featc.runtime.planning.values import Checked
    from featc.runtime.planning.work import Work
    from featc.versions.changes import Change, Difference, What

_GROUPS: tuple[tuple[What, str], ...] = (
    ("changed", "Changed"),
    ("affected", "Affected downstream"),
    ("added", "Added"),
    ("removed", "Removed"),
    ("metadata", "Metadata only"),
)
_SEVERAL = {"entity": "entities", "attributed": "attributed sources"}
_WIDTH = 60


def tree(plan: Plan) -> Iterator[str]:
    """The lines of the tree."""
    if plan.is_nothing:
        yield f"{plan.project}: nothing to do, everything means what {plan.against} says"
        return
    yield f"{plan.project}: {some(len(plan.compared.changes), 'change')} against {plan.against}"
    for what, title in _GROUPS:
        found = [c for c in plan.compared.changes if c.what == what]
        if found:
            yield ""
            yield title
        for alike in _together(plan, found):
            yield from _branch(plan, alike)
    if plan.compared.environment:
        yield ""
        yield "Environment"
        yield from (f"  {d.piece}: {d.old or 'unknown'} → {d.new}" for d in plan.compared.environment)
    if plan.values is not None:
        yield ""
        yield "Values as they were and as they are"
        yield from (f"  {line}" for line in value_lines(plan.values))
    lines = list(work_lines(plan.work))
    if lines:
        yield ""
        yield "What must run"
        yield from (f"  {line}" for line in lines)
    if plan.refused:
        yield ""
        yield "Refused until it is settled"
        for finding in plan.refused:
            yield from (f"  {line}" for line in finding.render().splitlines())


def _together(plan: Plan, changes: Iterable[Change]) -> list[list[Change]]:
    """Changes of which the same is to be said, such as those of a family's members, each list as one."""
    found: dict[object, list[Change]] = {}
    for c in changes:
        view = c.name.partition(".")[0] if "." in c.name else c.kind if c.what in ("added", "removed") else c.name
        alike = (c.kind, view, c.category, plan.versions_of(c), c.new_tiles)
        found.setdefault((*alike, () if c.what == "added" else c.differences), []).append(c)
    return list(found.values())


def _branch(plan: Plan, alike: Sequence[Change]) -> Iterator[str]:
    change = _as_one(alike)
    kind = _SEVERAL.get(change.kind, f"{change.kind}s")
    title = f"{kind if len(alike) > 1 else change.kind} {change.name}{_numbers(plan, alike[0])}"
    yield f"  {title}  {'.' * max(1, _WIDTH - len(title))}  {change.category}"
    twigs = [*_twigs(change)]
    for number, twig in enumerate(twigs):
        first, *rest = twig
        last = number == len(twigs) - 1
        yield f"  {'└' if last else '├'} {first}"
        yield from (f"  {' ' if last else '│'} {line}" for line in rest)


def _as_one(alike: Sequence[Change]) -> Change:
    first, *others = alike
    names = [first.name, *(c.name.partition(".")[2] or c.name for c in others)]
    because = tuple(dict.fromkeys(b for c in alike for b in c.because))
    used = tuple(dict.fromkeys(u for c in alike for u in c.used_by))
    return replace(first, name=_listed(names, 4), because=because, used_by=used)


def _numbers(plan: Plan, change: Change) -> str:
    old, new = plan.versions_of(change)
    if old is not None and new is not None:
        return f"  v{old} → v{new}" if old != new else f"  v{new}"
    return f"  v{new if new is not None else old}" if (new or old) else ""


def _twigs(change: Change) -> Iterator[Sequence[str]]:
    width = max((len(d.piece) for d in change.differences), default=0)
    for d in change.differences:
        if d.old == d.new:
            yield [f"{d.piece:{width}}  {d.new}: the text is the same, what it reads is not"]
        elif len(d.old) + len(d.new) <= 80:
            yield [f"{d.piece:{width}}  {_or_nothing(d.old)} → {_or_nothing(d.new)}"]
        else:
            yield [f"{d.piece:{width}}  - {_or_nothing(d.old)}", f"{'':{width}}  + {_or_nothing(d.new)}"]
    if change.because:
        yield [f"through {_listed(change.because)}"]
    if change.used_by:
        yield [f"used by {_listed(change.used_by)}"]


def _or_nothing(text: str) -> str:
    return text or "(none)"


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def work_lines(work: Work) -> Iterator[str]:
    """What has to run, a line each."""
    for view in work.offline:
        stays = f"; {some(view.reused, 'interval')} there already" if view.reused else ""
        if view.intervals:
            todo = f"{some(view.intervals, 'interval')} of a day to fill from {view.rows:,} rows"
            yield f"offline  {view.view}: {todo}{stays}"
        elif view.reused:
            yield f"offline  {view.view}: nothing, {some(view.reused, 'interval')} of tiles are there"
    for source in work.reading:
        if source.rows:
            read = f", about {in_bytes(source.bytes)}" if source.bytes is not None else ""
            yield f"offline  reads {source.rows:,} rows of {source.source}{read}"
    for online in work.online:
        yield f"online   {online.view}: filled anew from {online.rows:,} rows of {' and '.join(online.sources)}"
    if work.verify:
        yield "verify   what changed, before it is served"


def applied_lines(done: Applied) -> Iterator[str]:
    """What an apply did."""
    if not done.written and done.exit_code == 0 and done.served is None:
        yield f"{done.plan.project}: nothing to do, everything means what featc.lock says"
        return
    if done.backfilled is not None:
        yield f"filled {some(done.backfilled.filled, 'interval')} of tiles in {done.backfilled.seconds:.1f} s"
    if done.verified is not None:
        yield done.verified.render()
    if done.served is not None:
        yield from served_lines(done.served)
    if done.exit_code:
        yield "featc.lock is as it was: what changed is not proven"
    elif done.written:
        counted = some(len(done.plan.compared.changes), "change")
        yield f"{done.plan.project}: {counted} written to featc.lock"


def value_lines(values: Sequence[Checked]) -> Iterator[str]:
    """How many values differ, a line for each feature, and some of them."""
    if not values:
        yield "nothing that was there means something else"
    width = max((len(v.feature) for v in values), default=0)
    for checked in values:
        if checked.failed:
            yield f"{checked.feature:{width}}  cannot be compared: {checked.failed}"
            continue
        counted = "all the same" if not checked.differ else f"{checked.differ:,} differ"
        yield f"{checked.feature:{width}}  {checked.rows:,} compared, {counted}"
        for example in checked.examples:
            row = ", ".join(f"{name} = {value}" for name, value in example.row.items() if value is not None)
            yield f"{'':{width}}    {row}: {_shown(example.old)} → {_shown(example.new)}"


def _shown(value: object) -> str:
    return "NULL" if value is None else str(value)


def markdown(plan: Plan) -> Iterator[str]:
    """The same for a pull request."""
    if plan.is_nothing:
        yield f"**{plan.project}**: no definition means something else than in {plan.against}."
        return
    yield f"### {plan.project}: {some(len(plan.compared.changes), 'change')} against {plan.against}"
    for what, title in _GROUPS:
        found = [c for c in plan.compared.changes if c.what == what]
        if not found:
            continue
        yield f"\n#### {title}\n"
        yield "| definition | version | category | what | used by |"
        yield "|---|---|---|---|---|"
        for change in found:
            used = ", ".join(change.used_by)
            yield f"| {change.kind} `{change.name}` | {_numbers(plan, change).strip()} | {change.category} | " + (
                "<br>".join([*map(_cell, change.differences), *_through(change)]) + f" | {_escaped(used)} |"
            )
    if plan.compared.environment:
        said = "; ".join(f"{d.piece} {d.old or 'unknown'} → {d.new}" for d in plan.compared.environment)
        yield f"\n#### Environment\n\n{_escaped(said)}"
    if plan.values is not None:
        yield "\n#### Values as they were and as they are\n\n```"
        yield from value_lines(plan.values)
        yield "```"
    lines = list(work_lines(plan.work))
    if lines:
        yield "\n#### What must run\n"
        yield from (f"- {_escaped(line)}" for line in lines)
    if plan.refused:
        yield "\n#### Refused until it is settled\n"
        yield from (f"- {_refusal(d)}" for d in plan.refused)


def _through(change: Change) -> Iterable[str]:
    return [f"through {_escaped(_listed(change.because))}"] if change.because else []


def _cell(d: Difference) -> str:
    old, new = (f"`{_escaped(t)}`" if t else "none" for t in (d.old, d.new))
    return f"{_escaped(d.piece)}: {old} → {new}"


def _refusal(d: Diagnostic) -> str:
    return f"**{d.code}** {_escaped(d.message)}{f' ({d.span})' if d.span else ''}: {_escaped(d.hint or '')}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("<", "&lt;").replace("\n", " ")
