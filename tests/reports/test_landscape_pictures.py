"""The pictures of a survey, and the critical points beside it, are of the networks surveyed."""

import xarray as xr

import jaxadv as ja
from jaxadv.grid.places import place
from jaxadv.reports import landscape_pictures as pictures


def test_critical_points_are_sought_in_two_and_three_dimensions(tmp_path, monkeypatch):
    asked = {}

    def run(spec, store):
        asked[store] = spec.dims, spec.widths, spec.networks
        return xr.Dataset()

    monkeypatch.setattr(pictures, "run_critical", run)
    spec = ja.Landscape(dims=(8, 16), widths=4, networks=9)
    assert len(list(pictures.find_critical(spec, 2, place(str(tmp_path))))) == 2
    assert asked == {
        str(tmp_path / "critical-2d"): ((2,), (4,), 2),
        str(tmp_path / "critical-3d"): ((3,), (4,), 2),
    }
