"""What hides at the centre: point sources and offsets, against chi-squared and profiles fitted one by one."""

import numpy as np
import pytest
from scipy import stats

from szmass_cli.config import SkyConfig
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.centre import CentreTest
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.power import SkyPower

N = 600
INSTRUMENT = Instrument((Band(150.0, Beam(1.0), 5.0), Band(95.0, Beam(1.6), 6.0)))
MASS, REDSHIFT = 5e14, 0.7


@pytest.fixture(scope="module")
def power():
    return SkyPower.from_config(SkyConfig(cmb=False), INSTRUMENT.bands)


@pytest.fixture(scope="module")
def likelihood(power):
    return GaussianLikelihood(power, INSTRUMENT, ARNAUD2010, Scatter(0.2, 0.2))


@pytest.fixture(scope="module")
def centre(likelihood):
    return CentreTest(likelihood, (1e14, 2e15))


@pytest.fixture(scope="module")
def skies(power):
    return CutoutSky(power, INSTRUMENT).draw(np.random.default_rng(4), N).astype(float)


@pytest.fixture(scope="module")
def cluster(likelihood):
    return likelihood.templates.images.mean_images(MASS, REDSHIFT)[0].astype(float)


def scales():
    return cluster_scales(np.full(N, MASS), np.full(N, REDSHIFT))


def source_sigma(centre, likelihood, images):
    return centre.source_sigma(likelihood.weigh(images), np.full(N, REDSHIFT))


def source_image(mjy):
    """A source of equal temperature in both bands times nu^-0.7, smoothed by each beam."""
    images = []
    for band in INSTRUMENT.bands:
        flux = mjy * (band.frequency_ghz / 150.0) ** -0.7 * uk_per_mjy(band.frequency_ghz)
        shape = np.exp(-4.0 * np.log(2.0) * (pixel_radii_arcmin() / band.beam.fwhm_arcmin) ** 2)
        images.append(flux * shape / (np.pi * band.beam.fwhm_arcmin**2 / (4.0 * np.log(2.0))))
    return np.stack(images, axis=-1)


def test_a_cluster_without_a_source_is_rarely_told_of_one(centre, likelihood, skies, cluster):
    sigma = source_sigma(centre, likelihood, skies + cluster)
    assert np.mean(sigma > 2.5) < 0.02 and np.abs(sigma.mean()) < 0.3 and sigma.std() < 1.15


def test_a_source_is_found_at_its_flux_over_the_error_of_both_fitted(centre, likelihood, skies, cluster):
    """The error of the source's flux beside a cluster of any amplitude, from the dense covariance."""
    source = source_image(3.0)
    weighed = [likelihood.weigh(image[None]) for image in (source, cluster)]
    dot = [[float(np.sum(a.weighted * b.fields_uk)) for b in weighed] for a in weighed]
    expected = np.sqrt(dot[0][0] - dot[0][1] ** 2 / dot[1][1])
    sigma = source_sigma(centre, likelihood, skies + cluster + source)
    # sizes are free, too, which costs some of it and never adds any
    assert 0.7 * expected < sigma.mean() < 1.05 * expected


def test_a_deeper_decrement_is_not_a_source(centre, likelihood, skies, cluster):
    assert np.mean(source_sigma(centre, likelihood, skies + cluster - source_image(3.0)) > 2.5) < 0.02


def test_offsets_of_centred_clusters_are_chi_squared_of_two(centre, likelihood, skies, cluster):
    found = centre.offset_chi2(likelihood.weigh(skies + cluster), scales())
    assert stats.kstest(found, stats.chi2(2).cdf).pvalue > 1e-3


def test_an_offset_is_found_at_twice_the_likelihood_that_it_costs(centre, likelihood, skies, cluster):
    images = likelihood.templates.images
    moved = images.offset_images(scales(), np.tile([0.1, -0.15], (N, 1)))
    change = moved[:1].astype(float) - cluster
    cost = likelihood.weigh(change)
    expected = float(np.sum(cost.weighted * cost.fields_uk))
    found = centre.offset_chi2(likelihood.weigh(skies + moved), scales())
    assert found.mean() - 2.0 == pytest.approx(expected, rel=0.15)


def test_without_its_best_cluster_a_cutout_is_bare_sky(likelihood, skies, cluster):
    weighed = likelihood.weigh(skies + cluster)
    best = best_cluster(likelihood, weighed, np.full(N, np.log(MASS)), np.full(N, REDSHIFT))
    left = without_cluster(likelihood, weighed, best)
    again = likelihood.weigh(likelihood.symmetry.unfold(left.fields_uk))
    np.testing.assert_allclose(left.weighted, again.weighted, atol=1e-9)
    chi2 = np.sum(left.weighted * left.fields_uk, axis=(0, 2))
    assert chi2.mean() == pytest.approx(3200.0, rel=0.01)
