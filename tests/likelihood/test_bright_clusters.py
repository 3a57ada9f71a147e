"""Clusters so bright that the usual profiles are coarser than what a cutout says of the size."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import parse_config
from szmass_cli.likelihood.features import mass_nodes
from szmass_cli.likelihood.memberlight import MemberLight
from szmass_cli.likelihood.positions import PositionLikelihood
from szmass_cli.likelihood.radiogalaxies import GalaxyPrior
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scatter import N_STRETCHES, Scatter
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.network.correction import interpolation
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import mass_grid, moments, normalised

SKY = SkyModel(parse_config("{}", "survey.yaml"), 500.0 * (CMB_ELL / 200.0) ** -1.5).with_foregrounds(0.2)
BANDS = (Band(95.0, Beam(2.2), 0.6), Band(150.0, Beam(1.4), 0.4), Band(220.0, Beam(1.0), 1.2))
LN_MASS = mass_grid((3e13, 2e15))
STRETCHES = np.array([0.05, -0.13, 0.29, 0.67, -0.03, 0.21])
MASS = np.array([0.9e15, 1.5e15, 1.1e15, 1.2e15, 1.0e15, 1.3e15])
REDSHIFT = np.array([0.6, 0.8, 0.7, 0.9, 1.4, 1.0])


@pytest.fixture(scope="module")
def likelihood():
    return SKY.likelihood(Instrument(BANDS), Scatter(0.2, 0.2))


@pytest.fixture(scope="module")
def weighed(likelihood):
    """Clusters of concentrations between the usual ones and beyond, and a faint one, in white noise."""
    rng = np.random.default_rng(3)
    scales = cluster_scales(MASS, REDSHIFT, likelihood.model).stretched(STRETCHES)
    images = likelihood.templates.images.images(scales)
    noise = np.array([band.noise_uk_arcmin for band in BANDS]) / 0.25 * rng.standard_normal(images.shape)
    return likelihood.weigh(np.concatenate([images + noise, noise[:1]]))


Z = np.append(REDSHIFT, 0.7)


def shifts(ln_likelihood, reference):
    """Return by how much means differ, in standard deviations of the reference."""
    mean, sigma = moments(LN_MASS, normalised(reference))
    return (moments(LN_MASS, normalised(ln_likelihood))[0] - mean) / sigma


@pytest.fixture(scope="module")
def exact(likelihood, weighed):
    """Return ln L at every mass of the grid, of thousands of profiles."""
    nodes = np.linspace(-1.0, 1.0, 2001)
    ln_weights = -0.5 * (nodes / likelihood.scatter.concentration_ln) ** 2
    found = np.empty((len(Z), LN_MASS.size))
    for row, z in enumerate(Z):
        for part in np.array_split(np.arange(LN_MASS.size), 10):
            scales = cluster_scales(np.exp(LN_MASS[part])[None], np.full((1, 1), z), likelihood.model)
            matched = likelihood.matched(weighed[[row]], scales, nodes)
            found[row, part] = logsumexp(likelihood.amplitude(*matched) + ln_weights, axis=-1)
    return found


def test_bright_clusters_have_the_posterior_of_thousands_of_profiles(likelihood, weighed, exact):
    snr = best_cluster(likelihood, weighed, np.log(np.append(MASS, 1e14)), Z).snr
    assert (snr[:-1] > 100.0).all() and snr[:-1].max() > 200.0 and snr[-1] < 5.0
    assert np.abs(shifts(likelihood.ln_likelihood(weighed, LN_MASS, Z), exact)).max() < 0.01


def test_uncertain_positions_change_little_of_it(likelihood, weighed, exact):
    positions = PositionLikelihood(likelihood, 0.05)
    found = positions.ln_likelihood(weighed[[0, 2, 3]], LN_MASS, Z[[0, 2, 3]], np.full(3, 0.05))
    assert np.abs(shifts(found, exact[[0, 2, 3]])).max() < 0.05


def with_members(likelihood, weighed, z):
    gains = MemberLight(likelihood).ln_gains(weighed, np.exp(mass_nodes(LN_MASS)), z).sum(axis=1)
    return likelihood.ln_likelihood(weighed, LN_MASS, z) + gains @ interpolation(LN_MASS, LN_MASS)


def test_no_galaxy_is_taken_for_what_coarse_profiles_leave(likelihood, weighed, exact):
    """The light of members widens posteriors of clusters without any, and hardly moves them."""
    assert np.abs(shifts(with_members(likelihood, weighed, Z), exact)).max() < 0.4


def test_the_best_cluster_leaves_nothing_of_bright_ones(likelihood, weighed):
    best = best_cluster(likelihood, weighed, np.log(np.append(MASS, 1e14)), Z)
    left = ScoreImages(likelihood)(without_cluster(likelihood, weighed, best), ("tsz",))
    middle = np.abs(left[:-1, 16:24, 16:24, 0]).max(axis=(1, 2))
    assert middle.max() < 2.5


def test_galaxies_that_are_rarer_never_explain_more():
    """Where few matter at the likeliest masses, all others are summed over at once for each mass."""
    noise_uk_arcmin = np.array([14.0, 14.0, 60.0])
    bands = tuple(replace(band, noise_uk_arcmin=n) for band, n in zip(BANDS, noise_uk_arcmin, strict=True))
    likelihood, z = SKY.likelihood(Instrument(bands), Scatter(0.2, 0.2)), np.array([1.87, 1.5, 1.4, 1.9])
    scales = cluster_scales(np.array([1.3e15, 1.5e15, 1.2e15, 0.9e15]), z, likelihood.model)
    images = likelihood.templates.images.images(scales.stretched(np.array([0.05, -0.13, 0.2, 0.1])))
    noise = noise_uk_arcmin / 0.25 * np.random.default_rng(3).standard_normal((5, 40, 40, 3))[:4]
    weighed, masses = likelihood.weigh(images + noise), np.exp(mass_nodes(LN_MASS))
    few, all_ = (
        MemberLight(likelihood, galaxies=GalaxyPrior(likelihood.model, beside=beside))
        for beside in (1e-6, 1.0)
    )
    rarer, usual = (light.ln_gains(weighed, masses, z)[:, 1] for light in (few, all_))
    assert np.all(rarer < usual + 1.0)


def of_likelihood(likelihood, weighed, z):
    return likelihood.ln_likelihood(weighed, LN_MASS, z)


def of_best_cluster(likelihood, weighed, z):
    best = best_cluster(likelihood, weighed, np.full(len(z), np.log(1e15)), z)
    return np.stack([best.theta500_arcmin, best.scales.y_scale, best.snr], axis=1)


@pytest.mark.parametrize("found", [of_likelihood, with_members, of_best_cluster])
def test_no_row_depends_on_the_others(likelihood, weighed, found):
    rows = [5, 6, 1]
    alone = found(likelihood, weighed[rows], Z[rows])
    np.testing.assert_allclose(alone, found(likelihood, weighed, Z)[rows], rtol=1e-10, atol=1e-8)


def test_finer_sizes_are_chosen_by_brightness_and_their_weights_add_up_to_one(likelihood):
    scatter, sizes = likelihood.scatter, likelihood.templates.ln_fine_size
    step = sizes[1] - sizes[0]
    strides = scatter.strides(np.array([3.0, 40.0, 50.0, 100.0, 200.0, 1e4, np.nan]), step)
    assert strides.tolist() == [0, 0, 8, 4, 2, 1, 0]
    assert Scatter(0.2).strides(np.array([1e3]), step).tolist() == [0]
    usual = scatter.stretches()[0]
    assert usual.size == N_STRETCHES
    profiles = scatter.at_sizes(sizes[::8], np.log([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(np.exp(profiles.ln_weight).sum(axis=1), 1.0, atol=1e-4)
    np.testing.assert_allclose(np.diff(profiles.ln_stretch), 8 * step)


def test_profiles_narrower_than_the_grid_are_summed_over_as_usual(likelihood):
    sizes = likelihood.templates.ln_fine_size
    narrow = Scatter(0.2, 0.003)
    assert narrow.strides(np.array([1e4]), sizes[1] - sizes[0]).tolist() == [0]
    # at the least scatter that the grid resolves, sums are right
    least = Scatter(0.2, 0.02)
    assert least.strides(np.array([1e4]), sizes[1] - sizes[0]).tolist() == [1]
    weights = np.exp(least.at_sizes(sizes, np.log([1.0, 2.0])).ln_weight)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-4)


def test_weights_add_up_to_one_at_the_ends_of_the_tabulated_sizes(likelihood):
    sizes = likelihood.templates.ln_fine_size
    profiles = likelihood.scatter.at_sizes(sizes[::4], sizes[[0, -1]] + [-0.3, 0.3])
    np.testing.assert_allclose(np.exp(profiles.ln_weight).sum(axis=1), 1.0, atol=1e-4)


@pytest.mark.parametrize("value_uk", [1e11, 1e20, np.nan])
def test_a_pixel_that_cannot_be_spoils_no_other_cutout(likelihood, weighed, value_uk):
    """Next to ln L of 1e17 all that galaxies may add is lost in rounding."""
    images = likelihood.symmetry.unfold(weighed[[0, 6]].fields_uk)
    images[1, 20, 20] = value_uk
    masses, light = np.exp(mass_nodes(LN_MASS)), MemberLight(likelihood)
    with np.errstate(all="ignore"):
        found = light.ln_gains(likelihood.weigh(images), masses, Z[[0, 6]])
    assert np.isfinite(found[1]).all() == np.isfinite(value_uk)
    usual = light.ln_gains(weighed[[0]], masses, Z[[0]])
    np.testing.assert_allclose(found[0], usual[0], rtol=1e-8, atol=1e-6)
