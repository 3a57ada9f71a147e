"""What a network sees: alike for all instruments, and nothing that names one."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from szmass_cli.config import parse_config
from szmass_cli.likelihood.features import (
    IMAGE_SIDE,
    LabelledFeatures,
    features,
    mass_nodes,
    n_curves,
    reference_band,
)
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.cutoutsky import CutoutSky

SKY = SkyModel(
    parse_config(
        """
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
""",
        "sky.yaml",
    ),
    5000.0 * (CMB_ELL / 200.0) ** -1.5,
)
GRID = mass_grid((1e14, 1.5e15))
DEEP = Instrument((Band(150.0, Beam(1.2), 4.0),))
TWO = Instrument((Band(98.0, Beam(2.1), 14.0), Band(150.0, Beam(1.4), 10.0)))


class Survey:
    """Simulated cutouts of one instrument, with what they are made of."""

    def __init__(self, instrument, n=400, seed=1, bare=False):
        rng = np.random.default_rng(seed)
        self.likelihood = SKY.likelihood(instrument)
        self.scores = ScoreImages(self.likelihood)
        self.contamination = SKY.contamination(self.likelihood)
        self.m200c = np.exp(rng.uniform(np.log(1e14), np.log(1.5e15), n))
        self.redshift = np.exp(rng.uniform(np.log(0.2), np.log(1.2), n))
        scales = cluster_scales(self.m200c, self.redshift, self.likelihood.model)
        own = self.likelihood.templates.images.images(scales)
        images = CutoutSky(SKY.power(instrument.bands), instrument).draw(rng, n)
        self.images = images if bare else images + own
        band = reference_band(instrument)
        uk_per_y = instrument.bands[band].response.tsz_uk_per_y(scales.kt_kev)
        self.y_map = own[..., band] / uk_per_y[:, None, None]

    def features(self, rows=slice(None), **options):
        weighed = self.likelihood.weigh(self.images[rows])
        return features(
            self.likelihood, self.scores, self.contamination, weighed, self.redshift[rows], GRID, **options
        )


@pytest.fixture(scope="module")
def deep():
    return Survey(DEEP)


@pytest.fixture(scope="module")
def seen(deep):
    return deep.features()


def test_shapes_do_not_depend_on_the_number_of_bands(seen):
    two = Survey(TWO, n=8).features()
    for found, n in ((seen, 400), (two, 8)):
        assert len(found) == n
        assert found.images.shape == (n, IMAGE_SIDE, IMAGE_SIDE, 4) and found.images.dtype == np.float32
        assert found.curves.shape == (n, n_curves("central_source")) and found.curves.dtype == np.float32
        assert found.ln_likelihood.shape == (n, 400)
        for name in ("images", "curves", "ln_likelihood", "snr", "y_map", "y_sigma"):
            assert np.isfinite(getattr(found, name)).all(), name


@pytest.mark.parametrize("instrument", [DEEP, TWO])
def test_bare_skies_look_alike_for_all_instruments(instrument):
    """Score images have unit variance on bare sky, means over 2 x 2 pixels a little less."""
    bare = Survey(instrument, n=600, bare=True).features()
    rms = np.sqrt(np.mean((3.0 * np.sinh(bare.images)) ** 2, axis=(0, 1, 2)))
    assert np.all((rms > 0.8) & (rms < 1.02))


def test_curves_are_those_of_the_likelihood(deep, seen):
    nodes = mass_nodes(GRID)
    ln_l = deep.likelihood.ln_likelihood(deep.likelihood.weigh(deep.images[:3]), GRID, deep.redshift[:3])
    ln_l -= ln_l.max(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.ln_likelihood[:3], ln_l, atol=1e-8)
    np.testing.assert_allclose(
        np.sinh(seen.curves[:3, :24]), CubicSpline(GRID, ln_l, axis=1)(nodes), rtol=2e-3, atol=2e-3
    )
    scales = cluster_scales(np.exp(nodes), deep.redshift[:3, None], deep.likelihood.model)
    projection, fisher = deep.likelihood.matched(deep.likelihood.weigh(deep.images[:3]), scales)
    found, expected = (2.0 * np.sinh(seen.curves[:3, part]) for part in (slice(24, 48), slice(48, 72)))
    np.testing.assert_allclose(found, projection / np.sqrt(fisher), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(expected, np.sqrt(fisher), rtol=1e-4)
    np.testing.assert_allclose(seen.curves[:, 72], np.log(deep.redshift), rtol=1e-6)


def test_the_cluster_is_gone_from_all_images_but_the_first(seen):
    """The middle of the first image is what makes the S/N; the others are as faint there as bare sky."""
    strong = seen.snr > 15
    assert strong.sum() > 50
    middle = 3.0 * np.sinh(seen.images[strong, 8:12, 8:12])
    assert np.all(middle[..., 0].mean(axis=(1, 2)) < -3.0)
    assert np.all(np.sqrt(np.mean(middle[..., 1:] ** 2, axis=(0, 1, 2))) < 1.5)


def test_a_likelihood_of_ones_own_takes_the_place_of_the_likelihood(deep):
    own = np.tile(-0.5 * ((GRID - np.log(4e14)) / 0.1) ** 2, (5, 1)) + 7.0
    found = deep.features(slice(0, 5), ln_likelihood=own)
    np.testing.assert_allclose(found.ln_likelihood, own - own.max(axis=1, keepdims=True))


def test_mean_maps_of_y_are_those_of_the_clusters_within_their_errors(deep, seen):
    """Of clusters without scatter: residuals in the middle scatter by one error at most, without a bias."""
    error = (seen.y_map - deep.y_map)[:, 19:21, 19:21].mean(axis=(1, 2)) / seen.y_sigma
    assert abs(error.mean()) < 0.2 and error.std() < 1.0
    strong = seen.snr > 20
    ratio = seen.y_map[strong, 19, 19] / deep.y_map[strong, 19, 19]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)


def test_the_reference_band_has_the_most_signal_over_noise():
    bands = (Band(220.0, Beam(1.0), 1.0), Band(98.0, Beam(2.0), 10.0), Band(150.0, Beam(1.4), 40.0))
    assert reference_band(Instrument(bands)) == 1


def test_rows_do_not_know_of_each_other(deep, seen):
    rows = np.array([7, 200, 31])
    few = deep.features(rows)
    for name in ("images", "curves", "y_map"):
        np.testing.assert_allclose(getattr(few, name), getattr(seen[rows], name), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(few.ln_likelihood, seen.ln_likelihood[rows], rtol=1e-7, atol=1e-7)


def test_labelled_features_are_joined_and_cut(deep, seen):
    whole = LabelledFeatures(seen, deep.m200c, deep.redshift, deep.y_map)
    parts = LabelledFeatures.concatenate([whole[:100], whole[100:]])
    assert len(parts) == 400
    np.testing.assert_array_equal(parts.m200c, deep.m200c)
    np.testing.assert_array_equal(parts.features.images, seen.images)
    np.testing.assert_array_equal(parts[np.array([5, 3])].features.curves, seen.curves[[5, 3]])
