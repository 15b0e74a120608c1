"""The shop with a service that tells which definitions answered, and how many orders they know of.

Each of two views weighs its rows with 1, or by the later definitions with a million: a vector in which one view answers
by one definition and the other by the other shows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SHOP = Path(__file__).resolve().parents[2] / "features" / "shop"
LATER = "2027-01-01T00:00:00Z"
WEIGHT = 1_000_000
DEFINITIONS = """\
feature_views:
  order_tally:
    entity: []
    source: orders
    features:
      orders_weigh: sum({weight}) over lifetime

  view_tally:
    entity: []
    source: page_views
    features:
      views_weigh: sum({weight}) over lifetime

feature_services:
  tally:
    features: [order_tally, view_tally]
"""


def write_shop(folder: Path) -> Path:
    """A small shop in a folder, as it is before the edit."""
    names = shutil.ignore_patterns("data", "target", ".featc", "__pycache__", "featc.lock")
    shutil.copytree(SHOP, folder, ignore=names, dirs_exist_ok=True)
    command = [sys.executable, "generate.py", "--scale", "0.05"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return weigh(folder, 1)


def weigh(folder: Path, weight: int) -> Path:
    """The edit, or back."""
    (folder / "features/tally.yaml").write_text(DEFINITIONS.format(weight=weight), encoding="utf-8")
    return folder


def order(number: int) -> dict[str, Any]:
    """An order that no other has the id of."""
    return {
        "order_id": 10_000_000 + number,
        "user_id": 1 + number % 7,
        "sku": "C-0001",
        "amount": "10.00",
        "status": "paid",
        "ordered_at": "2026-06-02 10:00:00",
        "loaded_at": "2026-06-02 10:05:00",
        "op": "I",
        "seq": number,
    }


def told(vector: dict[str, Any]) -> tuple[int, int] | None:
    """(weight, orders) that a vector of `tally` tells of; None where it mixes definitions."""
    orders, views = int(vector["orders_weigh"]), int(vector["views_weigh"])
    weights = {WEIGHT if n >= WEIGHT else 1 for n in (orders, views)}
    if len(weights) > 1:
        return None
    (weight,) = weights
    return weight, orders // weight
