"""A sweep in a notebook."""

import nbclient
import nbformat
import pytest

CODE = "import jaxadv as ja\nja.run_sweep(ja.Sweep(scales=0.1, dims=3, widths=4, networks=1))"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's own start
def test_a_notebook_shows_a_progress_bar_of_its_own():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [output.get("data", {}) for output in notebook.cells[0].outputs]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert any("xarray.Dataset" in data.get("text/plain", "") for data in shown)
