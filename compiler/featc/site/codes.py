"""The codes of the catalogue."""

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F860": "featc docs replaces its folder as a whole, and this one holds something that it did not write. Name "
    "another folder with --out, or remove it.",
    "F861": "The catalogue cannot be written: its folder, its rights, or a full disk. What was there before still is.",
}
