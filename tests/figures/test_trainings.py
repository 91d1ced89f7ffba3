"""Figures of training show every scale and rate."""

import matplotlib.pyplot as plt
import numpy as np

from jaxadv.figures import trainings as plots
from jaxadv.figures.rates import plot_rates
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))


def test_figures_show_every_scale_and_rate():
    dataset = synthetic_training(FASTER, optimizers=("sgd", "adam"), diverged=lambda cell: (
        5 if cell["scale"] == 10.0 and cell["rate"] == 1.0 else -1))  # fmt: skip
    own = dataset.isel(cell=dataset.optimizer.values == "sgd")
    figure = plots.plot_curves(own, ("common", "best"), "a caption")
    assert [axes.get_title() for axes in figure.axes[:3]] == ["rate 0.1", "rate 1", "best rates"]
    assert all(len(axes.lines) == 3 + 1 for axes in figure.axes)
    figure = plots.plot_steps_to(own, ("sharpness",), "a caption")
    assert len(figure.axes) == 1
    figure = plot_rates(dataset, "a caption")
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["sgd", "sgd", "adam"]
    texts = {text.get_text() for axes in figure.axes[:3] for text in axes.texts}
    assert "×" in texts
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), 2 / (line.get_xdata() + 0.1))
    assert not figure.axes[2].lines
    figure = plots.plot_inner(own, "a caption")
    assert len(figure.axes) == 3
    unknown = own.assign(curvature_ratio=own.curvature_ratio * np.nan)
    figure = plots.plot_inner(unknown, "a caption")
    assert "no certificates" in figure.axes[0].texts[0].get_text()
    plt.close("all")
