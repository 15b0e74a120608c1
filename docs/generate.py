"""Writes docs/reference/ and docs/functions.md from the code: `python docs/generate.py`, or `make docs`.

`python docs/generate.py FOLDER` writes it elsewhere, which is how a test sees whether the pages are of today.
"""

from __future__ import annotations

import sys
from pathlib import Path

from featc.cli.codes import errors_page
from generating.commands import commands_page
from generating.functions import functions_page
from generating.language import language_page
from generating.windows import windows_page

PAGES = {
    "language.md": language_page,
    "../functions.md": functions_page,
    "windows.md": windows_page,
    "commands.md": commands_page,
    "errors.md": errors_page,
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "reference")
