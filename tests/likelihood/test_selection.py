"""The noise of y0 behind a matched filter, against an independent calculation of signal-to-noise."""

import numpy as np
import pytest

from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.selection import y0_noise
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales

SIGNAL_TO_NOISE = {2e14: 3.2, 4e14: 8.4, 6e14: 14.6}
"""Mean S/N at M200c [Msun], z = 0.7, 1' and 5 µK-arcmin on the paper's sky, calculated elsewhere."""


@pytest.fixture(scope="module")
def likelihood(simulator):
    return GaussianLikelihood(simulator.power, simulator.instrument, ARNAUD2010, Scatter(0.0))


def test_central_y_over_its_noise_is_the_signal_to_noise(likelihood):
    masses = np.array(list(SIGNAL_TO_NOISE))
    scales = cluster_scales(masses, 0.7)
    noise = y0_noise(likelihood, scales.theta500_arcmin, [np.ones(1)])[0]
    np.testing.assert_allclose(scales.y0 / noise, list(SIGNAL_TO_NOISE.values()), rtol=0.05)


def test_noise_of_a_deeper_map_is_lower_and_never_by_more_than_the_white_noise(likelihood):
    sizes = np.geomspace(0.5, 5.0, 6)
    shallow, deep = y0_noise(likelihood, sizes, [np.ones(1), np.full(1, 0.25)])
    assert np.all(deep < shallow) and np.all(deep > 0.5 * shallow)
