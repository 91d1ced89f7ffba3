"""The sign test against the binomial distribution."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from jaxadv.stats.sign_test import sign_test


def test_the_sign_test_counts_pairs_and_ignores_ties():
    first = np.array([1.0, 1.0, 1.0, 1.0, math.inf, 5.0, math.nan])
    second = np.array([2.0, 3.0, 4.0, math.inf, math.inf, 4.0, 1.0])
    found = sign_test(first, second)
    assert (found.larger, found.smaller) == (4, 1)
    assert found.p_larger == pytest.approx(binom.sf(3, 5, 0.5))
    assert found.p_smaller == pytest.approx(binom.sf(0, 5, 0.5))
    assert found.ratio.value == 3.0
    nothing = sign_test(np.array([math.nan]), np.array([1.0]))
    assert math.isnan(nothing.p_larger)
