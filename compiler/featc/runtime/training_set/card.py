"""The card of a training set: what it was made of, so that it can be made again, or shown what has moved since.

A card is JSON, beside the set as `<out>.featc.json` and inside parquet files under the key `featc`. Only `made_at`
differs between two runs of the same thing. Secrets are masked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.fingerprint import feature_fingerprint
from featc.lower.source import literal
from featc.runtime.backfill.session import moment
from featc.runtime.training_set.content import Content, content
from featc.runtime.training_set.extents import extent, sources_of
from featc.runtime.training_set.nearness import Near

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.dataset import Dataset

SCHEMA = 1
ENDING = ".featc.json"
KEY = "featc"
Card = Mapping[str, Any]


def card_path(out: Path) -> Path:
    """Where the card of a set lies: beside it."""
    return out.with_name(out.name + ENDING)


def described(dataset: Dataset) -> dict[str, Any]:
    """All of a card that is known before the set is computed."""
    asked, project = dataset.asked, dataset.project
    return {
        "schema": SCHEMA,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "project": project.name,
        "target": asked.target,
        "service": asked.service,
        "features": list(asked.features),
        "version": dataset.version,
        "fingerprint": dataset.fingerprint,
        "outputs": [
            {
                "name": o.name,
                "feature": f"{o.view}.{o.feature}",
                "type": o.type,
                "fingerprint": feature_fingerprint(project, o.view, o.feature),
            }
            for o in dataset.outputs
        ],
        "spine": dataset.answer(lambda c: _spine(c, dataset)),
        "sources": dataset.answer(lambda c: _sources(c, dataset)),
        "known_at": instant_text(dataset.known.known_at),
        "data_until": instant_text(dataset.known.data_until),
        "versions": versions(),
    }


def instant_text(us: int | None) -> str | None:
    """An instant of µs as a card has it."""
    return None if us is None else f"{moment(us).isoformat()}Z"


def _spine(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, Any]:
    spine = dataset.spine
    given = f"(SELECT {', '.join(spine.extra)} FROM {spine.relation} LIMIT {spine.rows})"
    return {
        "from": asdict(dataset.origin),
        "time": spine.time,
        "rows": spine.rows,
        "hash": content(connection, given).whole,
    }


def _sources(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, Any]:
    root = dataset.asked.root or Path()
    names = sources_of(dataset.project, dataset.outputs)
    return {name: extent(connection, dataset.project.sources[name], root) for name in names}


def versions() -> dict[str, str]:
    """What computed the set."""
    from importlib.metadata import version

    from featc import __version__

    return {"featc": __version__} | {name: version(name) for name in ("duckdb", "sqlglot")}


def with_result(card: Card, found: Content, near: Mapping[str, Near], changed: Collection[str]) -> dict[str, Any]:
    """The card of a set whose rows are there; sources whose files `changed` meanwhile say so."""
    sources = {n: s | {"changed_meanwhile": True} if n in changed else s for n, s in card["sources"].items()}
    result = {"rows": found.rows, "hash": found.whole, "columns": found.columns, "near": near}
    return {**card, "sources": sources, "result": result}


def as_text(card: Card) -> str:
    """A card as it is written."""
    return json.dumps(_masked(card), ensure_ascii=False, indent=2) + "\n"


def _masked(value: Any) -> Any:
    """A value without secrets; masked before JSON escapes them."""
    from featc.secrets import mask

    match value:
        case str():
            return mask(value)
        case Mapping():
            return {key: _masked(v) for key, v in value.items()}
        case list() | tuple():
            return [_masked(v) for v in value]
        case _:
            return value


def read_card(path: Path) -> dict[str, Any]:
    """The card in a JSON file, in a parquet file, or beside a set that is named itself.

    Raises FeatcError F523 when there is none that this featc reads.
    """
    beside = card_path(path)
    place = beside if not path.name.endswith(".json") and not _is_parquet(path) and beside.is_file() else path
    try:
        text = _embedded(place) if _is_parquet(place) else place.read_text(encoding="utf-8")
        card = json.loads(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no card of a training set"
        raise _no_card(path, f"{why}") from None
    if not isinstance(card, dict) or not {"schema", "outputs", "spine", "sources", "versions", "result"} <= set(card):
        raise _no_card(path, "it is no card of a training set")
    if card["schema"] != SCHEMA:
        raise _no_card(path, f"it is of schema {card['schema']}, and this featc knows {SCHEMA}")
    return card


def _no_card(path: Path, why: str) -> FeatcError:
    hint = f"name a set's card, as in --from train.parquet{ENDING}, or a parquet file that featc wrote"
    return FeatcError(Diagnostic("F523", f"no card can be read from {path}: {why}", hint=hint))


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq") and path.is_file()


def _embedded(path: Path) -> str:
    """The card inside a parquet file. Raises ValueError when it has none."""
    import duckdb

    asked = f"SELECT decode(value) FROM parquet_kv_metadata({literal(str(path))}) WHERE decode(key) = {literal(KEY)}"
    try:
        with duckdb.connect() as connection:
            found = connection.execute(asked).fetchall()
    except duckdb.Error as error:
        raise ValueError from error
    if not found:
        raise ValueError("no card")
    return str(found[0][0])
