"""Specifications of version 0.1, whose landscapes and trainings had one shape and one loss."""

import zipfile
from pathlib import Path

import pytest

import jaxadv as ja

SPECS = (ja.Landscape, ja.Training)
FORMER = {"dim": 3, "width": 8, "activation": "sin", "loss": "logistic"}
NOW = {"dims": 3, "widths": 8, "activations": "sin", "losses": "logistic"}
STORES = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("former", "now"), list(zip(FORMER, NOW, strict=True)))
def test_each_former_name_is_taken_with_a_warning_that_names_the_new_one(spec, former, now):
    with pytest.warns(DeprecationWarning, match=f"^{former}: is now named {now}; ") as warned:
        renamed = spec(**{former: FORMER[former]})
    assert [warning.filename for warning in warned] == [__file__]
    assert renamed == spec(**{now: NOW[now]})
    assert not hasattr(renamed, former)


@pytest.mark.parametrize("spec", SPECS)
def test_a_field_under_both_names_is_refused(spec, tmp_path):
    message = r"^width: is now named widths; give widths alone$"
    with pytest.raises(ValueError, match=message):
        spec(width=8, widths=8)
    (tmp_path / "both.toml").write_text("width = 8\nwidths = [8]\n")
    with pytest.raises(ValueError, match=message):
        spec.from_toml(tmp_path / "both.toml")


@pytest.mark.parametrize("spec", SPECS)
def test_files_are_read_with_former_names(spec, tmp_path):
    (tmp_path / "spec.toml").write_text(
        'dim = 3\nwidth = 8\nactivation = "sin"\nloss = "logistic"\n'
    )
    with pytest.warns(DeprecationWarning, match="is now named") as warned:
        assert spec.from_toml(tmp_path / "spec.toml") == spec(**NOW)
    assert len(warned) == len(FORMER)
    assert {warning.filename for warning in warned} == {__file__}


def test_none_was_the_dim_of_the_data():
    with pytest.warns(DeprecationWarning, match="dim: is now named dims"):
        assert ja.Landscape(dim=None) == ja.Landscape()


@pytest.mark.parametrize(
    ("name", "spec", "shape"),
    [
        ("landscape", ja.Landscape, (3, 8)),
        ("critical", ja.Landscape, (3, 8)),
        ("training", ja.Training, (4, 8)),
    ],
)
def test_manifests_of_version_0_1_are_read(name, spec, shape, tmp_path):
    with zipfile.ZipFile(STORES / f"{name}-store-0.1.zip") as store:
        (manifest,) = (file for file in store.namelist() if file.endswith("manifest.json"))
        (tmp_path / "manifest.json").write_bytes(store.read(manifest))
    with pytest.warns(DeprecationWarning, match="is now named"):
        read = spec.from_toml(tmp_path / "manifest.json")
    assert [(group.dim, group.width) for group in read.groups] == [shape]
    assert read.scales == (0.3, 3.0)
