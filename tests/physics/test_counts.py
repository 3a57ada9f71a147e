"""Counts of radio and dusty galaxies against the published tables that they are made from."""

import numpy as np
import pytest
from scipy import integrate

from szmass_cli.physics.counts import (
    DUSTY_STAR_MJY,
    FAINTEST_MJY,
    dusty_counts,
    radio_counts,
)
from szmass_cli.physics.spectra import cl_from_dl

REICHARDT_POISSON_DL3000 = 7.24


def dl3000(cl_uk2_sr: float) -> float:
    return cl_uk2_sr / float(cl_from_dl(3000.0, 1.0))


def test_radio_counts_are_those_of_the_published_table():
    counts = radio_counts()
    # rows of the table: S [Jy], dN/dS [1/Jy/sr]
    for jansky, per_jansky_sr in ((1e-4, 1.16e9), (1e-3, 1.85e7), (1e-2, 1.98e5), (0.1, 1.71e3)):
        found = np.exp(np.interp(np.log(jansky * 1e3), np.log(counts.flux_mjy), np.log(counts.per_mjy_deg2)))
        assert found == pytest.approx(per_jansky_sr / 1e3 / (180.0 / np.pi) ** 2, rel=5e-3)


def test_radio_galaxies_below_6_4_mjy_have_about_the_power_that_spt_measured():
    # 1.06 +- 0.17 of George et al. 2015, 1.01 +- 0.17 of Reichardt et al. 2021
    assert dl3000(radio_counts().poisson_uk2_sr(FAINTEST_MJY, 6.4)) == pytest.approx(1.03, abs=0.17)


def test_poisson_power_is_the_integral_of_the_squared_flux():
    counts = radio_counts()
    millijansky = np.geomspace(0.3, 6.4, 20_000)
    per_mjy = np.exp(np.interp(np.log(millijansky), np.log(counts.flux_mjy), np.log(counts.per_mjy_deg2)))
    squared_jy2_sr = integrate.simpson(millijansky**2 * per_mjy, x=millijansky) * 1e-6 * (180.0 / np.pi) ** 2
    # 1 uK is 398.5 Jy/sr at 150 GHz
    assert counts.poisson_uk2_sr(0.3, 6.4) == pytest.approx(squared_jy2_sr / 398.5**2, rel=2e-3)


@pytest.mark.parametrize("counts", [radio_counts(), dusty_counts(5e-6)], ids=["radio", "dusty"])
def test_drawn_fluxes_have_the_number_and_the_power_of_the_counts(counts):
    drawn = counts.draw_mjy(np.random.default_rng(1), 200_000, 0.3, 2.0)
    assert drawn.min() >= 0.3 and drawn.max() <= 2.0
    mean_square = np.mean(drawn**2)
    expected = counts.poisson_uk2_sr(0.3, 2.0) / counts.per_deg2(0.3, 2.0)
    per_mjy2 = counts.poisson_uk2_sr(0.5, 0.5001) / counts.per_deg2(0.5, 0.5001) / 0.5**2
    assert mean_square * per_mjy2 == pytest.approx(expected, rel=0.01)
    assert np.mean(drawn > 1.0) == pytest.approx(
        counts.per_deg2(1.0, 2.0) / counts.per_deg2(0.3, 2.0), rel=0.03
    )


def test_dusty_counts_have_the_power_they_are_asked_for_and_the_index_of_dust():
    wanted = float(cl_from_dl(3000.0, REICHARDT_POISSON_DL3000))
    counts = dusty_counts(wanted)
    assert counts.poisson_uk2_sr(FAINTEST_MJY, 1e3) == pytest.approx(wanted, rel=0.01)
    # where the exponential cut sets in tells by how much fluxes changed from 250 to 150 GHz
    ln_slope = np.gradient(np.log(counts.per_mjy_deg2), np.log(counts.flux_mjy))
    there = counts.flux_mjy < 3.0
    star_mjy = float(np.interp(3.12, -ln_slope[there], counts.flux_mjy[there]))
    index = np.log(DUSTY_STAR_MJY / star_mjy) / np.log(250.0 / 150.0)
    assert index == pytest.approx(3.55, abs=0.05)


def test_scaled_counts_have_more_or_brighter_sources():
    counts = radio_counts()
    assert counts.scaled(number=2.0).per_deg2(1.0, 5.0) == pytest.approx(2.0 * counts.per_deg2(1.0, 5.0))
    brighter = counts.scaled(flux=3.0)
    assert brighter.per_deg2(3.0, 15.0) == pytest.approx(counts.per_deg2(1.0, 5.0), rel=1e-6)
