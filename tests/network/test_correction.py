"""The correction: exactly zero before it has learnt anything, and small changes where it has."""

from dataclasses import replace

import numpy as np
import pytest

from szmass_cli.config import NetworkConfig
from szmass_cli.likelihood.features import (
    IMAGE_SIDE,
    N_MASSES,
    Features,
    LabelledFeatures,
    mass_nodes,
    n_curves,
)
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.network.backend import load_keras
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.correction import Corrector, build_correction, interpolation
from szmass_cli.network.fit.lessons import FLOOR, CorrectionLesson
from szmass_cli.network.massmodel import MassModel
from szmass_cli.posterior.grid import ln_density_at, mass_grid, normalised
from szmass_cli.posterior.recalibration import Recalibration

MASSES = (1e14, 1.5e15)
GRID = mass_grid(MASSES)


def made_up(n, seed=1):
    """Features of no sky, and masses drawn from their posteriors."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(GRID[60], GRID[-60], n)
    ln_likelihood = -0.5 * ((GRID - centre[:, None]) / 0.2) ** 2
    seen = Features(
        rng.standard_normal((n, IMAGE_SIDE, IMAGE_SIDE, 4)).astype(np.float32),
        rng.standard_normal((n, n_curves("central_source"))).astype(np.float32),
        ln_likelihood - ln_likelihood.max(axis=1, keepdims=True),
        rng.uniform(0, 20, n),
        rng.uniform(0, 1e-4, (n, 40, 40)).astype(np.float32),
        rng.uniform(1e-6, 1e-5, n),
    )
    ln_mass = np.clip(centre + 0.2 * rng.standard_normal(n), GRID[0], GRID[-1])
    return LabelledFeatures(seen, np.exp(ln_mass), rng.uniform(0.2, 1.2, n), seen.y_map * 1.1)


@pytest.fixture(scope="module")
def block():
    return made_up(70)


@pytest.fixture(scope="module")
def corrector(toy_bundle):
    return Corrector.from_bundle(read_bundle(toy_bundle))


@pytest.mark.parametrize("residual", ["projected", "identity"])
def test_an_untrained_network_gives_the_exact_gaussian_posterior(block, residual):
    network = build_correction(NetworkConfig(base_filters=2, residual=residual))
    model = MassModel(
        Corrector(network, GRID), Recalibration.identity(MASSES), OddnessLevels.of_gaussian_sky()
    )
    answer = model(block.features, block.redshift)
    np.testing.assert_allclose(
        answer.posterior.density, normalised(block.features.ln_likelihood), rtol=1e-12, atol=1e-300
    )
    np.testing.assert_array_equal(answer.y_map, block.features.y_map)
    assert not answer.lost.any()


def test_an_untrained_network_that_knows_members_gives_the_sum_over_their_light(block):
    """What dust and motion add to ln L, and then a radio galaxy, is taken as it is, however much it is."""
    config = NetworkConfig(base_filters=2, contamination="members")
    gains = np.random.default_rng(5).standard_normal((70, 2, N_MASSES)).cumsum(axis=2)
    gains[:3, 0, :4] = 1000.0
    plain = block.features.curves[:, : 3 * N_MASSES + 1].copy()
    plain[:, 12] = plain[:, :N_MASSES].max() + 1.0  # the likeliest mass
    curves = np.concatenate([plain, np.arcsinh(gains).reshape(70, -1)], axis=1).astype(np.float32)
    found = Corrector(build_correction(config), GRID)(replace(block.features, curves=curves)).g
    expected = (gains - gains[..., 12:13]).sum(axis=1)
    np.testing.assert_allclose(found, expected @ interpolation(GRID, GRID), atol=2e-3, rtol=1e-5)


def test_a_network_that_disbelieves_members_takes_away_forty_nats_at_most(block):
    config = NetworkConfig(base_filters=2, contamination="members")
    network = build_correction(config)
    gates = [v for v in network.trainable_variables if v.shape == (2,) and np.all(np.asarray(v) == 1.0)]
    gates[0].assign(np.array([0.25, -3.0]))
    gains = np.zeros((70, 2, N_MASSES))
    gains[:, 0, 3], gains[:, 1, 5] = 20.0, 1000.0
    plain = block.features.curves[:, : 3 * N_MASSES + 1].copy()
    plain[:, 12] = plain[:, :N_MASSES].max() + 1.0  # the likeliest mass
    curves = np.concatenate([plain, np.arcsinh(gains).reshape(70, -1)], axis=1).astype(np.float32)
    found = Corrector(network, GRID)(replace(block.features, curves=curves)).g
    expected = np.zeros((70, N_MASSES))
    expected[:, 3], expected[:, 5] = 5.0, 960.0
    np.testing.assert_allclose(found, expected @ interpolation(GRID, GRID), atol=2e-3, rtol=1e-5)


def test_a_trained_one_looks_at_images_and_at_curves(corrector, block):
    before = corrector(block.features).g
    assert before.std() > 0.01
    for name in ("images", "curves"):
        changed = made_up(70)
        getattr(changed.features, name)[:] += 0.5
        assert np.abs(corrector(changed.features).g - before).max() > 1e-3


def test_rows_are_the_same_however_many_follow(corrector, block):
    whole = corrector(block.features)
    for n in (1, 32, 33):
        part = corrector(block.features[:n])
        np.testing.assert_array_equal(part.g, whole.g[:n])
        np.testing.assert_array_equal(part.y_map, whole.y_map[:n])
    nothing = corrector(block.features[:0])
    assert nothing.g.shape == (0, 400) and nothing.y_map.shape == (0, 40, 40)


def test_a_lost_row_is_left_to_the_likelihood_and_spoils_no_other(corrector, toy_bundle):
    clean = corrector(made_up(5).features)
    spoilt = made_up(5)
    spoilt.features.images[2, 3, 3, 0] = np.nan
    found = corrector(spoilt.features)
    assert found.lost.tolist() == [False, False, True, False, False]
    assert not found.g[2].any()
    np.testing.assert_array_equal(found.y_map[2], spoilt.features.y_map[2])
    others = ~found.lost
    np.testing.assert_array_equal(found.g[others], clean.g[others])
    model = MassModel.from_bundle(read_bundle(toy_bundle))
    density = model(spoilt.features, spoilt.redshift).posterior.density[2]
    np.testing.assert_allclose(density, normalised(spoilt.features.ln_likelihood)[2])


def test_corrections_between_nodes_are_cubic():
    nodes = mass_nodes(GRID)
    on_grid = ((nodes - GRID[200]) ** 3) @ interpolation(GRID, GRID)
    np.testing.assert_allclose(on_grid, (GRID - GRID[200]) ** 3, atol=1e-9)


def test_the_loss_is_what_is_lost_in_ln_p(block, recipe):
    """Against posteriors that are made, normalised and read on the grid."""
    lesson = CorrectionLesson(recipe)
    _, targets = lesson(block)
    rng = np.random.default_rng(2)
    g = 0.3 * rng.standard_normal((70, 24)).astype(np.float32)
    loss = _loss_of(lesson)
    corrected = normalised(block.features.ln_likelihood + g @ interpolation(GRID, GRID))
    exact = normalised(block.features.ln_likelihood)
    ln_mass = np.log(block.m200c)
    width = GRID.size * (GRID[1] - GRID[0])
    after, before = (
        np.log((1.0 - FLOOR) * np.exp(ln_density_at(GRID, density, ln_mass)) + FLOOR / width)
        for density in (corrected, exact)
    )
    gain = after - before
    np.testing.assert_allclose(np.asarray(loss(targets["g"], g)), -gain, atol=3e-3)
    np.testing.assert_allclose(np.asarray(loss(targets["g"], 0.0 * g)), 0.0, atol=1e-5)
    # a constant changes no posterior
    np.testing.assert_allclose(np.asarray(loss(targets["g"], g + 3.0)), -gain, atol=3e-3)


def test_the_target_of_the_map_is_what_is_missing_over_its_error(block, recipe):
    lesson = CorrectionLesson(recipe)
    _, targets = lesson(block)
    seen = block.features
    missing = 0.1 * seen.y_map / seen.y_sigma[:, None, None]
    np.testing.assert_allclose(targets["y"][..., 0], missing, rtol=1e-3, atol=1e-4)


def _loss_of(lesson):
    ops = load_keras().ops
    minus_gain = lesson.losses["loss"]["g"]
    return lambda targets, g: minus_gain(ops.convert_to_tensor(targets), ops.convert_to_tensor(g))
