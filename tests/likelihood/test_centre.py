"""What hides at the centre: point sources and offsets, against chi-squared and full covariances."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from szmass_cli.config import SkyConfig
from szmass_cli.geometry import PIXEL_ARCMIN, pixel_radii_arcmin
from szmass_cli.likelihood.centre import EVERY, CentreTest
from szmass_cli.likelihood.modes import NORTH, WEST, BeamModes
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import StampSky

N = 800
BAND = Band(150.0, Beam(1.0), 5.0)
MASS, REDSHIFT = 5e14, 0.7


@pytest.fixture(scope="module")
def modes():
    return BeamModes(SkyPower.from_config(SkyConfig(), [BAND]), BAND, ARNAUD2010)


@pytest.fixture(scope="module")
def skies(modes):
    return StampSky(SkyPower.from_config(SkyConfig(), [BAND]), [BAND]).draw(np.random.default_rng(4), N)[
        ..., 0
    ]


@pytest.fixture(scope="module")
def cluster():
    return ClusterStamps([BAND]).mean_images(MASS, REDSHIFT)[0, ..., 0].astype(float)


@pytest.fixture(scope="module")
def centre(modes):
    return CentreTest(modes, (1e14, 2e15))


def everywhere(value):
    return np.full(N, value)


def source(centre, modes, images):
    return centre.source_sigma(modes.coefficients(images), everywhere(5.0), everywhere(REDSHIFT))


def offset(centre, modes, images):
    return centre.offset_chi2(
        modes.coefficients(images), everywhere(5.0), everywhere(MASS), everywhere(REDSHIFT)
    )


@pytest.mark.parametrize("times", [0.0, 0.3, 1.0, 2.5])
def test_without_a_source_it_is_at_most_a_gaussian(centre, modes, skies, cluster, times):
    """Of strong clusters and weak ones, and where there is none at all."""
    found = source(centre, modes, skies + times * cluster)
    assert abs(found.mean()) < 0.5 and 0.6 < found.std() < 1.15
    assert np.mean(found > 2.5) < 0.025 and np.mean(found < -2.5) < 0.025


def test_a_source_of_5_mjy_is_found(centre, modes, skies, cluster):
    """5 mJy behind a beam of 1' are 130 µK, of which a cluster's profile would have to be short."""
    solid_angle = np.pi / (4.0 * np.log(2.0))  # of the beam [arcmin^2]
    peak = 5.0 * uk_per_mjy(150.0) / solid_angle
    assert 110.0 < peak < 150.0
    beam = np.exp(-4.0 * np.log(2.0) * pixel_radii_arcmin() ** 2)
    found = source(centre, modes, skies + cluster + peak * beam)
    assert np.mean(found > 2.5) > 0.95
    # what is missing may also be of a more compact cluster: less sure
    assert np.median(source(centre, modes, skies + cluster - peak * beam)) < -2.5


@pytest.mark.parametrize(("steps", "within"), [(0.0, 0.02), (0.5, 0.1)])
def test_the_gain_is_that_of_a_fit_with_the_whole_covariance(modes, skies, steps, within):
    """One mass, of a tabulated size or between two: a second template gains (amplitude / its error)²."""
    ln_size, _ = modes.sizes(EVERY)
    size = np.exp(np.interp(np.searchsorted(ln_size, np.log(1.9)) + steps, np.arange(ln_size.size), ln_size))
    mass = brentq(lambda m: cluster_scales(m, REDSHIFT).theta500_arcmin - size, 0.5 * MASS, 2.0 * MASS)
    cluster = ClusterStamps([BAND]).mean_images(mass, REDSHIFT)[0, ..., 0].astype(float)
    sky = StampSky(SkyPower.from_config(SkyConfig(), [BAND]), [BAND])
    inverse = np.linalg.inv(sky.covariance_uk2)
    beam = np.exp(-4.0 * np.log(2.0) * pixel_radii_arcmin() ** 2)
    design = np.stack([cluster.ravel(), beam.ravel()])
    images = skies[:20] + cluster
    covariance = np.linalg.inv(design @ inverse @ design.T)
    fitted = (covariance @ design @ inverse @ images.reshape(20, -1).T)[1]
    expected = fitted / np.sqrt(covariance[1, 1])
    alone = CentreTest(modes, (mass, mass))
    found = alone.source_sigma(modes.coefficients(images), np.full(20, 5.0), np.full(20, REDSHIFT))
    np.testing.assert_allclose(found, expected, atol=within)


def test_rows_of_other_redshifts_and_depths_change_nothing(centre, modes, skies, cluster):
    """Of the sizes that are looked at, each row has those of its own redshift."""
    coefficients = modes.coefficients(skies[:6] + cluster)
    noise, redshift = np.array([3.0, 30.0, 5.0, 8.0, 5.0, 12.0]), np.array([0.1, 1.5, 0.4, 0.9, 0.1, 0.2])
    together = centre.source_sigma(coefficients, noise, redshift)
    alone = [
        centre.source_sigma(coefficients[:, [i]], noise[[i]], redshift[[i]])[0] for i in range(len(noise))
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    assert len({round(sigma, 2) for sigma in alone}) == 6


def test_of_centred_clusters_it_is_chi_squared(centre, modes, skies, cluster):
    found = offset(centre, modes, skies + cluster)
    assert stats.kstest(found, stats.chi2(2).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("axis", "direction"), [(0, 1), (0, -1), (1, 1), (1, -1)])
def test_half_an_arcminute_off_is_found_in_any_direction(centre, modes, skies, cluster, axis, direction):
    moved = np.roll(cluster, direction * round(0.5 / PIXEL_ARCMIN), axis=axis)
    assert np.mean(offset(centre, modes, skies + moved) > 8.0) > 0.95


def test_slopes_are_the_difference_of_a_step(modes, cluster):
    """Between clusters a pixel to either side, half of the difference."""
    west, north = modes.slopes(np.array([MASS]), np.array([REDSHIFT]))
    for slope, axis, parity in ((west, 1, WEST), (north, 0, NORTH)):
        moved = np.roll(cluster, 1, axis) - np.roll(cluster, -1, axis)
        # columns go east to west and rows south to north: a roll is a step west or north
        expected = modes.coefficients(0.5 * moved[None])[parity, 0]
        assert np.corrcoef(slope[0], expected)[0, 1] > 0.99
        assert np.linalg.norm(slope[0]) == pytest.approx(np.linalg.norm(expected), rel=0.02)
