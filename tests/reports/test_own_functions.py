"""Reports and figures import nothing that a dataset names, and say what they leave out for it."""

import json
import sys
import zipfile
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.catalogue import judge_all
from jaxadv.figures.landscapes import draw_spectrum, plot_overview
from jaxadv.figures.panels import panels
from jaxadv.figures.style import save
from jaxadv.reports import claims, landscape, sweep, training
from jaxadv.reports.claims_pictures import claims_pictures, typical_traces
from jaxadv.reports.experiments import open_experiments
from jaxadv.reports.training_pictures import training_pictures
from jaxadv.stats import landscapes, trainings
from jaxadv.stats.cells import kappa_0_of, own_functions

STORES = Path(__file__).parent.parent / "data"
HARMLESS = "import jax.numpy as jnp\ndef f(z):\n    return jnp.sin(z)\n"
EVIL = "from pathlib import Path\nPath({!r}).touch()\n"


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A file that `evil_module` writes when it is imported, which it could be."""
    file = tmp_path / "imported"
    (tmp_path / "evil_module.py").write_text(EVIL.format(str(file)))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)
    return file


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A sweep's store, made when the module was harmless."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "evil_module.py").write_text(HARMLESS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec = ja.Sweep(
            scales=(0.1, 0.3, 1.0), dims=4, widths=8, activations="evil_module:f", networks=2,
            examples=1, starts=1, max_steps=200,
        )  # fmt: skip
        ja.run_sweep(spec, folder / "run" / "mine", progress=False)
        del sys.modules["evil_module"]
    return folder / "run"


def opened(name, opener, folder):
    """An older store, whose manifest is made to name the module."""
    with zipfile.ZipFile(STORES / f"{name}-store-0.1.zip") as archive:
        archive.extractall(folder)
    dataset = opener(folder / name).load()
    kind = "landscape" if name == "landscape" else "training"
    text = dataset.attrs[kind]
    for builtin in ("tanh", "quadratic", "constant", "adam"):
        text = text.replace(json.dumps(builtin), '"evil_module:f"')
    assert "evil_module:f" in text
    names = np.full(dataset.sizes["cell"], "evil_module:f")
    new = dict.fromkeys(("activation", "loss"), ("cell", names))
    return dataset.assign_coords(new).assign_attrs({kind: text})


def test_the_report_on_claims_leaves_out_what_it_would_have_to_import(store, trap, tmp_path):
    datasets, left_out = open_experiments(store)
    assert not left_out
    pictures = {}
    for claim, picture in claims_pictures(tmp_path, datasets):
        save(tmp_path / picture.file, picture.draw)
        pictures.setdefault(claim, []).append(picture)
    judgements = judge_all(datasets)
    text = claims.as_markdown(judgements, datasets, pictures, "python x")
    assert claims.as_json(judgements)
    assert "Sweep mine names evil_module:f, not built in" in text
    assert "steps-tolerance-mine.png" in text
    assert "residuals-mine.png" not in text
    with pytest.raises(ValueError, match="dataset: 'evil_module:f' is not built in"):
        typical_traces(datasets["mine"])
    assert "The sweep names evil_module:f" in sweep.notes(datasets["mine"])[-1]
    assert len(sweep.summarize(datasets["mine"])) == 3
    assert not trap.exists()
    assert "evil_module" not in sys.modules


def test_the_report_on_landscapes_has_no_kappa_0(trap, tmp_path):
    dataset = opened("landscape", ja.open_landscape, tmp_path)
    table = landscapes.tabulate(dataset)
    assert table.kappa_0.isna().all()
    text = landscape.as_markdown(dataset, table, [], [], "python x")
    assert "The survey names evil_module:f, not built in" in text
    assert "(κ₀ unknown)" in text
    for figure in (plot_overview(table, "what"), panels(dataset, draw_spectrum, "what")):
        figure.canvas.draw()
        plt.close(figure)
    assert not trap.exists()


def test_the_report_on_training_takes_names_for_words(trap, tmp_path):
    dataset = opened("training", ja.open_training, tmp_path)
    text = training.as_markdown(dataset, trainings.tabulate(dataset), [], "python x")
    assert "evil_module:f" in text
    for picture in training_pictures(dataset):
        save(tmp_path / picture.file, picture.draw)
    assert not trap.exists()


def test_the_trap_works(trap):
    __import__("evil_module")
    assert trap.exists()
    del sys.modules["evil_module"]


@pytest.mark.slow
def test_functions_without_a_name_are_a_users_own():
    activations = (jnp.tanh, lambda z: z + jnp.sin(z))
    spec = ja.Sweep(scales=1.0, dims=4, widths=8, activations=activations, networks=1, max_steps=9)
    dataset = ja.run_sweep(spec, progress=False)
    assert own_functions(dataset) == ["<lambda>"]
    known = [not np.isnan(kappa_0_of(dataset.isel(cell=cell))) for cell in (0, 1)]
    assert known == [True, False]
