"""A fraud model, from definitions to online scores, with and without a leak: `python model.py [--scale 0.5]`.

1. Makes the payments, builds the project, writes the training set of `auth_score`.
2. Trains a classifier on February and tests it on March.
3. Pushes the history into an online store and asks it for the vectors of March's transactions, at their instants: they
   are those of the training set, and so are the scores.
4. Tries to build features over `disputed`, a column that is filled in weeks later; featc refuses. Computes them by
   hand, as one would without featc, and shows what the model promises, and what it does in service, where the column
   is still empty.

Writes `target/quality.png` and `target/quality.json`. Needs `pip install 'featc[notebook]'`.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import matplotlib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve

import featc

matplotlib.use("Agg")
from matplotlib import pyplot

HERE = Path(__file__).resolve().parent
TRAINING = HERE / "target" / "train.parquet"
SPLIT = datetime(2026, 3, 1)
FEATC = (sys.executable, "-c", "import sys; from featc.cli import main; sys.exit(main())")
NOT_FEATURES = ("txn_id", "card_id", "merchant_id", "device_id", "country", "as_of", "is_fraud", "is_fraud__complete")
TEXTS = ("last_country",)
LEAKS = {"disputed_txns_7d": ("card_id", 7), "m_disputed_txns_30d": ("merchant_id", 30)}
"""The features of leaky/disputes.yaml: the key, and the days."""


def say(text: str = "") -> None:
    print(text, flush=True)


def run(*arguments: str, fails: bool = False) -> str:
    """A featc command, printed as it is run; with `fails` one that has to end with exit code 1."""
    say(f"\n$ featc {shlex.join(arguments)}")
    done = subprocess.run((*FEATC, *arguments), cwd=HERE, capture_output=True, text=True, check=False)
    if (done.returncode == 1) is not fails:
        raise SystemExit(f"{done.stdout}{done.stderr}\nended with exit code {done.returncode}")
    return done.stderr if fails else done.stdout


# ── the model ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier over columns, by their names."""

    columns: tuple[str, ...]
    classifier: HistGradientBoostingClassifier

    def scores(self, rows: pd.DataFrame) -> np.ndarray:
        return self.classifier.predict_proba(inputs(rows, self.columns))[:, 1]


