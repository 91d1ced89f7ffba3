"""`jaxadv landscape`: what it writes, and its answer to mistakes."""

import itertools
from pathlib import Path

import pandas as pd
import pytest

import jaxadv as ja
from jaxadv.cli import landscape
from jaxadv.cli.main import main
from jaxadv.landscape import spheres, views

# The shape of the doctests, whose programs serve here as well.
TINY = [
    "--scales", "1,30", "--dims", "3", "--widths", "8", "--networks", "1", "--starts", "4",
    "--max-steps", "50",
]  # fmt: skip


def test_it_writes_tables_and_a_report(here, capsys, monkeypatch):
    whole = landscape.landscape_pictures

    def first(*args, **settings):
        yield next(whole(*args, **settings))

    monkeypatch.setattr(landscape, "landscape_pictures", first)
    main(["landscape", *TINY, "--critical", "0", "--store", "run"])
    assert (here / "run" / "overview.png").read_bytes().startswith(b"\x89PNG")
    text = (here / "run" / "landscape.md").read_text()
    assert "(overview.png)" in text
    assert "## All critical points" not in text
    assert set(pd.read_csv(here / "run" / "numbers.csv").scale) == {1.0, 30.0}
    assert str(Path("run") / "landscape.md") in capsys.readouterr().out


@pytest.mark.slow
def test_several_widths_are_reported_one_by_one(here, monkeypatch):
    whole = landscape.landscape_pictures

    def overviews(*args, **settings):
        return itertools.islice(whole(*args, **settings), 2)

    monkeypatch.setattr(landscape, "landscape_pictures", overviews)
    main(["landscape", *TINY, "--widths", "4,8", "--critical", "0", "--store", "run"])
    text = (here / "run" / "landscape.md").read_text()
    for width in (4, 8):
        assert text.count(f"### Width {width}\n") == 2
        assert f"(overview-width-{width}.png)" in text
        assert (here / "run" / f"overview-width-{width}.png").exists()
    table = pd.read_csv(here / "run" / "numbers.csv")
    assert set(zip(table.width, table.scale, strict=True)) == {(4, 1), (4, 30), (8, 1), (8, 30)}


@pytest.mark.slow
def test_it_draws_all_figures_and_finds_critical_points(here, capsys):
    main(["landscape", *TINY, "--critical", "1", "--ascents", "64", "--store", "run"])
    figures = ["overview", "sphere", "circle", "plane", "ascents", "arcs", "losses", "spectrum"]
    for name in figures:
        assert (here / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    text = (here / "run" / "landscape.md").read_text()
    assert all(f"({name}.png)" in text for name in figures)
    assert "| 3 | 30 | 1 |" in text
    table = pd.read_csv(here / "run" / "numbers.csv")
    assert set(table.scale) == {1.0, 30.0}
    spec = ja.Landscape.from_toml(here / "run" / "manifest.json")
    assert (spec.dims, spec.scales) == ((3,), (1.0, 30.0))
    assert ja.open_landscape(here / "run").sizes["start"] == 4
    critical = ja.open_landscape(here / "run" / "critical-3d")
    assert critical.settled.values.all()
    assert str(Path("run") / "landscape.md") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--scales", "abc"], "scales: 'abc' is not a number"),
        (["--dims", "x"], "dims: 'x' is not a whole number"),
        (["--dims", "1"], "dims: 1 must be a whole number from 2"),
        (["--trainings", "clean"], "trainings: clean needs data to train on"),
        (["--plane", "pac"], "'pac' for argument '--plane'. Expected one of ('pca', 'gradient')"),
        (["--critical=-1"], "critical: -1 must be 0 or more"),
        (["--ascents", "0"], "ascents: 0 must be 1 or more"),
        (["--devices", "0"], "devices: 0 must be"),
        (["--config", "missing.toml"], "config: cannot read 'missing.toml'"),
        (["--store", "file.txt", "--dims", "3"], "store: 'file.txt' is a file"),
        (["--no-such-flag"], "error: unknown flag --no-such-flag (--help"),
    ],
)
def test_a_mistake_is_one_line(here, mistake, args, message):
    (here / "file.txt").write_text("x")
    assert message in mistake(
        ["landscape", *TINY, *args] if "--dims" not in args else ["landscape", *args]
    )


@pytest.mark.slow
def test_views_have_the_shapes_of_their_examples():
    small = ja.Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4, max_steps=200)
    assert views.view_arcs(small, num_points=16).loss_arc.shape == (1, 8, 16)
    assert views.view_plane(small, num_points=9).loss.shape == (1, 9, 9)
    assert views.view_plane(small, "gradient", num_points=9).path.shape == (1, 4, 64, 2)
    assert views.view_losses(small, starts=64).loss_end.shape == (1, 64)
    assert spheres.view_sphere(small, num_latitudes=5).loss.shape == (1, 5, 9)
    flat = ja.Landscape(scales=(1.0,), dims=2, widths=8, networks=1)
    assert spheres.view_circle(flat, num_angles=32).critical_kind.values.tolist() == [[2.0, 0.0]]
    assert ja.run_critical(flat, starts=16, progress=False).strays.item() == 0
