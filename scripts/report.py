"""Turn stored experiments into verdicts on the paper's claims: report.md, report.json and figures.

Example:
    python scripts/report.py results/claims --run scripts/configs
"""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

import jaxadv as ja
from jaxadv import cli
from jaxadv.claims.catalogue import claims_on
from jaxadv.claims.judgements import judge
from jaxadv.figures.style import save
from jaxadv.reports import claims as report
from jaxadv.reports.claims_pictures import claims_pictures
from jaxadv.reports.experiments import open_experiments
from jaxadv.reports.pictures import Picture

DESCRIPTION = """Turn stored experiments, sweeps and trainings, into verdicts on the paper's
claims: a report, its findings as JSON, and figures.
Example: python scripts/report.py results/claims --run scripts/configs"""
QUICK_NETWORKS = 40


def main(args: Sequence[str] | None = None) -> None:
    """Parse the command line, run what is to be run, judge, write."""
    with cli.mistakes_in_one_line():
        options = cli.ask(Options, DESCRIPTION, args)
        folder = cli.local_path("folder", options.folder)
        cli.stop_at_once(f"stopped; what {folder} has is kept, and {cli.command()} goes on")
        if options.run:
            run_sweeps(cli.local_path("run", options.run), folder, quick=options.quick)
        datasets, left_out = open_experiments(folder)
        for line in left_out:
            print(f"left out: {line}")
        judgements = [
            judge(claim, datasets)
            for claim in tqdm(claims_on(datasets), desc="judging", unit="claim")
        ]
        pictures: dict[str, list[Picture]] = {}
        drawn = list(claims_pictures(folder, datasets))
        for claim, picture in tqdm(drawn, desc="drawing", unit="figure"):
            save(folder / picture.file, picture.draw)
            pictures.setdefault(claim, []).append(picture)
        command = f"python scripts/report.py {folder.as_posix()}"
        text = report.as_markdown(judgements, datasets, pictures, command)
        (folder / "report.md").write_text(text, encoding="utf-8")
        findings = json.dumps(report.as_json(judgements), indent=1, ensure_ascii=False)
        (folder / "report.json").write_text(findings + "\n", encoding="utf-8")
    for judgement in judgements:
        print(f"{judgement.claim.name:<16}{judgement.verdict:<16}{judgement.claim.title}")
    print(folder / "report.md")


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says."""

    folder: Annotated[Path, tyro.conf.Positional]
    """the folder of a sweep or training experiment, or one with the folders of several; the report
    goes there"""
    run: Annotated[str, tyro.conf.arg(metavar="PATH")] = ""
    """first run the sweeps that the TOML files of this folder describe, each into a folder of its
    own; what is there already is not run again"""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """run 40 networks of each sweep at most; a later run without it goes on from there"""


def run_sweeps(configs: Path, folder: Path, *, quick: bool) -> None:
    """Run or resume a sweep for each TOML file."""
    files = sorted(configs.glob("*.toml"))
    if not files:
        raise ValueError(f"run: no TOML files in {str(configs)!r}")
    # All are read before any is run, so that a mistake in the last is found at once.
    sweeps = {file.stem: ja.Sweep(**ja.Sweep.read_config(file)) for file in files}
    for name, sweep in sweeps.items():
        print(f"sweep {name}: {configs / name}.toml", flush=True)
        networks = min(sweep.networks, QUICK_NETWORKS) if quick else sweep.networks
        ja.run_sweep(dataclasses.replace(sweep, networks=networks), folder / name)


if __name__ == "__main__":
    main()
