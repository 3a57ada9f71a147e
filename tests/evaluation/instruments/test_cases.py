"""Cases: what is simulated, what is told, and skies that several instruments see."""

from dataclasses import replace

import numpy as np
import pytest

from szmass_cli.config import load_config
from szmass_cli.evaluation.instruments.cases import (
    Assumed,
    Case,
    cell_cases,
    outside_case,
    preset_cases,
    sky_of,
    white_band,
)
from szmass_cli.evaluation.instruments.simulation import ViewSimulator
from szmass_cli.evaluation.instruments.variations import (
    central_source_uk,
    concentration_cases,
    filter_cases,
    filtered,
    mismatch_cases,
    position_cases,
    scan_filter,
)
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam, TabulatedBeam
from szmass_cli.physics.transfers import PlaneTransfer


@pytest.fixture(scope="module")
def sky():
    """Of the shipped model, which carries the CMB's power."""
    return read_bundle("survey").sky_model


def test_surveys_have_three_bands_with_and_without_common_noise(sky):
    cases = preset_cases(sky)
    assert len(cases) == 8 and len({case.name for case in cases}) == 8
    for case in cases:
        bands = case.truth.instrument.bands
        assert len(bands) == 3 and case.pivot_band == 1 and case.is_told_the_truth
        for band, near in zip(bands, (95.0, 150.0, 220.0), strict=True):
            assert abs(band.frequency_ghz / near - 1) < 0.05
            assert band.red_noise is not None
    assert [case.truth.instrument.noise_correlation for case in cases] == [0.0, 0.9] * 4
    # ACT's beams are the measured ones
    assert isinstance(cases[-1].truth.instrument.bands[0].beam, TabulatedBeam)


def test_cells_are_the_25_of_the_first_report(sky):
    cases = cell_cases(sky)
    assert len(cases) == 25 and {case.clusters.redshift for case in cases} == {0.2, 0.4, 0.7, 1.0, 1.5}
    assert all(len(case.truth.instrument) == 1 for case in cases)


def test_the_outside_case_is_beyond_training_in_beam_and_in_noise(sky):
    ranges = sky.config.instruments
    bands = outside_case(sky).truth.instrument.bands
    assert min(band.beam.fwhm_arcmin for band in bands) < ranges.min_beam_fwhm_arcmin
    assert all(band.noise_uk_arcmin < ranges.min_noise_uk_arcmin for band in bands)


def test_a_sky_of_other_foregrounds_is_simulated_and_not_told(sky):
    config = load_config("spt-3g")
    assert sky_of(sky, config.sky) is sky
    more = config.sky.foregrounds_dl3000_uk2.model_copy(update={"radio": 5.0})
    other = sky_of(sky, config.sky.model_copy(update={"foregrounds_dl3000_uk2": more}))
    assert other is not sky and other.config.clusters == sky.config.clusters
    band = white_band(1.0, 5.0).bands
    assert np.all(other.power(band).cl_uk2_sr[0, 0] > sky.power(band).cl_uk2_sr[0, 0])


