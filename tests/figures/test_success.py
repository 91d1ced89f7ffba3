"""Figures of success show the shares and the tails that were planted."""

import numpy as np

import jaxadv as ja
from jaxadv.figures import success
from tests.synthetic import along, synthetic


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def points_of(axes):
    return [line for container in axes.containers for line in container[:1]]


def test_failures_are_drawn_by_scale_and_loss(axes):
    settings = [{"width": w, "loss": loss} for w in (16, 64) for loss in ("quadratic", "logistic")]
    success.plot_failures(axes, synthetic(settings, lambda *_: 100))
    assert legend(axes) == ["s = 1, quadratic loss", "s = 1, logistic loss"]


def test_success_falls_where_it_was_planted_to_fall(axes):
    def kind(cell):
        number = 60 if cell["scale"] < 10 else 15
        fails = np.arange(60)[:, None, None] >= number
        return np.where(fails, int(ja.Kind.UNCONFIRMED), int(ja.Kind.BOUNDARY_MAX))

    scales = along("scale", (1.0, 3.0, 14.0))
    settings = [{**cell, "dim": dim} for dim in (32, 128) for cell in scales]
    success.plot_success(axes, synthetic(settings, lambda *_: 100, kind=kind))
    assert legend(axes) == ["d = 32", "d = 128"]
    for line in points_of(axes):
        np.testing.assert_allclose(line.get_xdata(), [0.161, 0.529, 2.503], atol=2e-3)
        np.testing.assert_allclose(line.get_ydata(), [1, 1, 0.25])


def test_an_exponential_tail_is_a_straight_line(axes):
    rng = np.random.default_rng(0)
    dataset = synthetic([{}], lambda *_: 100, networks=5000, budget=10**9)
    counts = np.ceil(1000 * rng.exponential(size=5000)).astype(int)
    dataset = dataset.assign(num_steps=dataset.num_steps * 0 + counts[None, :, None, None, None])
    success.plot_tail(axes, dataset)
    (line,) = points_of(axes)
    expected = line.get_xdata() / np.log(2)
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=0.25)
    assert "n = 5,000 networks" in axes.get_title(loc="left")
