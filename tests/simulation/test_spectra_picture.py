"""The panels of ratios: what has no signal is left out, what does not fit in is marked."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from szmass_cli.config import SkyConfig
from szmass_cli.physics.foregrounds import FOREGROUNDS
from szmass_cli.simulation.figures.spectra import InputSpectra, _draw_curves, _draw_ratio, ratios
from szmass_cli.sky.measured import MeasuredSpectra

PAIR = (0, 1)


@pytest.fixture
def spectra():
    """Five bins of a cross spectrum: two good ones, one far above, one far below, one without signal."""

    def of_two_bands(values):
        return np.broadcast_to(values, (2, 2, 5))

    return MeasuredSpectra(
        "cross",
        np.array([1000.0, 2000, 3000, 4000, 5000]),
        of_two_bands([101.0, 99, 18, 2, 30]),
        of_two_bands([100.0, 100, 10, 10, 0.1]),
        of_two_bands([1.0, 1, 4, 4, 5]),
        of_two_bands([100.0, 100, 10, 10, 0.1]),
    )


def test_bins_without_signal_are_left_out(spectra):
    ell, ratio, error = ratios(spectra, PAIR)
    assert list(ell) == [1000, 2000, 3000, 4000]
    np.testing.assert_allclose(ratio, [1.01, 0.99, 1.8, 0.2])
    np.testing.assert_allclose(error, [0.01, 0.01, 0.4, 0.4])


def test_a_negative_spectrum_has_signal_too(spectra):
    minus = MeasuredSpectra(
        "cross",
        spectra.ell,
        *(-v for v in (spectra.measured, spectra.expected)),
        spectra.error,
        -spectra.input,
    )
    assert [list(v) for v in ratios(minus, PAIR)] == [list(v) for v in ratios(spectra, PAIR)]


def test_points_beyond_the_panel_are_arrows_at_its_edge(spectra):
    axes = Figure().subplots()
    axes.set_xlim(400, 10_000)
    _draw_ratio(axes, [spectra], PAIR)
    arrows = {line.get_marker(): line.get_xydata() for line in axes.lines if line.get_marker() in "^v"}
    low, high = axes.get_ylim()
    assert high < 1.8 and low > 0.2
    assert arrows["^"][:, 0].tolist() == [3000] and arrows["v"][:, 0].tolist() == [4000]
    assert 0.8 * (high - 1) < arrows["^"][0, 1] - 1 < high - 1
    assert 0.8 * (1 - low) < 1 - arrows["v"][0, 1] < 1 - low


def test_no_arrow_where_everything_fits(spectra):
    axes = Figure().subplots()
    good = MeasuredSpectra(
        "good",
        spectra.ell[:2],
        *(v[..., :2] for v in (spectra.measured, spectra.expected, spectra.error)),
        spectra.input[..., :2],
    )
    _draw_ratio(axes, [good], PAIR)
    assert not sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() in "^v")


def test_every_component_of_a_sky_has_a_label_and_a_colour_of_its_own():
    """A foreground that the registry has is never drawn as noise."""
    sky = SkyConfig(foreground_spectra={"tsz_dust_correlation": 0.1}, noise_uk_arcmin=5.0, ell_knee=2000)
    given = InputSpectra.of(sky, sky.build_instrument(), 5000.0)
    there = [row for row in FOREGROUNDS if row.dl3000_uk2 > 0]
    assert {row.name for row in there} <= given.components.keys()
    axes = Figure().subplots()
    _draw_curves(axes, given, (0, 0))
    labels = [line.get_label() for line in axes.lines]
    assert len(labels) == 1 + len(given.components) == len(set(labels))
    assert labels.count("noise") == 1 and {row.label for row in there} <= set(labels)
    colours = [line.get_color() for line in axes.lines]
    assert len(set(colours)) == len(colours)
    # and the noise is the sum of white and 1/f: twice the white one at its knee
    ell, noise = given.ell, given.components["noise"][0, 0]
    white = (5.0 * np.pi / 10_800) ** 2 * 2000 * 2001 / (2 * np.pi)
    assert np.interp(2000, ell, noise) == pytest.approx(2 * white, rel=1e-3)
