"""When two runs of a sweep in double precision have found the same."""

import numpy as np
import xarray as xr


def assert_same_records(found: xr.Dataset, expected: xr.Dataset) -> None:
    """All counts and flags equal, all floats to 1e-9, relative to what they are differences of.

    Some records are small differences of larger terms, and are rounded with these: the Frank-Wolfe
    gap of radius times norm of the gradient, and the curvature ratio (a largest eigenvalue, which
    may lie near 0 among others) and its error of 1. To these the allowance is 1e-13, some hundred
    roundings: the steps of Lanczos add theirs up.
    """
    assert dict(found.sizes) == dict(expected.sizes)
    radius = expected.ratio * expected.scale * expected.dim**0.5
    terms = {
        "frank_wolfe_gap": expected.multiplier * radius**2,
        "curvature_ratio": xr.ones_like(radius),
        "curvature_error": xr.ones_like(radius),
    }
    for name in (*expected.coords, *expected.data_vars):
        one, two = found[name], expected[name]
        if two.dtype.kind != "f":
            np.testing.assert_array_equal(one, two, err_msg=str(name))
            continue
        term = terms.get(str(name), abs(two))
        close = abs(one - two) <= 1e-9 * np.maximum(abs(two), 1e-4 * term)
        same = close | (np.isnan(one) & np.isnan(two)) | (one == two)
        assert bool(same.all()), f"{name}: {float((abs(one - two) / term).max())} of its terms"
