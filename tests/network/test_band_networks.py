"""Networks of several bands: what they see, what they are taught, and how they are kept."""

import shutil

import numpy as np
import pytest

from szmass_cli.config import NetworkConfig, parse_config
from szmass_cli.errors import InputError
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.likelihood.optimal import MatchedFilter, NoiseLevel, OptimalEstimator
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.inputs import Labels, NetworkInput
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.sky.stamps import reference_band, sz_weights
from szmass_cli.training import run as stage
from szmass_cli.training.run import train

TWO = """
sky:
  bands:
    - {frequency_ghz: 95, beam_fwhm_arcmin: 1.6, noise_uk_arcmin: 6}
    - {frequency_ghz: 150, beam_file: beam.txt, noise_uk_arcmin: 5}
clusters: {masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.6e+15}}
network: {base_filters: 2, input: filtered, dropout_rate: 0}
training: {cutouts_per_epoch: 480, validation_cutouts: 128, batch_size: 32, max_epochs: 1}
calibration: {cutouts_per_redshift: 300, redshifts: [0.7], min_m200c_msun: 1.0e+14, max_m200c_msun: 1.6e+15}
"""


@pytest.fixture(scope="module", autouse=True)
def few_evaluated(quick_training):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "N_EVALUATED", 100)
        yield


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    ell = np.arange(0, 40_000, 20.0)
    np.savetxt(folder / "beam.txt", np.column_stack([ell, Beam(1.0).b_ell(ell)]))
    return parse_config(TWO, "two.yaml", folder)


@pytest.fixture(scope="module")
def two_bands(survey):
    return CutoutSimulator(survey)


def test_the_band_nearest_150_ghz_stands_for_all(two_bands):
    assert reference_band([95, 148.9, 220]) == 1 and reference_band([27, 39]) == 1
    # f(95) / f(150) = -1.5540 / -0.9533 (Sunyaev & Zel'dovich 1972)
    np.testing.assert_allclose(sz_weights(two_bands.bands), [1.5540 / 0.9533, 1.0], rtol=2e-4)


def test_the_sz_filter_adds_up_to_the_matched_filter(two_bands):
    """t^T C^-1 d of a point-like cluster, through its beams, is the filtered stamp at its place."""
    rng = np.random.default_rng(1)
    images = two_bands.sky.draw(rng, 3)
    filtered = images.reshape(3, -1) @ two_bands.sky.sz_filter.full().T
    # what a unit signal in pixel (20, 20) looks like in each band, by a convolution done here
    offsets = (np.arange(40) - 20) * 0.25
    distance = np.hypot(offsets[:, None], offsets[None, :])
    weights = sz_weights(two_bands.bands)
    template = np.stack(
        [
            w * np.exp(-4 * np.log(2) * (distance / fwhm) ** 2)
            for w, fwhm in zip(weights, (1.6, 1.0), strict=True)
        ],
        axis=-1,
    )
    template /= template.sum(axis=(0, 1)) / weights
    expected = images.reshape(3, -1) @ two_bands.sky.inverse_covariance @ template.ravel()
    got = filtered[:, 20 * 40 + 20]
    np.testing.assert_allclose(got, expected, atol=0.02 * np.abs(filtered).max())


def test_filtered_input_has_a_channel_for_each_band_and_one_for_the_signal(two_bands):
    inputs = NetworkInput.create(NetworkConfig(input="filtered"), two_bands.sky, two_bands.bands, 300.0)
    images = two_bands.sky.draw(np.random.default_rng(2), 1000)
    got = inputs(images)
    assert inputs.channels == 3 and got.shape == (1000, 40, 40, 3)
    assert np.sqrt(np.mean(got[..., 2] ** 2)) == pytest.approx(1 / 3, rel=0.02)
    flat = inputs(np.broadcast_to(np.array([300.0, 600.0]), (1, 40, 40, 2)))
    np.testing.assert_allclose(flat[0, ..., 0], 1.0, rtol=1e-5)
    np.testing.assert_allclose(flat[0, ..., 1], 2.0, rtol=1e-5)
    plain = NetworkInput.create(NetworkConfig(input="plain"), two_bands.sky, two_bands.bands, 300.0)
    np.testing.assert_array_equal(plain(images), images / np.float32(300.0))


