"""The notebooks run from top to bottom, and are kept without what they print."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from docs.documents import REPO, Play

NOTEBOOKS = sorted((REPO / "features").glob("*/notebooks/*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(tmp_path)
    roots = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    monkeypatch.setenv("PYTHONPATH", roots)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    copy = play.folder / path.relative_to(REPO)
    notebook = nbformat.read(copy, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(copy.parent)}})
    client.execute()
    assert "online score = training score" in notebook.cells[-1].outputs[0].text
