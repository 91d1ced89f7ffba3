"""The program that surveys networks in one cell of a landscape."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxadv.devices import Device, wait_for
from jaxadv.experiments.draws import Given, Source, given_of, key_of, like_seeds
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.programs import lower_for, remembered


class CellSurvey:
    """A `jaxadv.grid.work.Program` for one cell; a call has one network.

    A subclass makes records of what the survey returns.

    Args:
        spec: the specification.
        cell: the cell.
        devices: the devices.
        survey: surveys a network. Equal ones are compiled once.
    """

    label: ClassVar[str]

    def __init__(
        self,
        spec: Landscape,
        cell: Cell,
        devices: Sequence[Device],
        survey: "Survey",
    ) -> None:
        self.spec, self.cell = spec, cell
        given = given_of(spec)
        num_given = None if given is None else len(given[1])
        with jax.enable_x64(True):
            settings = np.float64(cell.scale), np.float64(cell.ratio)
            self._shared = (key_of(spec), given, *settings)
            self._compiled = {
                device: remembered(_compile, survey, device, num_given)
                for device in dict.fromkeys(devices)
            }

    @property
    def replicates_per_call(self) -> int:
        """One network."""
        return 1

    @property
    def layout(self) -> Mapping[str, Any]:
        """The settings of the cell; nothing of the layout can be chosen."""
        cell = self.cell
        labels = self.spec.labels_of(cell.group)
        return {**labels, "training": cell.training, "ratio": cell.ratio, "scale": cell.scale}

    def start(self, networks: Sequence[int], states: States, device: Device) -> Any:
        """Begin the survey of a network without waiting; it is short, and keeps no state."""
        del states
        (network,) = networks
        with jax.enable_x64(True):
            return self._compiled[device](np.int32(network), *self._shared)

    def finish(self, running: Any, tick: Tick) -> Finished:
        """Wait until the survey has ended, and return its records."""
        cell = self.cell
        trained = "random" if cell.training == "none" else f"{cell.training} training"
        tick(0, f"{self.label}: {trained}, s = {cell.scale:g}")
        wait_for(running)
        records = {name: value[None, None] for name, value in self.records(running).items()}
        return Finished(records, {"networks_run": np.ones(1, int)})

    def records(self, surveyed: Any) -> dict[str, np.ndarray]:
        """The records of a network, of what the survey returned."""
        raise NotImplementedError


@runtime_checkable
class Survey(Protocol):
    """Surveys one network in one cell; can be hashed, and is traced and compiled."""

    @property
    def source(self) -> Source:
        """How networks, inputs and starts are drawn."""
        ...

    def __call__(
        self,
        index: Int[Array, ""],
        key: Key[Array, ""],
        given: Given,
        scale: Float[Array, ""],
        ratio: Float[Array, ""],
        /,
    ) -> Any:
        """What `CellSurvey.records` needs of network ``index``."""
        ...


def _compile(survey: Survey, device: Device, num_given: int | None) -> Any:
    seeds = like_seeds(num_given, survey.source.dim)
    setting = np.float64(1)
    return lower_for(device, survey, np.int32(0), *seeds, setting, setting).compile()
