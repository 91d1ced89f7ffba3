"""The commands: what each is for, and the dataclasses whose fields are its flags."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jaxadv.cli.values import Shard
from jaxadv.landscape.spec import Landscape
from jaxadv.sweeps.spec import Sweep
from jaxadv.training.spec import Training


@dataclass(frozen=True)
class Output:
    """Results go to a folder that can be grown and resumed: the same command does what is missing.

    Attributes:
        config: TOML file with any of the fields above, or a run's manifest.json; a flag counts
            more.
        store: folder for the results, or an address such as s3://bucket/run; by default a folder
            in results/ that is named by the fingerprint of what is run.
        fresh: delete what the store holds, and begin anew.
    """

    config: Path | None = None
    store: str | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Attacked:
    """What is attacked, and how.

    Attributes:
        network: module:function, which maps one input to a logit for each class or to one number
            (the sign of it is the answer); or FILE.safetensors, as ja.save_network and jaxadv train
            --save write it; or FILE.npz with a two-layer network: arrays hidden (m,
            d), output (m,) or (m, classes), and, if it is not tanh, activation, the name of one.
        inputs: FILE.npz with inputs x (n, ...) and labels y (n,), classes from 0 or -1 and 1; or
            other data with classes, as --data of jaxadv sweep: mnist5k, or a file or folder.
        radii: sizes of the set, in the units of x; fractions such as 8/255 are read.
        constraint: the set: linf-ball, l2-ball or l1-ball.
        bounds: least and largest value of an entry of x + δ, such as 0,1; empty for none.
        examples: how many inputs, the first ones; 0 for all.
        starts: trials on each input, the first from the input itself, the others from random
            points of the set.
        method: apgd, sign, momentum or gradient, or a user's module:function(step, tolerances,
            max_steps).
        steps: budget of steps of a trial.
        step_size: length of a step in radii, for sign, momentum and gradient.
        tolerance: residual at which a trial ends earlier.
        loss: cross-entropy (classes), logistic or quadratic (one number), or a user's
            module:function(output, label).
        targeted: whether labels are answers to be reached, not the right ones.
        smooth: declares that the network has no kinks. Certificates then take your word.
        prove: prove at which inputs no perturbation of the set changes the answer; for a two-layer
            network, or a ja.MLP, without kinks.
        seed: of the random starts.
    """

    network: str
    inputs: str
    radii: tuple[float, ...] = (8 / 255,)
    constraint: str = "linf-ball"
    bounds: tuple[float, ...] = ()
    examples: int = 0
    starts: int = 10
    method: str = "apgd"
    steps: int = 100
    step_size: float = 0.25
    tolerance: float = 1e-3
    loss: str = "cross-entropy"
    targeted: bool = False
    smooth: bool = False
    prove: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Kept:
    """Results go to a folder: the same command does what is missing in it.

    Attributes:
        store: folder for the results, or an address such as s3://bucket/run; by default a folder
            in results/ that is named by a hash of what is run.
        fresh: delete what the store holds, and begin anew.
    """

    store: str | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Sharing:
    """How the work is shared with other processes and other machines.

    Attributes:
        distributed: share the work with the other processes of this job (Slurm, Open MPI, a TPU
            pod, ...).
        shard: run part I of N, counted from 0, and leave the rest to other jobs.
        dask: address of a running Dask scheduler, such as tcp://10.0.0.1:8786, on whose workers the
            work is run; they must reach the store.
    """

    distributed: bool = False
    shard: Shard | None = None
    dask: str | None = None


@dataclass(frozen=True)
class Layout:
    """How the work is laid out on this machine; no result depends on it, but for rounding.

    Attributes:
        devices: how many devices to use; by default all, on a CPU one for each core.
        lanes: trials of one network under way at a time; by default by device and width.
        check_every: steps between two looks for trials that have ended; likewise.
    """

    devices: int | None = None
    lanes: int | None = None
    check_every: int | None = None


@dataclass(frozen=True)
class Devices:
    """Where it is computed.

    Attributes:
        devices: how many devices to use; by default all, on a CPU one for each core.
    """

    devices: int | None = None


@dataclass(frozen=True)
class Extent:
    """How much is shown beside the survey.

    Attributes:
        critical: networks of which all critical points are found, in 2 and in 3 dimensions; 0 for
            none.
        ascents: ascents in the histogram of final losses.
        plane: directions of the plane, pca (of ascents) or gradient.
    """

    critical: int = 2
    ascents: int = 10_000
    plane: Literal["pca", "gradient"] = "pca"

    def __post_init__(self) -> None:
        for name, number, least in (("critical", self.critical, 0), ("ascents", self.ascents, 1)):
            if number < least:
                raise ValueError(f"{name}: {number} must be {least} or more")


@dataclass(frozen=True)
class Report:
    """What is reported on.

    Attributes:
        folder: the folder of an experiment, or one with the folders of several; the report goes
            there.
        run: first run the sweeps that the TOML files of this folder describe, and the surveys of
            landscapes that those in its folder landscapes describe, each into a folder of its own;
            what is there already is not run again.
        quick: run 40 networks of each at most; a later run without it goes on from there.
    """

    folder: Path
    run: Path | None = None
    quick: bool = False


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: of the command, and of the module in `jaxadv.cli` whose ``run`` is given ``parts``.
        description: for the help.
        parts: dataclasses, each with an "Attributes" section; their fields are the flags.
    """

    name: str
    description: str
    parts: tuple[type[Any], ...]


COMMANDS = (
    Command(
        "sweep",
        """Projected gradient ascent on random two-layer networks, over a grid of settings: how
many steps until a local maximum is found, and is it one?

Prints a table; writes figures, the table and a manifest beside the data.

Example: jaxadv sweep --scales 0.1,1,10""",
        (Sweep, Output, Sharing, Layout),
    ),
    Command(
        "landscape",
        """The landscape of the adversarial loss around inputs of two-layer networks, side by side
at several input scales: is it more regular at the smaller ones?

Writes figures, tables and a report (landscape.md) beside the data.

Example: jaxadv landscape --scales 0.1,1,10""",
        (Landscape, Output, Sharing, Devices, Extent),
    ),
    Command(
        "train",
        """Adversarial training of two-layer networks at several input scales, learning rates and
seeds at once: does a smaller scale converge faster, and for how long?

Writes figures, a table and a report (training.md) beside the data.

Example: jaxadv train --scales 0.1,0.3,1,3,10""",
        (Training, Output, Sharing, Devices),
    ),
    Command(
        "attack",
        """What small perturbations of some inputs can do to a network of yours: from many starts on
each input, the ends certified, the worst one kept.

Prints a table; writes figures, the table, the perturbations (worst.npz) and a manifest.

Example: jaxadv attack mine:network images.npz --radii 2/255,8/255 --bounds 0,1""",
        (Attacked, Kept, Devices),
    ),
    Command(
        "report",
        """Verdicts on the paper's claims from stored sweeps and trainings.

Prints the verdicts; writes a report (report.md), its findings as JSON, and figures.

Example: jaxadv report results/claims --run scripts/configs""",
        (Report,),
    ),
    Command(
        "info",
        """Versions, devices and settings of this machine: what a report of a bug needs.

Example: jaxadv info""",
        (),
    ),
)