def test_the_label_is_the_signal_at_150_ghz(two_bands, survey):
    labels = Labels.create(survey, two_bands.stamps)
    (block,) = two_bands.blocks(survey.clusters, 8, 1, Stream.USER)
    assert labels.band == 1
    np.testing.assert_allclose(labels.maps(block)[..., 0] * labels.scale_uk, block.sz[..., 1], rtol=1e-5)
    assert np.abs(block.image).max() / labels.scale_uk < 2.5


def test_two_bands_tell_more_than_either(two_bands, survey):
    """The best possible error of a mass, and the signal-to-noise, with one band and with both."""
    clusters = survey.clusters
    (block,) = two_bands.blocks(clusters, 256, 3, Stream.TEST)
    errors, snr = {}, {}
    for frequencies in ([95], [150], [95, 150]):
        part = CutoutSimulator(survey.with_frequencies(frequencies))
        channels = [0, 1] if len(frequencies) == 2 else [int(frequencies[0] == 150)]
        images = block.image[..., channels]
        best = OptimalEstimator(part.sky, part.stamps, 0.7, 0.2, (1e14, 1.6e15))
        median = best.posterior(images).percentile(50)
        errors[len(channels), frequencies[0]] = np.std(np.log(median / block.m200c))
        templates = part.stamps.mean_images(np.array([3e14]), 0.7)
        snr[len(channels), frequencies[0]] = MatchedFilter(part.sky).snr(templates, templates)[0]
    assert snr[2, 95] > 1.1 * max(snr[1, 95], snr[1, 150])
    # S/N of independent bands would add in quadrature; the CMB is common and is taken out besides
    assert errors[2, 95] < min(errors[1, 95], errors[1, 150])


def test_noise_level_is_one_on_the_sky_of_all_bands(two_bands):
    ratio = NoiseLevel(two_bands.sky).ratio(two_bands.sky.draw(np.random.default_rng(5), 500))
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1, abs=0.02)


@pytest.fixture(scope="module")
def bundle_folder(survey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "two"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("szmass_cli.training.run.N_EVALUATED", 300)
        train(survey, folder)
    return folder


def test_training_ends_in_a_bundle_of_two_bands_with_its_own_beam(bundle_folder, survey):
    bundle = read_bundle(bundle_folder)
    metadata = bundle.metadata
    assert metadata.frequency_ghz == (95.0, 150.0) and metadata.noise_uk_arcmin == (6.0, 5.0)
    assert metadata.beam_fwhm_arcmin == pytest.approx((1.6, 1.0), rel=1e-3)
    assert bundle.labels.band == 1 and bundle.sky_power.n_bands == 2
    # the beam's file travels with it
    assert (bundle_folder / "beam_150.txt").is_file() and "beam_150.txt" in metadata.sha256
    ell = np.array([1000.0, 5000.0])
    np.testing.assert_allclose(bundle.bands[1].beam.b_ell(ell), Beam(1.0).b_ell(ell), rtol=1e-3)
    assert "95, 150 GHz" in (bundle_folder / "README.md").read_text()
    with_scatter = read_metrics(bundle_folder / "report" / "metrics.json").scatter[0]
    # an epoch of 480 cutouts teaches little; the best possible is that of two bands
    assert 0.1 < with_scatter.best_possible.std < with_scatter.network.std


def test_a_beam_of_somewhere_else_is_refused(bundle_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(bundle_folder, copy)
    (copy / "beam_150.txt").write_text("0 1\n")
    with pytest.raises(InputError, match=r"beam_150\.txt"):
        read_bundle(copy)
    (copy / "beam_150.txt").unlink()
    with pytest.raises(InputError, match=r"beam_150\.txt"):
        read_bundle(copy)