def inputs(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns as numbers; what is not known is NaN."""
    return rows[list(columns)].apply(pd.to_numeric).astype(float)


def trained(rows: pd.DataFrame, columns: Sequence[str]) -> Model:
    classifier = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.06, max_leaf_nodes=15, random_state=0)
    return Model(tuple(columns), classifier.fit(inputs(rows, columns), rows["is_fraud"].astype(int)))


def training_set() -> pd.DataFrame:
    """The written training set: rows whose outcome is known."""
    rows = duckdb.sql(f"FROM '{TRAINING}' WHERE is_fraud__complete ORDER BY as_of, txn_id").df()
    for column in rows.columns:
        if rows[column].dtype == object and column not in NOT_FEATURES and column not in TEXTS:
            rows[column] = pd.to_numeric(rows[column].map(lambda v: None if v is None else float(v)))
    return rows


# ── online ────────────────────────────────────────────────────────────────────────────────────────────────────


def served(rows: pd.DataFrame) -> pd.DataFrame:
    """The vectors that the online store gives for transactions, each at its own instant."""
    with_store = featc.FeatureStore(HERE)
    found = []
    for row in rows.itertuples():
        keys = {"card_id": row.card_id, "merchant_id": row.merchant_id, "device_id": row.device_id}
        asked = {**keys, "amount": row.amount, "country": row.country}
        found += with_store.get_online_features("auth_score", [asked], at=row.as_of.to_pydatetime())
    with_store.close()
    return pd.DataFrame(found)


def same(trained_on: Any, got: Any) -> bool:
    """Equal, or as near as sums of DOUBLEs come in another order."""
    if trained_on is None or got is None or trained_on != trained_on or got != got:
        return (trained_on is None or trained_on != trained_on) and (got is None or got != got)
    if isinstance(got, float):
        return math.isclose(float(trained_on), got, rel_tol=1e-9, abs_tol=1e-9)
    return bool(trained_on == got or float(trained_on) == float(got))


def compared(rows: pd.DataFrame, vectors: pd.DataFrame) -> int:
    """How many values of the vectors there are; ends where one is not that of the training set."""
    for column in vectors.columns:
        for n, (a, b) in enumerate(zip(rows[column], vectors[column], strict=True)):
            if not same(a, b):
                raise SystemExit(f"{column} of transaction {rows['txn_id'].iloc[n]}: trained on {a}, served {b}")
    return vectors.size


# ── the leak ──────────────────────────────────────────────────────────────────────────────────────────────────


def refused() -> str:
    """What featc says to the leaky definitions, in a copy of the project."""
    copy = HERE / "target" / "leaky"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    shutil.copytree(HERE / "features", copy / "features")
    shutil.copy(HERE / "featc.yaml", copy)
    shutil.copy(HERE / "leaky" / "disputes.yaml", copy / "features")
    (copy / "data").symlink_to(HERE / "data")
    return run("build", "--project", "target/leaky", fails=True)


def by_hand(rows: pd.DataFrame) -> pd.DataFrame:
    """The leaky features as a query without featc gives them: of the past by event time, as the rows are *now*."""
    spine, found = rows[["txn_id", "card_id", "merchant_id", "as_of"]], rows.copy()
    for name, (key, days) in LEAKS.items():
        query = f"""
            SELECT s.txn_id, count(t.txn_id) FILTER (WHERE t.disputed) AS n
            FROM spine s LEFT JOIN '{HERE / "data" / "txns.parquet"}' t
            ON t.{key} = s.{key} AND t.version = 1
               AND t.authorized_at < s.as_of AND t.authorized_at >= s.as_of - INTERVAL {days} DAY
            GROUP BY ALL"""
        with duckdb.connect() as connection:
            connection.register("spine", spine)
            counts = dict(connection.execute(query).fetchall())
        found[name] = [counts[number] for number in rows["txn_id"]]
    return found


def in_service(rows: pd.DataFrame) -> pd.DataFrame:
    """The same in service: no row of the last days is disputed yet, since nobody has looked at his statement."""
    return rows.assign(**dict.fromkeys(LEAKS, 0))


# ── quality ───────────────────────────────────────────────────────────────────────────────────────────────────


def draw(curves: Mapping[str, tuple[Any, np.ndarray]], target: Path) -> dict[str, float]:
    """Precision against recall of each curve (truth, scores); gives their average precision."""
    figure, axes = pyplot.subplots(figsize=(8, 5.2))
    found = {}
    looks = {"leak, as tested": ("#c0392b", "-"), "leak, in service": ("#c0392b", "--")}
    for name, (truth, scores) in curves.items():
        precision, recall, _ = precision_recall_curve(truth, scores)
        found[name] = float(average_precision_score(truth, scores))
        colour, line = looks.get(name, ("#1f5f8b", "-" if "tested" in name else "--"))
        axes.plot(recall, precision, line, color=colour, linewidth=2, label=f"{name}: {found[name]:.2f}")
    axes.set(xlabel="recall: share of thefts that are caught", ylabel="precision: share of alarms that are thefts")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title="What a leak promises, and what it does")
    axes.grid(alpha=0.25)
    axes.legend(title="average precision", loc="lower left", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target, dpi=130)
    pyplot.close(figure)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a fraud model with and without a leak.")
    parser.add_argument("--scale", default="0.5", help="1 is 60,000 transactions")
    parser.add_argument("--asked", type=int, help="how many of March's vectors to ask online, if not all")
    arguments = parser.parse_args()
    for made in ("target", ".featc"):
        shutil.rmtree(HERE / made, ignore_errors=True)
    subprocess.run([sys.executable, "generate.py", "--scale", arguments.scale], cwd=HERE, check=True)

    say(run("build"))
    say(run("dataset", "auth_score", "--spine", "data/spine.parquet", "--out", "target/train.parquet"))
    rows = training_set()
    before, after = rows[rows["as_of"] < SPLIT], rows[rows["as_of"] >= SPLIT]
    columns = [c for c in rows.columns if c not in NOT_FEATURES and c not in TEXTS]
    model = trained(before, columns)
    say(f"trained on {len(before):,} transactions of February ({int(before['is_fraud'].sum())} thefts),")
    say(f"tested on {len(after):,} of March ({int(after['is_fraud'].sum())} thefts), with {len(columns)} features")

    for source in ("merchants", "chargebacks", "txns"):
        say(run("push", source, f"data/{source}.parquet", "--token", source))
    after = after.reset_index(drop=True)
    asked = after if arguments.asked is None else after.sample(arguments.asked, random_state=0).reset_index(drop=True)
    vectors = served(asked)
    values = compared(asked, vectors)
    online = model.scores(vectors.assign(amount=asked["amount"]))
    apart = float(np.abs(online - model.scores(asked)).max())
    say(f"\n{values:,} values of {len(asked):,} vectors of March, asked online, are those of the training set;")
    say(f"the scores differ by at most {apart:.1e}")

    say("\nThe same over the column `disputed`, which lies in the transaction's row:")
    say(refused())
    leaky = by_hand(rows)
    seen = leaky[leaky["as_of"] >= SPLIT]
    promised = trained(leaky[leaky["as_of"] < SPLIT], [*columns, *LEAKS])
    truth = after["is_fraud"].astype(int)
    quality = draw(
        {
            "featc, as tested": (truth, model.scores(after)),
            "featc, in service": (asked["is_fraud"].astype(int), online),
            "leak, as tested": (truth, promised.scores(seen)),
            "leak, in service": (truth, promised.scores(in_service(seen))),
        },
        HERE / "target" / "quality.png",
    )
    say("average precision (1 is perfect):")
    for name, found in quality.items():
        say(f"  {name:<18} {found:.3f}")
    found = {"quality": quality, "compared": values, "vectors": len(asked), "apart": apart}
    (HERE / "target" / "quality.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    say("\n→ target/quality.png, target/quality.json")


if __name__ == "__main__":
    main()
