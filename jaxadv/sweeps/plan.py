"""How the trials of a sweep are laid out on the devices; no layout changes a result."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from jaxadv.devices import Device
from jaxadv.experiments.fields import count
from jaxadv.experiments.layout import (
    ACCELERATOR_LANES,
    usual_certify_lanes,
    usual_lanes,
    usual_prove_lanes,
)
from jaxadv.sweeps.spec import Cell, Sweep

TRIALS_PER_CALL = 128  # at least; fewer would not be worth the call


@dataclass(frozen=True)
class Plan:
    """The layout of the trials of some cells.

    Attributes:
        num_lanes: trials of one network under way at a time.
        check_every: steps between two looks for ended trials.
        networks_at_once: networks that a device works on side by side.
        networks_per_call: networks that a device works through in one call.
        certify_lanes: trials certified at a time.
        prove_lanes: inputs at a time of whose trials something is proved.
    """

    num_lanes: int
    check_every: int
    networks_at_once: int
    networks_per_call: int
    certify_lanes: int
    prove_lanes: int

    def with_fewer_networks(self) -> "Plan":
        """The same plan with half as many networks in a call, at least one."""
        half = max(1, self.networks_per_call // 2)
        return dataclasses.replace(
            self, networks_per_call=half, networks_at_once=min(half, self.networks_at_once)
        )


def make_plan(
    sweep: Sweep,
    cells: Sequence[Cell],
    device: Device,
    networks: int,
    *,
    lanes: int | None = None,
    check_every: int | None = None,
) -> Plan:
    """The plan for cells of one group; lanes and checks are chosen by device and shape if None.

    Args:
        sweep: the specification.
        cells: which of the sweep's cells.
        device: one of the devices, which are all of one kind.
        networks: how many networks there are to run.
        lanes: trials of one network under way at a time.
        check_every: steps between two looks for ended trials.

    Raises:
        ValueError, TypeError: if ``lanes`` or ``check_every`` is no positive whole number.

    Example:
        >>> from jaxadv.devices import use_devices
        >>> sweep = Sweep(networks=1)
        >>> make_plan(sweep, sweep.cells, use_devices()[0], networks=1, lanes=32).num_lanes
        32
    """
    group = cells[0].group
    trials = len(cells) * sweep.examples * sweep.starts
    on_cpu = device.platform == "cpu"
    if lanes is None:
        lanes = usual_lanes(device, group.width, trials)
    if check_every is None:
        check_every = 16 if on_cpu else 32
    lanes = min(count("lanes", lanes), trials)
    # Batches follow from the sweep and the kind of device alone, so that rounding, and with it the
    # step counts, are the same on one device and on many.
    at_once = 1 if on_cpu else min(max(1, ACCELERATOR_LANES // lanes), networks)
    per_call = max(at_once, min(-(-TRIALS_PER_CALL // trials), networks))
    return Plan(
        num_lanes=lanes,
        check_every=count("check_every", check_every),
        networks_at_once=at_once,
        networks_per_call=-(-per_call // at_once) * at_once,
        certify_lanes=usual_certify_lanes(group.dim, group.width, trials),
        prove_lanes=usual_prove_lanes(group.dim, group.width, len(cells) * sweep.examples),
    )


def free_bytes(device: Device, num_calls: int) -> int:
    """The memory that a call has on a device; calls on a CPU share what the machine has."""
    if device.platform == "cpu":
        return psutil.virtual_memory().available // num_calls
    stats = device.memory_stats() or {}
    limit = stats.get("bytes_limit", psutil.virtual_memory().available)
    return limit - stats.get("bytes_in_use", 0)
