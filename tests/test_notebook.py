"""Notebooks run, and sweeps have progress bars of their own there."""

from pathlib import Path

import nbclient
import nbformat
import pytest

TOUR = Path(__file__).parent.parent / "notebooks" / "tour.ipynb"
CODE = "import jaxadv as ja\nja.run_sweep(ja.Sweep(scales=0.1, dims=3, widths=4, networks=1))"
# Of the kernel's own start.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_tour_runs_to_its_verdict_and_is_stored_without_outputs():
    notebook = nbformat.read(TOUR, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    figures = [
        output for cell in notebook.cells for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]  # fmt: skip
    assert len(figures) == 8
    verdicts = notebook.cells[-1].outputs[0].text
    assert "C3-condition        supported" in verdicts
    assert "C1-maximum          supported" in verdicts


@pytest.mark.slow
def test_a_notebook_shows_a_progress_bar_of_its_own():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [output.get("data", {}) for output in notebook.cells[0].outputs]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert any("xarray.Dataset" in data.get("text/plain", "") for data in shown)
