"""Where L∞ attacks end: runs two sweeps in boxes, and writes a page with two figures.

Example:
    python scripts/boxes.py results/boxes
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import jaxadv as ja
from jaxadv.grid.places import place
from jaxadv.reports.boxes import as_markdown, pictures
from jaxadv.reports.pictures import save_pictures

CONFIGS = Path(__file__).parent / "boxes"


def main(folder: str = "results/boxes") -> None:
    """Run what is missing, and write the page."""
    methods, free = (
        ja.run_sweep(ja.Sweep.from_toml(CONFIGS / f"{name}.toml"), f"{folder}/{name}").load()
        for name in ("methods", "free")
    )
    for picture in save_pictures(pictures(methods, free), place(folder)):
        print(place(folder) / picture.file)
    page = as_markdown(methods, free, f"python scripts/boxes.py {folder}")
    (place(folder) / "report.md").write_text(page, encoding="utf-8")
    print(place(folder) / "report.md")


if __name__ == "__main__":
    main(*sys.argv[1:])
