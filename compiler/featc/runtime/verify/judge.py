"""Judging answers: does the online value equal the training value, as the law has it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.lower.source import quoted
from featc.resolve.model import AsOfRef, FeatureRef, KeyRef, Project, Ref, RequestRef
from featc.runtime.verify.closeness import Derived, Questions, Rounded, identical, within
from featc.runtime.verify.history import Answer, Failed, Probe
from featc.runtime.verify.plans import spine_columns
from featc.runtime.verify.rows import create

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Difference:
    """The number of the probe at which an output differs, and both values."""

    output: str
    probe: int
    training: Any
    online: Any


def differences(
    asked: Questions,
    connection: duckdb.DuckDBPyConnection,
    probes: Sequence[Probe],
    training: Sequence[Answer],
    online: Sequence[Answer],
) -> list[Difference]:
    """All differences, in the order of outputs, then probes. `connection` evaluates derived expressions."""
    found: list[Difference] = []
    for output in asked.outputs:
        name = output.name
        apart = [n for n in range(len(probes)) if not identical(training[n][name], online[n][name], output.type)]
        match asked.judgements[name]:
            case Rounded(bound, companions):
                apart = [n for n in apart if not _near(training[n], online[n], name, bound, companions)]
            case Derived() as derived:
                apart = _unexplained(asked, derived, connection, probes, training, online, apart)
            case None:
                pass
        found += [Difference(name, n, training[n][name], online[n][name]) for n in apart]
    return found


def _near(training: Answer, online: Answer, name: str, bound: Any, companions: Any) -> bool:
    found = {label: training.get(o.name) for label, o in companions.items()}
    seen = {k: None if isinstance(v, Failed) else v for k, v in found.items()}
    return within(training[name], online[name], lambda value: float(bound(value, seen)))


def _unexplained(
    asked: Questions,
    derived: Derived,
    connection: duckdb.DuckDBPyConnection,
    probes: Sequence[Probe],
    training: Sequence[Answer],
    online: Sequence[Answer],
    apart: Sequence[int],
) -> list[int]:
    """Those of the probes at which a plan's value is not what the expression gives for the plan's own inputs.

    The inputs are judged by themselves; a value that follows from inputs within their bounds is not a
    difference.
    """
    if not apart:
        return []
    kept = []
    name = derived.feature.qualified
    for n in apart:
        follows = all(
            not isinstance(answers[n][name], Failed)
            and identical(
                answers[n][name],
                _evaluated(asked.online, derived, connection, probes[n], answers[n]),
                derived.feature.type,
            )
            for answers in (training, online)
        )
        if not follows:
            kept.append(n)
    return kept


def _evaluated(
    project: Project, derived: Derived, connection: duckdb.DuckDBPyConnection, probe: Probe, answer: Answer
) -> Any:
    """The derived feature's value for the inputs in `answer`, its default applied."""
    import duckdb

    view = project.view(derived.feature.view)
    keys, request = spine_columns(project, asked_of(derived))
    columns: dict[str, tuple[str, Any]] = {"as_of_us": ("BIGINT", probe.at)}
    spelled: dict[Ref, str] = {}
    for number, ref in enumerate(derived.feature.expr.refs):
        label = f"input_{number}"
        match ref:
            case AsOfRef():
                spelled[ref] = "make_timestamp(as_of_us)"
                continue
            case KeyRef(name):
                type_, value = (keys | {k.name: k.type for k in view.keys})[name], probe.keys.get(name)
            case RequestRef(name):
                type_, value = (request | dict(view.request))[name], probe.request.get(name)
            case _:
                output = derived.inputs[ref]
                type_, value = output.type, answer.get(output.name)
        if isinstance(value, Failed):
            return value
        columns[label] = (type_, value)
        spelled[ref] = quoted(label)
    text = f"({derived.feature.expr.render(lambda r: spelled[r])})::{derived.feature.type}"
    if derived.feature.default is not None:
        text = f"coalesce({text}, {derived.feature.default})"
    create(
        connection,
        "inputs",
        [(c, t) for c, (t, _) in columns.items()],
        [tuple(v for _, v in columns.values())],
    )
    try:
        return connection.execute(f"SELECT {text} FROM inputs").fetchall()[0][0]
    except duckdb.Error as error:
        return Failed(str(error).splitlines()[0])


def asked_of(derived: Derived) -> list[Any]:
    """The outputs that are features of their own among a derived feature's inputs."""
    return [o for ref, o in derived.inputs.items() if isinstance(ref, FeatureRef)]
