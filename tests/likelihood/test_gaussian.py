"""The likelihood of masses against dense covariances and sums over amplitudes, sizes and pixels."""

from functools import lru_cache

import numpy as np
import pytest
from closedform import FREQUENCIES, FWHM, HOT, dense_covariance, power_of_two, two_bands
from scipy.special import log_softmax
from scipy.stats import norm

from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.relativistic import tsz_f_relativistic
from szmass_cli.physics.spectra import tsz_f
from szmass_cli.sky.clusters import ClusterStamps

LN_MASS = np.log(np.geomspace(6e13, 1.6e15, 17))
REDSHIFT = np.array([0.25, 0.6, 1.3])
MASS = np.array([1.5e14, 3.5e14, 3e14])


@lru_cache(maxsize=1)
def cold_clusters():
    return ClusterStamps(two_bands().bands)


def templates(mass, redshift, ln_stretch=0.0):
    """Images (n, 3200) [µK] of hot clusters: those of cold gas, with the spectrum put on by hand."""
    scales = cluster_scales(mass, redshift, HOT).stretched(ln_stretch)
    images = cold_clusters().images(type(scales)(scales.theta500_arcmin, scales.y_scale)).astype(float)
    nu = np.array(FREQUENCIES)
    hot = tsz_f_relativistic(nu, scales.kt_kev[:, None]) / tsz_f(nu)
    return (images * hot[:, None, None, :]).reshape(len(images), -1)


@pytest.fixture(scope="module")
def known_covariance():
    return dense_covariance()


@pytest.fixture(scope="module")
def cutouts(known_covariance):
    """Three cutouts of the sky in closed form, drawn by its Cholesky factor, with a cluster in each."""
    noise = np.random.default_rng(1).standard_normal((3, 3200)) @ np.linalg.cholesky(known_covariance).T
    signal = np.array([1.2, 0.9, 1.0])[:, None] * templates(MASS, REDSHIFT)
    return (noise + signal).reshape(3, 40, 40, 2)


def by_hand(covariance, images, scatter):
    """ln of the sum over amplitudes and sizes of the normal density of the pixels, (n, m)."""
    inverse = np.linalg.inv(covariance)
    x, step = np.linspace(-6.0, 6.0, 301, retstep=True)
    amplitude = np.exp(scatter.amplitude_ln * x)
    sizes = np.linspace(-4.0, 4.0, 25) if scatter.concentration_ln else np.zeros(1)
    found = []
    for image, z in zip(images.reshape(len(images), -1), REDSHIFT, strict=True):
        solved = inverse @ image
        row = np.full(LN_MASS.size, -np.inf)
        for node in sizes:
            t = templates(np.exp(LN_MASS), np.full(LN_MASS.size, z), scatter.concentration_ln * node)
            p, f = t @ solved, np.einsum("mp,mp->m", t @ inverse, t)
            exponent = amplitude[:, None] * p - 0.5 * amplitude[:, None] ** 2 * f
            terms = exponent + norm.logpdf(x)[:, None] + norm.logpdf(node) + np.log(step)
            row = np.logaddexp(row, np.logaddexp.reduce(terms, axis=0))
        found.append(row)
    return np.array(found)


def assert_alike(found, expected, atol):
    """Alike but for a constant, wherever a mass is not excluded by four sigma."""
    for one, other in zip(found, expected, strict=True):
        counts = other > other.max() - 8.0
        assert counts.sum() > 2
        best = other.argmax()
        np.testing.assert_allclose(one[counts] - one[best], other[counts] - other[best], atol=atol, rtol=0.02)


@pytest.mark.parametrize("scatter", [Scatter(0.2), Scatter(0.0), Scatter(0.15, 0.25)], ids=str)
def test_it_is_the_sum_over_amplitudes_and_sizes_done_by_hand(known_covariance, cutouts, scatter):
    """Two bands, red noise that they share, hot gas."""
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, scatter)
    found = likelihood.ln_likelihood(likelihood.weigh(cutouts), LN_MASS, REDSHIFT)
    if scatter.amplitude_ln == 0.0:
        scatter = Scatter(1e-6)
    assert_alike(found, by_hand(known_covariance, cutouts, scatter), atol=0.01)


