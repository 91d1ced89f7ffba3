"""`jaxadv report`: turns stored experiments into verdicts: report.md, report.json and figures."""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
import json
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from jaxadv.claims.catalogue import claims_on
from jaxadv.claims.judgements import judge
from jaxadv.cli.commands import Report
from jaxadv.cli.process import command, stop_at_once
from jaxadv.figures.style import save
from jaxadv.landscape.spec import Landscape
from jaxadv.landscape.work import run_landscape
from jaxadv.reports import answer
from jaxadv.reports import claims as report
from jaxadv.reports.claims_pictures import claims_pictures
from jaxadv.reports.experiments import open_experiments
from jaxadv.reports.pictures import Picture
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.work import run_sweep

QUICK_NETWORKS = 40


def run(options: Report) -> None:
    """Run what is to be run, judge, write."""
    folder = options.folder
    stop_at_once(f"stopped; what {folder} has is kept, and {command()} goes on")
    if options.run:
        run_configs(options.run, folder, quick=options.quick)
    datasets, left_out = open_experiments(folder)
    for line in left_out:
        print(f"left out: {line}")
    judgements = [
        judge(claim, datasets) for claim in tqdm(claims_on(datasets), desc="judging", unit="claim")
    ]
    pictures: dict[str, list[Picture]] = {}
    drawn = list(claims_pictures(folder, datasets))
    for claim, picture in tqdm(drawn, desc="drawing", unit="figure"):
        save(folder / picture.file, picture.draw)
        pictures.setdefault(claim, []).append(picture)
    again = f"jaxadv report {folder.as_posix()}"
    text = report.as_markdown(judgements, datasets, pictures, again)
    (folder / "report.md").write_text(text, encoding="utf-8")
    trainings = {name: each for name, each in datasets.items() if "training" in each.attrs}
    if trainings:
        page = answer.as_markdown(judgements, trainings, pictures, again)
        (folder / answer.FILE).write_text(page, encoding="utf-8")
    findings = json.dumps(report.as_json(judgements), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(findings + "\n", encoding="utf-8")
    for judgement in judgements:
        print(f"{judgement.claim.name:<20}{judgement.verdict:<16}{judgement.claim.title}")
    print(folder / "report.md")


def run_configs(configs: Path, folder: Path, *, quick: bool) -> None:
    """Run or resume a sweep for each TOML file, and a survey for each in the folder landscapes."""
    files = sorted(configs.glob("*.toml"))
    if not files:
        raise ValueError(f"run: no TOML files in {str(configs)!r}")
    # All are read before any is run, so that a mistake in the last is found at once.
    sweeps = {file: Sweep(**Sweep.read_config(file)) for file in files}
    surveys = {
        file: Landscape(**Landscape.read_config(file))
        for file in sorted((configs / "landscapes").glob("*.toml"))
    }
    for file, sweep in sweeps.items():
        print(f"sweep {file.stem}: {file}", flush=True)
        run_sweep(_of_size(sweep, quick=quick), folder / file.stem)
    for file, survey in surveys.items():
        print(f"landscape {file.stem}: {file}", flush=True)
        run_landscape(_of_size(survey, quick=quick), folder / file.stem)


S = TypeVar("S", Sweep, Landscape)


def _of_size(spec: S, *, quick: bool) -> S:
    """The specification, with fewer networks if it is to be quick."""
    networks = min(spec.networks, QUICK_NETWORKS) if quick else spec.networks
    return dataclasses.replace(spec, networks=networks)
