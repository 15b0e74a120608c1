"""Random projects whose definitions change half way through their history: what is built anew from the journal answers
as the oracle does, and so does what is rolled back to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import featc
from random_projects import Case, Difference, Push, make_case, render
from random_projects.judge import Judge, read
from random_projects.model import Read

FIRST = int(os.environ.get("FEATC_RANDOM_FIRST", "910000"))
MORE = "zz_more_"


def test_what_is_built_half_way_answers_as_if_it_had_been_there(tmp_path: Path) -> None:
    found = [outcome for seed in range(FIRST, FIRST + 4) for outcome in changed_half_way(seed, tmp_path / str(seed))]
    assert not [str(d) for d in found if isinstance(d, Difference)]
    assert any(isinstance(n, int) and n for n in found)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FIRST + 100, FIRST + 140, 10))
def test_it_does_on_many(first: int, tmp_path: Path) -> None:
    found = [outcome for seed in range(first, first + 10) for outcome in changed_half_way(seed, tmp_path / str(seed))]
    assert not [str(d) for d in found if isinstance(d, Difference)]
    assert sum(isinstance(n, int) and n > 0 for n in found) >= 5  # sources were read again


def changed_half_way(seed: int, folder: Path) -> Iterator[Difference | int]:
    """Runs a case whose views get a feature more when half of its batches are in; gives how many sources were read
    again, and what differs after the apply and after a rollback."""
    case = make_case(seed)
    render.write(case, folder)
    views = folder / "features/views.yaml"
    pushes = [n for n, step in enumerate(case.steps) if isinstance(step, Push)]
    half = pushes[len(pushes) // 2]
    before = featc.FeatureStore(str(folder))
    push(before, case, case.steps[:half])
    before.online  # noqa: B018  a store is there, even if nothing was pushed yet
    before.apply(verify=False)
    views.write_text(with_more(case, views.read_text(encoding="utf-8")), encoding="utf-8")
    after = featc.FeatureStore(str(folder))
    applied = after.apply(verify=False)
    yield len(applied.served.refilled) if applied.served is not None else 0
    judge = Judge(case)
    last: Read | None = None
    for number, step in enumerate(case.steps[half:], half):
        match step:
            case Push():
                push(before if number % 2 else after, case, [step])  # one knew the other definitions when it began
            case Read(probes):
                yield from judge.online(probes, without_more(read(after, case, probes)), number)
                last = step
    if last is not None and after.serving.current().pointer.before is not None:
        after.rollback()
        yield from judge.online(last.probes, read(before, case, last.probes), len(case.steps))
    before.close()
    after.close()


def push(store: Any, case: Case, steps: Any) -> None:
    for step in steps:
        if isinstance(step, Push):
            store.push(step.source, render.batch(case, step.source, step.rows, step.form), token=step.token)


def without_more(answers: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith(MORE)} for row in answers]


def with_more(case: Case, text: str) -> str:
    """The views' YAML with a count in each view of events that its source has a column for."""
    content = yaml.safe_load(text)
    kinds = {s.name: s for s in case.sources}
    for name, view in content["feature_views"].items():
        source = kinds.get(view.get("source")) if isinstance(view.get("source"), str) else None
        if source is not None and source.yaml.get("kind", "event") == "event":
            column = next(iter(source.types))
            view["features"][MORE + name] = f"count({column}) over last_77h"
    content["feature_services"]["svc"]["version"] = 2  # where a whole view is listed, others have another place
    return render.dump(content)
