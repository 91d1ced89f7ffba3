"""Does the scale of pixels matter in training? Runs the trainings of a file, and writes a page.

Example:
    python scripts/real_scale.py results/real/scale
"""

import sys
import tomllib
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import jaxadv as ja
from jaxadv.grid.places import place
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.pixel_scales import as_markdown, pictures
from jaxadv.stats.cells import finished_networks

CONFIG = Path(__file__).parent / "real" / "scale.toml"


def main(folder: str = "results/real/scale", config: str = str(CONFIG)) -> None:
    """Run what is missing, and write the page."""
    settings = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    datasets = {}
    for name, changes in settings["variations"].items():
        spec = ja.Training(**(settings["base"] | changes))
        datasets[name] = finished_networks(ja.run_training(spec, f"{folder}/{name}").load())
    per_epoch = settings["base"]["examples"] // settings["base"]["batch"]
    for picture in save_pictures(pictures(datasets, per_epoch), place(folder)):
        print(place(folder) / picture.file)
    page = as_markdown(datasets, per_epoch, f"python scripts/real_scale.py {folder}")
    (place(folder) / "report.md").write_text(page, encoding="utf-8")
    print(place(folder) / "report.md")


if __name__ == "__main__":
    main(*sys.argv[1:])
