"""`featc explain`: how a feature comes about in both plans, what it costs, and what the store may forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from featc.cli.session import Session, command, some, table

if TYPE_CHECKING:
    from featc.resolve.model import Output


@command("explain", "How a feature is computed, why so, and what it costs.")
@click.argument("name")
def explain(session: Session, name: str) -> None:
    """How a service, view or feature is computed in both plans and why so, what it costs, and what may be forgotten.

    \b
    featc explain user_orders
    featc explain user_orders.spend_7d
    featc explain checkout --format json
    """
    from featc.cli.building import named

    with session.store() as store:
        name = store.names(name)
        _, outputs, _ = named(store.project, name)
        whole = name in store.project.services or any(o.view in store.project.labels for o in outputs)
        wanted = name if whole else [f"{o.view}.{o.feature}" for o in outputs]
        views = store.explain(wanted)
        if session.is_json:
            session.data({"name": name, "views": views})
            return
        asked = outputs[0] if "." in name else None
        session.say("\n\n".join("\n".join(_lines(view, asked)) for view in views))


def _lines(view: dict[str, Any], asked: Output | None) -> list[str]:
    entity = ", ".join(view["entity"]) or "everything"
    lines = [f"{view['view']}, per {entity}, closed: {view['closed']}"]
    if view["given"]:
        lines.append(f"  asked at  {', '.join(f'{key} = {text}' for key, text in view['given'].items())}")
    lines += _meaning(view, asked)
    if view["source"] is None:
        lines.append("  no source: computed from other features and the request, when asked")
    else:
        for part in (_source, _joins, _windows, _training):
            lines += part(view)
        lines += [*_tiles(view), *_online(view)] if view["online"] is not None else _labels(view["labels"])
    lines += _leakage(view["leakage"])
    lines += _derived(view["derived"])
    if view["retention"] is not None:
        lines += [*_retention(view["retention"]), *_cost(view["cost"])]
    return lines


def _meaning(view: dict[str, Any], asked: Output | None) -> list[str]:
    """What the one feature that is asked about means; those of whole views are in the catalogue."""
    if asked is None or asked.view != view["view"]:
        return []
    return [f"  meaning   {m['meaning']}" for m in view["meanings"] if m["feature"] == asked.feature]


def _joins(view: dict[str, Any]) -> list[str]:
    lines = []
    for n, join in enumerate(view["joins"]):
        word = "joins" if view["attributed"] is None else "matches"
        head = f"  {word:<10}" if n == 0 else "            "
        other = join["source"] if "source" in join else join["view"]
        by = f" by {', '.join(join['keys'])}" if join["keys"] else ""
        lines.append(f"{head}{join['join']} ({other}){by}: {join['finds']}")
        lines.append(f"            {join['online']}")
    return lines


def _source(view: dict[str, Any]) -> list[str]:
    source = view["source"]
    final = source["final_after"]
    return [
        f"  source    {source['source']} ({source['kind']}): {source['arrival']}",
        f"            {source['versions']}" + (f"; final {final} after its time" if final else ""),
        f"  visible   {source['visible']}",
    ]


def _windows(view: dict[str, Any]) -> list[str]:
    return _under("windows", ("window", "holds"), [(w["window"], w["holds"]) for w in view["windows"]])


def _training(view: dict[str, Any]) -> list[str]:
    rows = [(t["aggregation"], t["state"], t["window"], t["reads"], t["shape"]) for t in view["training"]]
    lines = _under("training", ("aggregation", "state", "window", "reads", "shape"), list(dict.fromkeys(rows)))
    reasons = dict.fromkeys((t["shape"], t["because"]) for t in view["training"])
    return lines + [f"            {shape}: {because}" for shape, because in reasons]


def _labels(labels: dict[str, Any]) -> list[str]:
    return [f"  online    nothing: {labels['online']}", f"  complete  {labels['complete']}"]


def _tiles(view: dict[str, Any]) -> list[str]:
    """Whether backfilled tiles are read, what is filled, and what comes from rows even so."""
    tiles = view["tiles"]
    lines = [f"  tiles     {tiles['reads']} are read{': ' if tiles['reads'] == 'rows' else ' '}{tiles['because']}"]
    stretches = [f"{_day(each['start'])} … {_day(each['end'])}" for each in tiles["filled"]]
    lines += [f"            filled: {', '.join(stretches)}"] if stretches else []
    if tiles["reads"] == "tiles":
        rows = [t for t in view["training"] if t["reads"] == "rows"]
        for why in dict.fromkeys(t["reads_because"] for t in rows):
            names = dict.fromkeys(t["aggregation"] for t in rows if t["reads_because"] == why)
            lines.append(f"            rows for {', '.join(names)}: {why}")
    return lines


def _day(instant: str) -> str:
    return instant.removesuffix("T00:00:00Z")


def _online(view: dict[str, Any]) -> list[str]:
    online = view["online"]
    width = f"tiles of {online['tile_width']}" if online["tile_width"] else "no tiles"
    lines = [f"  online    {width}, {some(online['bands'], 'band')}, {some(online['statements'], 'statement')} a read"]
    if online["lookup"]:
        lines.append("            the state row that holds: one row")
    return lines + _under("", ("state", "from", "because"), [tuple(s.values()) for s in online["states"]])


def _leakage(leakage: list[dict[str, Any]]) -> list[str]:
    """What holds of the rows behind each feature, and whether the SQL was found to say so."""
    rows = []
    for each in leakage:
        checked = "yes" if each["checked"] else "NO"
        for row in each["rows"]:
            holds = dict.fromkeys((row["time"], row["known"], *([row["version"]] if row["version"] else [])))
            rows.append((each["feature"], row["window"], ", ".join(holds), checked))
            rows += [("", "", f"of {b['join']}: {b['time']}, {b['known']}", checked) for b in row["beside"]]
        if not each["rows"]:
            parts = ", ".join(each["made_of"]) or "the request"
            rows.append((each["feature"], "", f"no rows of its own: made of {parts}", checked))
    lines = _under("leakage", ("feature", "window", "each row has", "checked in the SQL"), rows)
    findings = dict.fromkeys(f"{f['code']}: {f['message']}" for each in leakage for f in each["findings"])
    return lines + [f"            {finding}" for finding in findings]


def _derived(derived: list[dict[str, Any]]) -> list[str]:
    rows = [(d["feature"], d["runs"], d["because"]) for d in derived]
    return _under("derived", ("feature", "runs in", "because"), rows)


def _retention(retention: dict[str, Any]) -> list[str]:
    from featc.durations import format_duration

    replay = retention["replay"]
    kept = "unlimited: nothing is evicted" if replay is None else f"{format_duration(replay)} before the newest arrival"
    return [
        f"  retention replay: {kept}",
        *(f"            {what}: {retention[what]}" for what in ("superseded", "rows", "tiles")),
    ]


def _cost(cost: dict[str, Any] | None) -> list[str]:
    if cost is None:
        return ["  cost      unknown: neither the online store nor the source has rows"]
    size = f"{cost['bytes_per_entity']:,.0f} bytes an entity" + ("" if cost["measured"] else ", estimated")
    most = f"{cost['rows_per_entity']:,.1f} rows, at most {cost['most_rows']:,}"
    read = f"{cost['rows_per_read']:,.1f} rows and {cost['tiles_per_read']:,.1f} tiles"
    versions = cost["version_bytes_per_entity"]
    if versions:
        size += f", and {versions:,.0f} for its source's versions, which views share"
    return [
        f"  cost      {cost['entities']:,} entities of {most}, and {cost['tiles_per_entity']:,.1f} tiles",
        f"            {size}; a read takes about {read} (from {cost['counted']})",
    ]


def _under(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table beside a title, without a rule."""
    if not rows:
        return []
    lines = table(headers, rows).splitlines()
    shown = [lines[0], *lines[2:]]
    return [f"  {title if n == 0 else '':<10}{line}" for n, line in enumerate(shown)]


COMMANDS = (explain,)
