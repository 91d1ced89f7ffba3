"""Checkpoints: what was kept comes back, and a damaged file is as good as none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxadv.stores.store import Store
from jaxadv.training.checkpoint import FILE, Checkpoint

BEGUN = {"weights": jnp.zeros((2, 3)), "key": jax.random.key(0), "steps": jnp.int32(0)}
KEPT = {"weights": jnp.arange(6.0).reshape(2, 3), "key": jax.random.key(7), "steps": jnp.int32(5)}


def plain(state):
    leaves = (state["weights"], jax.random.key_data(state["key"]), state["steps"])
    return [np.asarray(leaf).tolist() for leaf in leaves]


@pytest.fixture
def checkpoint(tmp_path):
    made = Checkpoint(Store.create(tmp_path / "run", {"seed": 0}, {"title": "a run"}), tmp_path)
    made.save(KEPT, [2, 3], 4)
    return made


def test_what_was_kept_comes_back_for_the_same_networks_alone(checkpoint):
    state, evaluations = checkpoint.load(BEGUN, [2, 3])
    assert (plain(state), evaluations) == (plain(KEPT), 4)
    assert checkpoint.load(BEGUN, [0, 1])[1] == 0


def test_no_damage_to_a_byte_gives_an_error_or_another_state(checkpoint, tmp_path):
    whole, lost = (tmp_path / FILE).read_bytes(), 0
    for index in range(len(whole)):
        for mask in (0xFF, 1 << index % 8):
            damaged = bytearray(whole)
            damaged[index] ^= mask
            (tmp_path / FILE).write_bytes(damaged)
            state, evaluations = checkpoint.load(BEGUN, [2, 3])
            lost += evaluations == 0
            assert (plain(state), evaluations) in ((plain(BEGUN), 0), (plain(KEPT), 4))
    assert lost > len(whole)


def test_a_file_that_was_cut_off_is_as_good_as_none(checkpoint, tmp_path):
    whole = (tmp_path / FILE).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / FILE).write_bytes(whole[:length])
        assert checkpoint.load(BEGUN, [2, 3])[1] == 0


def test_a_state_of_other_parts_is_as_good_as_none(checkpoint):
    checkpoint.save({**KEPT, "steps": jnp.float32(5)}, [2, 3], 4)
    state, evaluations = checkpoint.load(BEGUN, [2, 3])
    assert (plain(state), evaluations) == (plain(BEGUN), 0)
