"""Runs a specification of any experiment into a store: a process to be killed.

python one_run.py EXPERIMENT SPECIFICATION.toml STORE DEVICES
"""

import sys

import jaxadv as ja

RUNS = {
    "sweep": (ja.Sweep, ja.run_sweep),
    "landscape": (ja.Landscape, ja.run_landscape),
    "training": (ja.Training, ja.run_training),
}

if __name__ == "__main__":
    name, file, store, devices = sys.argv[1:]
    specification, run = RUNS[name]
    run(specification.from_toml(file), store, devices=int(devices), progress=False)
