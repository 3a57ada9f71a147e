"""Random instruments: within their ranges, each with a band that sees clusters, and the same for one seed."""

import numpy as np
import pytest

from szmass_cli.config import InstrumentsConfig
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer
from szmass_cli.training.instruments import draw_instruments

RANGES = InstrumentsConfig()


@pytest.fixture(scope="module")
def drawn():
    return draw_instruments(RANGES, 200, np.random.default_rng(1))


def bands_of(instruments):
    return [band for instrument in instruments for band in instrument.bands]


def test_numbers_stay_within_their_ranges_and_fill_them(drawn):
    bands = bands_of(drawn)
    assert {len(instrument) for instrument in drawn} == {1, 2, 3, 4}
    for values, low, high in (
        ([band.frequency_ghz for band in bands], 27, 280),
        ([band.beam.fwhm_arcmin for band in bands], 0.9, 3.0),
        ([band.noise_uk_arcmin for band in bands], 1, 80),
        ([band.red_noise.ell_knee for band in bands if band.red_noise], 100, 6000),
        ([band.red_noise.slope for band in bands if band.red_noise], -4.5, -2.5),
    ):
        assert low <= min(values) and max(values) <= high
        assert max(values) - min(values) > 0.9 * (high - low)


def test_bands_of_one_instrument_are_apart(drawn):
    for instrument in drawn:
        frequencies = [band.frequency_ghz for band in instrument.bands]
        assert np.all(np.diff(np.log(frequencies)) > 0.149)


def test_every_instrument_has_a_band_that_sees_clusters(drawn):
    """The SZ effect vanishes at 217 GHz, and beams of 3' hide distant clusters."""
    for instrument in drawn:
        assert any(
            (80 <= band.frequency_ghz <= 180 or band.frequency_ghz >= 250)
            and band.beam.fwhm_arcmin <= 2.2
            and band.noise_uk_arcmin <= 40
            for band in instrument.bands
        )


def test_noise_is_correlated_in_half_of_them_and_filters_are_of_both_kinds(drawn):
    correlations = [instrument.noise_correlation for instrument in drawn]
    assert set(correlations) == {0.0, 0.9}
    assert np.mean(np.array(correlations) > 0) == pytest.approx(0.5, abs=0.12)
    filters = [instrument.bands[0].transfer for instrument in drawn]
    kinds = {type(one) for one in filters}
    assert kinds == {type(None), IsotropicTransfer, PlaneTransfer}
    assert np.mean([one is not None for one in filters]) == pytest.approx(0.3, abs=0.12)
    for one in filters:
        if one is None:
            continue
        # scales of clusters pass, and waves along the scan of any length of the other component do not
        assert one(5000.0, 0.0) == pytest.approx(1.0, abs=1e-3)
        assert one(30.0, 0.0) < 0.2
        if isinstance(one, PlaneTransfer):
            assert one.mirror_symmetric and one(30.0, 5000.0) < 0.2


def test_one_seed_is_one_set_of_instruments():
    one, same, other = (draw_instruments(RANGES, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert [band.frequency_ghz for band in bands_of(one)] == [band.frequency_ghz for band in bands_of(same)]
    assert [band.frequency_ghz for band in bands_of(one)] != [band.frequency_ghz for band in bands_of(other)]


def test_ranges_without_any_useful_band_still_give_instruments():
    hopeless = RANGES.model_copy(update={"min_noise_uk_arcmin": 60.0})
    assert len(draw_instruments(hopeless, 2, np.random.default_rng(1))) == 2


def test_more_bands_than_fit_in_are_not_drawn():
    narrow = RANGES.model_copy(
        update={"min_frequency_ghz": 140.0, "max_frequency_ghz": 160.0, "min_bands": 4}
    )
    assert {len(instrument) for instrument in draw_instruments(narrow, 5, np.random.default_rng(1))} == {1}


def test_stripes_are_in_the_stated_fraction_and_of_both_symmetries(drawn):
    striped = draw_instruments(RANGES.model_copy(update={"striped": 0.4}), 200, np.random.default_rng(1))
    assert all(instrument.stripes is None for instrument in drawn)
    found = [instrument.stripes for instrument in striped if instrument.stripes is not None]
    assert len(found) / 200 == pytest.approx(0.4, abs=0.12)
    assert {stripes.mirror_symmetric for stripes in found} == {True, False}