def test_depths_of_rows_and_bands_change_their_own_noise_only(cutouts):
    """Four times the variance at 95 GHz, a third at 150, in two of three rows; red noise goes with white."""
    ratios = np.exp([[1.4, -1.1], [0.0, 0.0], [1.4, -1.1]])
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))
    weighed = likelihood.weigh(cutouts, ratios)
    found = likelihood.ln_likelihood(weighed, LN_MASS, REDSHIFT)
    for rows in ([1], [0, 2]):
        expected = by_hand(dense_covariance(ratios[rows[0]]), cutouts, Scatter(0.2))
        assert_alike(found[rows], expected[rows], atol=0.01)


def test_noise_between_two_steps_costs_next_to_nothing(cutouts):
    """5 per cent off in variance, the most that steps of 10 per cent can be: 0.002 nats."""
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))
    ratio = np.full((3, 2), np.exp(0.049))
    found = likelihood.ln_likelihood(likelihood.weigh(cutouts, ratio), LN_MASS, REDSHIFT)
    expected = by_hand(dense_covariance(ratio[0]), cutouts, Scatter(0.2))
    found, expected = (log_softmax(rows, axis=1) for rows in (found, expected))
    assert np.all(np.sum(np.exp(expected) * (expected - found), axis=1) < 2e-3)


def test_matched_filters_are_those_of_dense_covariances(known_covariance, cutouts):
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))
    mass = np.array([[1e14, 7e14]] * 3)
    scales = cluster_scales(mass, REDSHIFT[:, None], HOT)
    stretches = np.array([-0.3, 0.0, 0.25])
    projection, fisher = likelihood.matched(likelihood.weigh(cutouts), scales, stretches)
    assert projection.shape == fisher.shape == (3, 2, 3)
    inverse = np.linalg.inv(known_covariance)
    for k, stretch in enumerate(stretches):
        for m in range(2):
            t = templates(mass[:, m], REDSHIFT, stretch)
            expected = np.einsum("np,pq,nq->n", t, inverse, cutouts.reshape(3, -1))
            squared = np.einsum("np,pq,nq->n", t, inverse, t)
            np.testing.assert_allclose(fisher[:, m, k], squared, rtol=2e-3)
            np.testing.assert_allclose(projection[:, m, k], expected, atol=3e-3 * np.sqrt(squared).max())


def test_rows_may_be_taken_out_and_reordered(cutouts):
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))
    weighed = likelihood.weigh(cutouts, np.exp([[0.5, 0.0], [0.0, 0.0], [0.5, 0.0]]))
    rows = np.array([2, 0])
    np.testing.assert_allclose(
        likelihood.ln_likelihood(weighed[rows], LN_MASS, REDSHIFT[rows]),
        likelihood.ln_likelihood(weighed, LN_MASS, REDSHIFT)[rows],
        rtol=1e-12,
    )


def test_many_masses_are_a_spline_through_few(cutouts):
    """400 masses, of which 112 are worked out, against each of the 400."""
    likelihood = GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2, 0.2))
    weighed = likelihood.weigh(cutouts)
    fine = np.linspace(np.log(3e13), np.log(2e15), 400)
    found = likelihood.ln_likelihood(weighed, fine, REDSHIFT)
    parts = [likelihood.ln_likelihood(weighed, part, REDSHIFT) for part in np.array_split(fine, 8)]
    assert_alike(found, np.concatenate(parts, axis=1), atol=2e-3)


def test_a_band_without_signal_or_sky_changes_nothing():
    """A second band that is all noise, of its own, beside one of the same sky."""
    one = Instrument((Band(150.0, Beam(FWHM[1]), 9.0),))
    ell = power_of_two().ell
    alone = power_of_two().cl_uk2_sr[1:, 1:]
    deaf = Band(150.0, Beam(FWHM[1]), 9e4)
    power = type(power_of_two())
    both = np.repeat(np.repeat(alone, 2, axis=0), 2, axis=1)
    images = 30.0 * np.random.default_rng(2).standard_normal((3, 40, 40, 1))
    two = np.concatenate([images, 1e5 * np.random.default_rng(3).standard_normal((3, 40, 40, 1))], axis=-1)
    rows = []
    for sky, instrument, cutouts in (
        (alone, one, images),
        (both, Instrument((*one.bands, deaf)), two),
    ):
        likelihood = GaussianLikelihood(power(ell, sky), instrument, HOT, Scatter(0.2))
        rows.append(likelihood.ln_likelihood(likelihood.weigh(cutouts), LN_MASS, REDSHIFT))
    assert_alike(rows[0], rows[1], atol=5e-3)