def test_scan_filters_take_away_what_they_say():
    one, both = scan_filter(300.0), scan_filter(500.0, 800.0)
    x = np.array([0.0, 290.0, 310.0, 490.0, 550.0, 790.0, 5000.0])
    np.testing.assert_allclose(one(x, 40.0), [0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(one(-x, 5000.0), [0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(both(x, 10.0), [0, 0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(both(550.0, np.array([0.0, 5000.0])), [0, 1])
    assert one.mirror_symmetric and both.mirror_symmetric


def test_views_are_one_sky_with_one_noise(sky):
    """Seen through a filter that passes all, it is the same to rounding and quadrature: 0.5 µK of 90."""
    instrument = load_config("spt-3g").sky.build_instrument().only((1,))
    everything = PlaneTransfer(np.array([-1.0, 1.0]), np.array([-1.0, 1.0]), np.ones((2, 2)))
    simulator = ViewSimulator(sky, instrument, filtered(instrument, everything))
    block = simulator.block(sky.config.clusters, np.random.default_rng(1))
    assert block.images_uk.shape == (256, 40, 40, 2)
    apart = block.view(0) - block.view(1)
    apart -= apart.mean(axis=(1, 2), keepdims=True)
    assert apart.std() < 0.01 * block.view(0).std()


def test_a_cut_takes_power_from_the_sky_and_not_from_the_noise(sky):
    instrument = white_band(1.0, 5.0)
    simulator = ViewSimulator(sky, instrument, filtered(instrument, scan_filter(2000.0)))
    block = simulator.block(sky.config.clusters, np.random.default_rng(2))
    plain, cut = (block.view(index) for index in (0, 1))
    assert cut.std() < 0.6 * plain.std()
    step = np.diff(cut - plain, axis=2)
    assert step.std() < 0.3 * np.diff(plain, axis=2).std()  # the noise of 20 µK is gone from the difference


def test_clusters_are_the_same_whatever_the_sky(sky):
    clusters = sky.config.clusters
    blocks = [
        next(ViewSimulator(sky, white_band(fwhm, 5.0)).blocks(clusters, 30, 3, 7)) for fwhm in (1.0, 2.0)
    ]
    np.testing.assert_array_equal(blocks[0].m200c_msun, blocks[1].m200c_msun)
    np.testing.assert_array_equal(blocks[0].redshift, blocks[1].redshift)
    assert len(blocks[0]) == 30 and not np.array_equal(blocks[0].images_uk, blocks[1].images_uk)


def test_depths_scale_the_noise_of_each_cutout(sky):
    simulator = ViewSimulator(sky, white_band(1.0, 200.0), depth_range=4.0)
    block = simulator.block(sky.config.clusters, np.random.default_rng(4))
    ratio = block.variance_ratio[:, 0]
    assert 0.5 <= ratio.min() < 0.55 and 1.8 < ratio.max() <= 2.0
    # steps between neighbouring pixels are noise: twice its variance
    found = np.diff(block.view(0)[..., 0], axis=2).var(axis=(1, 2)) / 2 / (200.0 / 0.25) ** 2
    np.testing.assert_allclose(found, ratio, rtol=0.2)


def test_what_is_told_is_what_stays(sky):
    """Of maps that are not as stated only the truth changes; of what is not told only the telling."""
    instrument = load_config("spt-3g").sky.build_instrument()
    cases = mismatch_cases(sky, instrument, "spt-3g")
    assert cases[0].is_told_the_truth and not any(case.is_told_the_truth for case in cases[1:])
    assert len({case.name for case in cases}) == len(cases) == 12
    assert all(case.told.instrument is instrument and case.told.sky is sky for case in cases)
    for told, not_told in (
        position_cases(sky, instrument, "a"),
        concentration_cases(sky, instrument, "a"),
        filter_cases(sky, instrument, "a", {"cut": scan_filter(300.0)}),
    ):
        assert told.truth is not_told.truth and told.clusters == not_told.clusters
    assert position_cases(sky, instrument, "a")[0].clusters.miscentring_arcmin == 0.3
    assert all(case.counts_flags for case in cases)


def test_a_source_on_the_cluster_has_its_flux_behind_each_beam():
    """dB_nu/dT of the CMB is 398.5 MJy/sr/K at 150 GHz, 220.7 at 95 GHz; a square arcminute 8.4616e-8 sr."""
    bands = (Band(150.0, Beam(1.4), 10.0), Band(95.0, Beam(2.0), 10.0))
    image = central_source_uk(Instrument(bands))
    assert image.shape == (40, 40, 2)
    mjy = 0.25**2 * image.sum(axis=(0, 1)) * 1e-6 * np.array([398.5, 220.7]) * 1e9 * 8.4616e-8
    # as a flux it goes as nu^-0.7
    np.testing.assert_allclose(mjy, [5.0, 5.0 * (95 / 150) ** -0.7], rtol=2e-3)
    assert image[19, 19, 0] == image[..., 0].max()


def test_behind_a_filter_it_is_the_unfiltered_sky_that_is_true(sky):
    instrument = white_band(1.0, 5.0)
    told, not_told = filter_cases(sky, instrument, "a", {"cut": scan_filter(300.0)})
    for case in (told, not_told):
        assert case.truth.instrument is instrument and len(case.views) == 2 and not case.is_told_the_truth
    assert told.told.instrument is told.views[1] and not_told.told.instrument is instrument


def test_positions_are_marginalised_where_they_are_uncertain(sky):
    assumed = Assumed.of(sky, white_band(1.0, 5.0))
    likelihood = assumed.likelihood()
    assert assumed.positions(likelihood) is None
    assert replace(assumed, position_error_arcmin=0.3).positions(likelihood) is not None


def test_a_case_keeps_its_truth_when_something_else_is_told(sky):
    case = Case.as_told("a", sky, white_band(1.0, 5.0))
    other = case.told_of("b", position_error_arcmin=0.2)
    assert other.truth is case.truth and not other.is_told_the_truth and other.name == "b"
