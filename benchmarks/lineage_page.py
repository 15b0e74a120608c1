"""The lineage page of a large project: `python benchmarks/lineage_page.py [FEATURES]`. 10,000 features by default.

Generates the project, compiles it, writes its page, and opens it in chromium from a file: how long until it can be
used, how long a change of focus takes until it is painted, and whether the search finds every node by its name.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from featc.lineage import Graph, project_graph
from featc.lineage.page import page_html
from featc.runtime.store import compile_project
from workload import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser import Browser, chromium

SOURCES, SERVICES, OWNERS, TAGS = 25, 40, 7, 11
AGGREGATES = {
    "events": "count(*)", "spend": "sum(amount)", "mean": "avg(a)", "largest": "max(b)", "least": "min(c)",
    "paid": "count(*) filter (where status = 'paid')", "total": "sum(d)", "big": "max(amount) filter (where a > 3)",
    "rate": "paid / nullif(events, 0)", "share": "spend / nullif(events, 0)", "span": "largest - least",
    "double": "mean * 2",
}  # fmt: skip
WINDOWS = 3
CHAINED = 4
PER_VIEW = len(AGGREGATES) * WINDOWS + CHAINED
COLUMNS = "event_id,user_id,happened_at,amount,status,a,b,c,d"
OPENINGS, FOCUSES = 5, 40

PAINTED = """
const [address, done] = arguments;
const begun = performance.now();
addEventListener("hashchange", () => requestAnimationFrame(() => setTimeout(() => {
  const focus = document.querySelector(".node.focus")?.dataset.name;
  done([performance.now() - begun, focus, document.querySelectorAll(".node").length]);
})), {once: true});
location.hash = address;
"""
LOST = """
return featcLineage.nodes().filter((node) => {
  const name = node.slice(node.indexOf(":") + 1);
  return !featcLineage.find(name).includes(node);
});
"""


def write_project(folder: Path, views: int) -> None:
    """A project of `views` views with PER_VIEW features each; each view also reads features of the four before it."""
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: large\n", encoding="utf-8")
    sources = [_source(number) for number in range(SOURCES)]
    for number in range(SOURCES):
        rows = f"{COLUMNS}\n1,1,2026-01-01 00:00:00,1,paid,1,1,1,1\n"
        (folder / "data" / f"events_{number}.csv").write_text(rows, encoding="utf-8")
    parts = [
        "entities: {user: user_id}", "sources:", *sources,
        "feature_views:", *(_view(number) for number in range(views)),
        "feature_services:", *(_service(number, views) for number in range(SERVICES)),
    ]  # fmt: skip
    (folder / "features" / "all.yaml").write_text("\n".join(parts) + "\n", encoding="utf-8")


def _source(number: int) -> str:
    return (
        f"  events_{number}: {{path: data/events_{number}.csv, time: happened_at, id: event_id, "
        f"owner: team_{number % OWNERS}, description: Events of kind {number}.}}"
    )


def _view(number: int) -> str:
    features = [
        f'      {name}: {{sql: "{sql}", tags: [tag_{(number + place) % TAGS}], description: {name} of kind {number}}}'
        for place, (name, sql) in enumerate(AGGREGATES.items())
    ]
    before = [max(0, number - back) for back in range(1, CHAINED + 1)]
    chained = [
        f"      chain_{back}: {f'view_{other}.spend_7d' if other != number else f'spend_7d + {back}'}"
        for back, other in enumerate(before)
    ]
    head = f"  view_{number}:\n    entity: user\n    source: events_{number % SOURCES}"
    plain = [f"    owner: team_{number % OWNERS}", "    windows: [1d, 7d, 30d]", "    features:"]
    return "\n".join([head, *plain, *features, *chained])


def _service(number: int, views: int) -> str:
    listed = (f"given_{place}: view_{(number * 6 + place) % views}.spend_7d" for place in range(30))
    return f"  service_{number}: {{owner: team_{number % OWNERS}, features: [{', '.join(listed)}]}}"


def opened(browser: Browser, page: Path) -> list[float]:
    """Milliseconds from the address to a page that can be used, of OPENINGS openings."""
    found = []
    for _ in range(OPENINGS):
        browser.open(page)
        found.append(browser.run("return performance.getEntriesByName('featc ready')[0].startTime"))
    return found


def focused(browser: Browser, graph: Graph) -> list[tuple[float, str, int]]:
    """(ms until it is painted, name, nodes shown) of changes of focus to nodes of every kind."""
    whole = [*graph.folded().nodes, *graph.nodes]
    asked = [node for node in whole if node.kind in ("source", "view", "service", "column", "feature", "output")]
    found = []
    for node in asked[:: max(1, len(asked) // FOCUSES)]:
        ms, name, shown = browser.driver.execute_async_script(PAINTED, f"#{node.kind}={node.name}")
        if name != node.name:
            sys.exit(f"{node.kind} {node.name} was asked for, {name} has the focus")
        found.append((ms, f"{node.kind} {node.name}", shown))
    return found


def main() -> None:
    features = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        root, page = Path(folder) / "large", Path(folder) / "lineage.html"
        write_project(root, max(1, features // PER_VIEW))
        begun = time.perf_counter()
        project = compile_project(root).project
        compiled = time.perf_counter()
        graph = project_graph(project)
        drawn = time.perf_counter()
        page.write_text(page_html(project, graph), encoding="utf-8")
        written = time.perf_counter()
        print(f"{len(project.order):,} features, {len(graph.nodes):,} nodes, {len(graph.edges):,} edges")
        print(f"compile {compiled - begun:.1f} s, graph {drawn - compiled:.1f} s, page {written - drawn:.1f} s")
        print(f"the page has {page.stat().st_size / 1e6:.1f} MB")
        with chromium() as browser:
            openings, focuses = opened(browser, page), focused(browser, graph)
            print(f"open until it can be used: median {median(openings):.0f} ms, at most {max(openings):.0f} ms")
            slow, name, shown = max(focuses)
            middle = median(ms for ms, _, _ in focuses)
            print(f"change of focus, painted, {len(focuses)} of them: median {middle:.0f} ms, "
                  f"at most {slow:.0f} ms ({name}, {shown} nodes shown)")
            browser.driver.set_script_timeout(600)
            lost = browser.run(LOST)
            count = browser.run("return featcLineage.nodes().length")
            print(f"search finds {count - len(lost):,} of {count:,} nodes by name")
            if lost:
                sys.exit(f"not found: {lost[:5]}")


if __name__ == "__main__":
    main()
