"""Percentiles of a row are those of a posterior worked out by brute force from the dense covariance."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import j0, logsumexp

from szmass_cli.catalog import Flag
from szmass_cli.estimation.likelihoodmeter import Assumptions, LikelihoodMeter
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.settled import Wanted
from szmass_cli.estimation.strips import Strip
from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.massmodel import MassModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN, Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.sky.clusters import ClusterStamps

BANDS = (
    Band(97.8, Beam(2.2), 12.0, KneeNoise(12.0, 2000.0)),
    Band(149.6, Beam(1.4), 10.0, KneeNoise(10.0, 3000.0)),
)
CORRELATION = 0.9
SCATTER = Scatter(0.2, 0.2)
PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)
MASSES = np.linspace(*np.log([3e13, 2e15]), 110)
DEPTHS = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 0.5], [1.0, 1.0], [1.0, 1.0], [0.5, 2.0]])
"""Noise of each row over that of the instrument."""


@pytest.fixture(scope="module")
def bundle():
    """The shipped model of a Gaussian sky with a network that says nothing, and no recalibration."""
    shipped = read_bundle("gaussian")
    weights = [np.zeros_like(values) for values in shipped.weights]
    recalibration = Recalibration.identity(shipped.recalibration.prior_range_msun)
    return replace(shipped, weights=weights, recalibration=recalibration)


def dense_covariance(sky, ratio):
    """Covariance (3200, 3200) [µK²] of the pixels of both bands, by its sum over multipoles, pair by pair."""
    power = sky.power(BANDS)
    step = np.gradient(power.ell) * (2.0 * power.ell + 1.0) / (4.0 * np.pi)
    y, x = (grid.ravel() for grid in np.meshgrid(*[pixel_offsets_arcmin() * ARCMIN] * 2, indexing="ij"))
    squared = np.round(((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2) / (0.25 * ARCMIN) ** 2).astype(int)
    distances, where = np.unique(squared, return_inverse=True)
    bessel = j0(np.outer(np.sqrt(distances) * 0.25 * ARCMIN, power.ell + 0.5))
    result = np.empty((1600, 2, 1600, 2))
    for i, one in enumerate(BANDS):
        for j, other in enumerate(BANDS):
            cl = power.cl_uk2_sr[i, j] * one.beam.b_ell(power.ell) * other.beam.b_ell(power.ell)
            red = [band.red_noise.cl_uk2_sr(power.ell) for band in (one, other)]
            cl = cl + (1.0 if i == j else CORRELATION) * ratio[i] * ratio[j] * np.sqrt(red[0] * red[1])
            result[:, i, :, j] = (bessel @ (step * cl))[where].reshape(1600, 1600)
        white = (ratio[i] * one.noise_uk_arcmin / 0.25) ** 2
        result[np.arange(1600), i, np.arange(1600), i] += white
    return result.reshape(3200, 3200)


def brute_force(sky, images, redshift, ratio, chosen):
    """Percentiles [Msun] of one cutout, every cluster of every concentration and amplitude tried."""
    pixels = np.zeros((1600, 2), bool)
    pixels[:, chosen] = True
    inverse = np.linalg.inv(dense_covariance(sky, ratio)[np.ix_(pixels.ravel(), pixels.ravel())])
    stamps = ClusterStamps([BANDS[band] for band in chosen], sky.sz_model)
    stretch = np.linspace(-3.0, 3.0, 25)
    ln_weight = -0.5 * stretch**2 - logsumexp(-0.5 * stretch**2)
    amplitude = np.exp(0.2 * np.linspace(-5.0, 5.0, 201))
    ln_prior = -0.5 * (np.log(amplitude) / 0.2) ** 2
    scales = cluster_scales(np.exp(MASSES), np.full(MASSES.size, redshift), sky.sz_model)
    ln_p = np.full((stretch.size, MASSES.size), -np.inf)
    data = images[..., chosen].ravel()
    for index, value in enumerate(stretch):
        templates = stamps.images(scales.stretched(SCATTER.concentration_ln * value))
        templates = templates.reshape(MASSES.size, -1).astype(float)
        weighted = templates @ inverse
        p, f = weighted @ data, np.einsum("mp,mp->m", weighted, templates)
        exponent = np.outer(p, amplitude) - 0.5 * np.outer(f, amplitude**2)
        ln_p[index] = logsumexp(exponent + ln_prior, axis=1) + ln_weight[index]
    ln_p = logsumexp(ln_p, axis=0)
    fine = np.linspace(MASSES[0], MASSES[-1], 4001)
    density = np.exp(CubicSpline(MASSES, ln_p - ln_p.max())(fine))
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.exp(np.interp(np.array(PERCENTS) / 100.0, below / below[-1], fine))


def test_percentiles_are_those_of_brute_force(bundle):
    sky, n = bundle.sky_model, len(DEPTHS)
    rng = np.random.default_rng(4)
    redshift = rng.uniform(0.2, 1.2, n)
    stamps = ClusterStamps(BANDS, sky.sz_model)
    mass = np.array([1e14, 2e14, 3e14, 4e14, 6e14, 9e14])
    images = stamps.mean_images(mass, redshift).astype(float)
    for row in range(n):
        root = np.linalg.cholesky(dense_covariance(sky, DEPTHS[row]))
        images[row] += (root @ rng.standard_normal(3200)).reshape(40, 40, 2)
    usable = np.ones((n, 2), bool)
    usable[3] = False, True  # its 97.8 GHz map has no data there
    zero = np.zeros(n)
    rows = Rows(zero, zero, redshift, zero, zero, zero.astype(np.int32))
    noise = DEPTHS * np.array([band.noise_uk_arcmin for band in BANDS])
    bad = np.broadcast_to(~usable[:, None, None], images.shape)
    strip = Strip(rows, np.where(bad, 0.0, images), bad, usable, noise, rows.flags)
    change = PriorChange(Prior.FLAT_LOG, Prior.FLAT_LOG, bundle.cosmology)
    assumptions = Assumptions(sky, SCATTER, (0.1, 2.0), change, 0.0)
    instrument = Instrument(BANDS, CORRELATION)
    wanted = Wanted(PERCENTS, Prior.FLAT_LOG, 8, 0.0)
    found = LikelihoodMeter(instrument, MassModel.from_bundle(bundle, 8), assumptions)(strip, wanted)
    assert not np.any(found.flags & int(Flag.NONFINITE))
    for row in (2, 3):
        chosen = np.flatnonzero(usable[row])
        expected = brute_force(sky, images[row], redshift[row], DEPTHS[row], chosen)
        # a noise is put on steps of 5 per cent
        np.testing.assert_allclose(found.m200c_msun[row], expected, rtol=0.01)
