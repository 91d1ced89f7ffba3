"""What works on a run, and how many trials at a time; nothing here may change a result."""

import numpy as np
from jax.sharding import Mesh

from jaxadv.devices import Device, keep_programs, use_devices
from jaxadv.experiments.fields import count

HIDDEN_UNITS = 2**15
"""On a CPU, lanes times width: what a core's caches hold of the activations (128 KiB)."""
TRIALS_PER_LANE = 12
"""On a CPU, at least (down to 16 lanes): with fewer, most lanes are out of work long before the
longest trial ends, which takes 15 times the mean on the benchmark's workload."""
ACCELERATOR_LANES = 2**13
"""On an accelerator, lanes of all networks at once on a device."""
CERTIFY_BYTES = 2**26
"""Of the intermediate (width, dim) matrices of a batch of certificates."""


def mesh_of(devices: int | None) -> Mesh:
    """The devices, all by default; more of them than networks are no loss: one program serves."""
    if devices is not None:
        count("devices", devices)
    keep_programs()
    return Mesh(np.array(use_devices(devices)), ("device",))


def usual_lanes(device: Device, width: int, trials: int) -> int:
    """Trials of one network that are under way at a time, where nothing else is asked for.

    Example:
        >>> from jaxadv.devices import use_devices
        >>> usual_lanes(use_devices(1)[0], width=512, trials=768)
        64
    """
    on_cpu = device.platform == "cpu"
    cached = HIDDEN_UNITS // width
    wanted = min(cached, trials // TRIALS_PER_LANE) if on_cpu else trials // 4
    lanes = min(max(_power_of_two(wanted), 16), 256 if on_cpu else ACCELERATOR_LANES)
    return min(lanes, trials)


def usual_certify_lanes(dim: int, width: int, trials: int) -> int:
    """Trials of one network that are certified at a time.

    Example:
        >>> usual_certify_lanes(dim=64, width=512, trials=768)
        64
    """
    return min(max(1, CERTIFY_BYTES // (8 * width * dim)), 64, trials)


def _power_of_two(number: int) -> int:
    """The largest one that is not above ``number``; 1 below 1."""
    return 2 ** max(0, number.bit_length() - 1)
