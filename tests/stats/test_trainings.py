"""Numbers of training experiments with a known truth."""

import numpy as np

from jaxadv.stats.trainings import best_cells, robust_losses, series, steps_to
from tests.synthetic_training import decay, synthetic_training

EQUAL = decay(lambda cell: 0.02)


def test_steps_to_a_target_are_the_first_and_censored_where_there_are_none():
    dataset = synthetic_training(decay(lambda cell: 0.05), scales=(1.0,), rates=(0.1,), networks=3)
    found = steps_to(dataset, 0.7, 200, "train")  # ln(1/0.7)/0.05 = 7.1 steps
    assert set(found.ravel()) <= {7.0, 8.0}
    assert np.isinf(steps_to(dataset, 0.7, 5, "train")).all()
    assert (steps_to(dataset, 0.1, 200, "train") == 56).all()
    assert (steps_to(dataset, 1.5, 200, "train") == 0).all()


def test_the_best_rate_is_chosen_on_the_other_half_of_the_networks():
    """Even networks do well at one rate, odd ones at the other: each gets the one that is bad."""
    dataset = synthetic_training(EQUAL, scales=(1.0,), ratios=(0.1,), sharpness_rates=())
    losses = dataset.robust_loss.values.copy()
    losses[0, 0::2], losses[1, 1::2] = 0.1, 0.1
    losses[1, 0::2], losses[0, 1::2] = 0.9, 0.9
    dataset["robust_loss"] = (dataset.robust_loss.dims, losses)
    cells = best_cells(dataset, np.array([True, True]), 200)
    assert cells.tolist() == [[1, 0] * 16]
    values = robust_losses(dataset).sel(evaluation=200).values
    (only,) = series(dataset, values, "best", 200)
    assert (only.values == 0.9).all()


def test_the_best_rate_may_be_of_any_unit():
    dataset = synthetic_training(
        decay(lambda cell: 0.1 if cell["unit"] == "sharpness" else 0.01), ratios=(0.1,)
    )
    (only,) = series(dataset, robust_losses(dataset).sel(evaluation=200).values, "best", 200)
    assert set(dataset.unit.values[only.cells.ravel()]) == {"sharpness"}
