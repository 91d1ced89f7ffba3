"""The mean field's laws at the settings of the cells of a sweep, to be set beside its numbers.

Source: docs/theory.md, section 6.
"""

import math
import tomllib

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.ascent.kinds import Kind
from jaxadv.stats.cells import TRIAL_DIMS, by_network, cells, kappa_0_of
from jaxadv.theory import (
    LOSS_SLOPES,
    derivative_norms,
    end_scale,
    median_slope,
    multiplier,
    steps,
    steps_of_slowest,
)

Ratios = Float[np.ndarray, "network trial"]
# Rates are measured close to the maximum: where the tightest tolerance is at most this.
TIGHT = 1e-6
# A rate is measured where its certificate expects so many steps or more between two tolerances.
LEAST_BETWEEN = 20
SMALL_GAIN = 1e-3


def gains(cell: xr.Dataset) -> Ratios:
    """ηλ of the mean field, λ = eσ₁/ε, for constant steps; e from the loss at the end.

    NaN for other step rules and losses, in cells without a κ₀, and where the tightest tolerance was
    not reached.
    """
    has_law = cell.step_rule.item() == "constant" and cell.loss.item() in LOSS_SLOPES
    if not has_law or math.isnan(kappa_0_of(cell)):
        return np.full_like(by_network(cell.loss_end), np.nan)
    reached = cell.reached.isel(tolerance=-1) if "tolerance" in cell.dims else cell.reached
    slope = LOSS_SLOPES[cell.loss.item()](by_network(cell.loss_end.where(reached)))
    ratio, scale = cell.ratio.item(), cell.scale.item()
    radius = ratio * scale * math.sqrt(cell.dim.item())
    first_norm, _ = derivative_norms(cell.activation.item(), end_scale(scale, ratio))
    return cell.step_size.item() * multiplier(slope, radius, first_norm)


def typical_gain(cell: xr.Dataset) -> float:
    """ηλ as `gains`, for the median of e that the settings alone predict.

    NaN also for labels that are not drawn from N(0, 1), and for other losses than the quadratic.
    """
    has_law = cell.step_rule.item() == "constant" and cell.loss.item() == "quadratic"
    data = tomllib.loads(cell.attrs["sweep"]).get("data", "sphere")
    if not has_law or data != "sphere" or math.isnan(kappa_0_of(cell)):
        return math.nan
    activation, dim = cell.activation.item(), cell.dim.item()
    ratio, scale = cell.ratio.item(), cell.scale.item()
    slope = median_slope(activation, scale, ratio, dim)
    first_norm, _ = derivative_norms(activation, end_scale(scale, ratio))
    radius = ratio * scale * math.sqrt(dim)
    return cell.step_size.item() * multiplier(np.array([slope]), radius, first_norm).item()


def predicted_steps(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with the law's number of steps in place of what was counted, of every trial.

    Where there is no law the tolerance counts as not reached.
    """
    sizes = [dataset.sizes[name] for name in TRIAL_DIMS]
    predicted = []
    for cell in cells(dataset):
        gain, kappa_0 = gains(cell), kappa_0_of(cell)
        predicted.append([
            np.full(sizes, np.nan) if math.isnan(kappa_0)
            else steps(tolerance, gain, kappa_0).reshape(sizes)
            for tolerance in cell.tolerance.values.tolist()
        ])  # fmt: skip
    numbers = xr.DataArray(np.array(predicted), dims=("cell", "tolerance", *TRIAL_DIMS))
    exist = np.isfinite(numbers)
    return dataset.assign(num_steps=numbers.where(exist, 0.0), reached=exist)


def rate_ratios(cell: xr.Dataset) -> Ratios:
    """−ln(rate) as measured between the last two tolerances over the certificate's.

    NaN where the certificate has no maximum, and where it expects fewer than `LEAST_BETWEEN` steps
    between the two, so that their rounding would count.
    """
    last = cell.isel(tolerance=-1)
    rates = -np.log(by_network(last.local_rate))
    if cell.sizes["tolerance"] < 2 or last.tolerance.item() > TIGHT * (1 + 1e-6):
        return np.full_like(rates, np.nan)
    fall = math.log(float(cell.tolerance[-2] / cell.tolerance[-1]))
    between = last.num_steps - cell.num_steps.isel(tolerance=-2)
    known = last.reached & (between > 0) & (last.kind == Kind.BOUNDARY_MAX)
    measured = by_network(fall / between.where(known))
    return np.where(rates * LEAST_BETWEEN <= fall, measured / rates, np.nan)


def rate_ratio(kappa_0: float, above: float, below: float) -> float:
    """What the law makes of `rate_ratios` between two tolerances, for small steps.

    The residual is a sum over all modes, and not yet the slowest alone: about
    1 + 3/(4 ln(1/tol)) times its rate.

    Example:
        >>> 1 < rate_ratio(1.0, 1e-6, 1e-8) < 1.1
        True
    """
    gain = np.array([SMALL_GAIN])
    between = steps(below, gain, kappa_0) - steps(above, gain, kappa_0)
    return float((steps_of_slowest(below / above, gain, kappa_0) / between).item())
