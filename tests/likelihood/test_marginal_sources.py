"""Fluxes of point sources are marginalised over, as dense covariances with the sources in them have it."""

import numpy as np
import pytest
from closedform import FREQUENCIES, FWHM, HOT, dense_covariance, power_of_two, two_bands

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Scatter
from szmass_cli.likelihood.sources import PlacedSources, SourceMarginal
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.clusters import ClusterStamps

MASS, REDSHIFT = np.array([3e14, 5e14]), np.array([0.6, 0.4])
PLACES = PlacedSources(np.array([0, 0, 1]), np.array([0.4, -3.0, 2.2]), np.array([-0.3, 1.5, 6.0]))
"""One on a cluster, one beside it, and one beyond the edge of the other's cutout."""


def point_images(north, west):
    """A source of 1 mJy behind the Gaussian beams [µK], (3200, 2), a column for each band."""
    axis = (np.arange(40) - 19.5) * 0.25
    radius2 = (axis[:, None] - north) ** 2 + (axis[None, :] - west) ** 2
    images = np.zeros((40, 40, 2, 2))
    for band, (frequency, fwhm) in enumerate(zip(FREQUENCIES, FWHM, strict=True)):
        sigma2 = fwhm**2 / (8.0 * np.log(2.0))
        beam = np.exp(-0.5 * radius2 / sigma2) / (2.0 * np.pi * sigma2)
        images[:, :, band, band] = uk_per_mjy(frequency) * beam
    return images.reshape(3200, 2)


def dense_with_sources(row):
    """The covariance of a cutout with those of its sources, their indices averaged over."""
    covariance = dense_covariance()
    for place in range(3):
        if PLACES.row[place] != row:
            continue
        images = point_images(PLACES.north_arcmin[place], PLACES.west_arcmin[place])
        if PLACES.is_on_cluster[place]:
            # E[s s^T] over index -0.7 +- 0.3, a Gaussian of many nodes in place of three
            indices, step = np.linspace(-2.2, 0.8, 201, retstep=True)
            weights = np.exp(-0.5 * ((indices + 0.7) / 0.3) ** 2) / np.sqrt(2 * np.pi) / 0.3 * step
            spectra = (np.array(FREQUENCIES) / 150.0) ** indices[:, None]
            coupled = 20.0**2 * np.einsum("k,ki,kj->ij", weights, spectra, spectra)
        else:
            coupled = np.eye(2) * 1000.0**2
        covariance += images @ coupled @ images.T
    return covariance


@pytest.fixture(scope="module")
def likelihood():
    return GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))


@pytest.fixture(scope="module")
def cutouts():
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((2, 3200)) @ np.linalg.cholesky(dense_covariance()).T
    for place, flux in enumerate((8.0, 40.0, 100.0)):
        images = point_images(PLACES.north_arcmin[place], PLACES.west_arcmin[place])
        noise[PLACES.row[place]] += images @ (flux * (np.array(FREQUENCIES) / 150.0) ** -0.7)
    return noise.reshape(2, 40, 40, 2)


def test_filters_are_those_of_covariances_that_hold_the_sources(likelihood, cutouts):
    found = SourceMarginal(likelihood)(likelihood.weigh(cutouts), PLACES)
    scales = cluster_scales(MASS[:, None], REDSHIFT[:, None], HOT)
    projection, fisher = likelihood.matched(found, scales)
    images = ClusterStamps(two_bands().bands, HOT).images(cluster_scales(MASS, REDSHIFT, HOT)).astype(float)
    for row in range(2):
        template = images[row].ravel()
        solved = np.linalg.solve(dense_with_sources(row), np.stack([template, cutouts[row].ravel()], axis=1))
        assert fisher[row, 0] == pytest.approx(template @ solved[:, 0], rel=2e-3)
        assert projection[row, 0] == pytest.approx(
            template @ solved[:, 1], abs=0.01 * np.sqrt(fisher[row, 0])
        )


def test_a_source_on_a_cluster_costs_information_and_one_far_off_hardly_any(likelihood, cutouts):
    scales = cluster_scales(MASS[:, None], REDSHIFT[:, None], HOT)
    weighed = likelihood.weigh(cutouts)
    without = likelihood.matched(weighed, scales)[1]
    fisher = likelihood.matched(SourceMarginal(likelihood)(weighed, PLACES), scales)[1]
    assert 0.2 < fisher[0, 0] / without[0, 0] < 0.9 and 0.99 < fisher[1, 0] / without[1, 0] <= 1.0


def test_a_source_on_a_cluster_no_longer_fills_it_in(likelihood, cutouts):
    """Without noise, a cluster of 5e14 Msun at z = 0.6 with 5 mJy on it: the amplitude is right again."""
    scales = cluster_scales(np.full((1, 1), 5e14), np.full((1, 1), 0.6), HOT)
    cluster = ClusterStamps(two_bands().bands, HOT).images(
        cluster_scales(np.array([5e14]), np.array([0.6]), HOT)
    )
    place = PlacedSources(np.array([0]), np.array([0.2]), np.array([0.1]))
    flux = 5.0 * (np.array(FREQUENCIES) / 150.0) ** -0.7
    image = cluster + (point_images(0.2, 0.1) @ flux).reshape(1, 40, 40, 2)
    weighed = likelihood.weigh(image)
    amplitudes = [
        projection[0, 0] / fisher[0, 0]
        for projection, fisher in (
            likelihood.matched(one, scales) for one in (weighed, SourceMarginal(likelihood)(weighed, place))
        )
    ]
    assert amplitudes[0] < 0.8 and amplitudes[1] == pytest.approx(1.0, abs=0.06)


def test_in_one_band_a_source_on_the_cluster_is_left_alone(cutouts):
    power, instrument = power_of_two(), two_bands().only((1,))
    single = type(power)(power.ell, power.cl_uk2_sr[1:, 1:])
    likelihood = GaussianLikelihood(single, instrument, HOT, Scatter(0.2))
    weighed = likelihood.weigh(cutouts[..., 1:])
    central = PlacedSources(np.array([0]), np.array([0.4]), np.array([-0.3]))
    assert SourceMarginal(likelihood)(weighed, central) is weighed
    changed = SourceMarginal(likelihood)(weighed, PLACES)
    assert changed.lost is not None and np.any(changed.weighted[:, 0] != weighed.weighted[:, 0])
