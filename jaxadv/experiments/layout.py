"""How many trials are under way at a time, which changes no result."""

from jaxadv.devices import Device

# On a CPU, the largest product of lanes and width: its activations (128 KiB) fit a core's caches.
HIDDEN_UNITS = 2**15
# On a CPU, the fewest trials for each lane, but for 16 lanes. With fewer trials, most lanes are out
# of work long before the longest trial ends, which takes 15 times the mean in the benchmark.
TRIALS_PER_LANE = 12
# On an accelerator, the lanes of a device, those of all its networks together.
ACCELERATOR_LANES = 2**13
# Certificates made at a time: as many as have so many entries of vectors together, within the two
# bounds, and no more than fit this memory. Few leave the device waiting, many leave its caches.
FEWEST_CERTIFY_LANES, MOST_CERTIFY_LANES = 128, 384
CERTIFY_ENTRIES = 2**16
CERTIFY_BYTES = 2**26
# Inputs of whose trials something is proved at a time: as many as fit this memory, with a bound.
PROVE_BYTES = 2**26
MOST_PROVE_LANES = 16


def usual_lanes(device: Device, width: int, trials: int) -> int:
    """The default number of trials of one network that are under way at a time.

    Example:
        >>> from jaxadv.devices import use_devices
        >>> usual_lanes(use_devices(1)[0], width=512, trials=768)
        64
    """
    on_cpu = device.platform == "cpu"
    busy = min(HIDDEN_UNITS // width, trials // TRIALS_PER_LANE) if on_cpu else trials // 4
    most = 256 if on_cpu else ACCELERATOR_LANES
    return min(max(_power_of_two(busy), 16), most, trials)


def usual_certify_lanes(dim: int, width: int, trials: int) -> int:
    """The default number of trials of one network that are certified at a time.

    Example:
        >>> usual_certify_lanes(dim=64, width=512, trials=768)
        384
    """
    # About eight vectors of the hidden layer and of the input in double precision.
    bytes_per_lane = 8 * 8 * (width + dim)
    lanes = min(max(CERTIFY_ENTRIES // dim, FEWEST_CERTIFY_LANES), MOST_CERTIFY_LANES)
    lanes = min(max(1, CERTIFY_BYTES // bytes_per_lane), lanes)
    num_batches = -(-trials // lanes)
    return -(-trials // num_batches)  # batches of one size, as far as that goes


def usual_prove_lanes(dim: int, width: int, inputs: int) -> int:
    """The default number of inputs of one network about which something is proved at a time.

    Example:
        >>> usual_prove_lanes(dim=64, width=512, inputs=48)
        16
    """
    # In boxes each has a matrix of the size of the hidden weights, in double precision.
    lanes = min(max(1, PROVE_BYTES // (8 * dim * width)), MOST_PROVE_LANES)
    num_batches = -(-inputs // lanes)
    return -(-inputs // num_batches)


def _power_of_two(number: int) -> int:
    """The largest power of two that is not above ``number``; 1 if there is none."""
    return 2 ** max(0, number.bit_length() - 1)
