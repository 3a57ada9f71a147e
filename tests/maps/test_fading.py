"""Maps that makers tapered: what is left near their edges is measured in their own fluctuations."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from szmass_cli.catalog import Flag
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.fades import without_fading
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import rows_at
from szmass_cli.estimation.strips import cut_strip
from szmass_cli.maps.fading import MIDDLES_ARCMIN, Fade, measured_fade

WIDTH, HEIGHT, PIXEL_ARCMIN = 400, 320, 1.5  # 10 x 8 degrees
TAPER_ARCMIN = 50.0


def taper(distance_arcmin):
    return np.sin(0.5 * np.pi * np.clip(distance_arcmin / TAPER_ARCMIN, 0.0, 1.0)) ** 2


def from_edge():
    """Distance [arcmin] of each pixel from the nearest edge."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.minimum(np.minimum(rows, HEIGHT - 1 - rows), np.minimum(columns, WIDTH - 1 - columns))
    return (inside + 0.5) * PIXEL_ARCMIN


@pytest.fixture(scope="module")
def positions():
    rng = np.random.default_rng(5)
    return rng.uniform(-4.7, 4.7, 60) % 360.0, rng.uniform(-3.7, 3.7, 60)


@pytest.fixture
def opened(tmp_path):
    def write(values, mask=None):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
        wcs.wcs.crval, wcs.wcs.crpix = (0.0, 0.0), (WIDTH / 2 + 0.5, HEIGHT / 2 + 0.5)
        wcs.wcs.cdelt = -PIXEL_ARCMIN / 60.0, PIXEL_ARCMIN / 60.0
        fits.writeto(tmp_path / "map.fits", values.astype("f4"), wcs.to_header(), overwrite=True)
        if mask is not None:
            fits.writeto(tmp_path / "mask.fits", mask.astype("f4"), wcs.to_header(), overwrite=True)
        request = MapRequest(
            tmp_path / "map.fits",
            frequency_ghz=150.0,
            beam=3.0,
            units="uK",
            mask=None if mask is None else tmp_path / "mask.fits",
        )
        return BandMap.open(request)

    return write


def white(seed=3):
    return 10.0 * np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH))


def fade_of(one, positions):
    return measured_fade(one.sky_map, one.weights, *positions)


def test_what_a_taper_leaves_is_measured_from_the_edge_inwards(opened, positions):
    fade = fade_of(opened(white() * taper(from_edge())), positions)
    np.testing.assert_allclose(fade.amplitude, taper(MIDDLES_ARCMIN), atol=0.08)
    assert 30.0 <= fade.width_arcmin <= 45.0  # up to 90 per cent of the power


def test_maps_without_a_taper_do_not_fade_even_with_deep_holes_and_shallow_edges(opened, positions):
    values = white()
    assert fade_of(opened(values), positions) is None
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for row, column in np.random.default_rng(1).uniform(0, (HEIGHT, WIDTH), (120, 2)):
        values[np.hypot(rows - row, columns - column) < 5] = 0.0  # sources that were cut out
    assert fade_of(opened(values), positions) is None
    assert fade_of(opened(values * (1.0 + np.exp(-from_edge() / 30.0))), positions) is None


def test_a_mask_that_leaves_the_taper_out_leaves_nothing_to_fade(opened, positions):
    mask = from_edge() > TAPER_ARCMIN
    assert fade_of(opened(white() * taper(from_edge()), mask), positions) is None


def test_cutouts_are_put_up_again_flagged_or_given_up(opened):
    """Of a map that would be 1 everywhere: in the middle, 25.5' from the edge, and 6' from it."""
    band_map = opened(taper(from_edge()))
    fade = Fade(tuple(taper(MIDDLES_ARCMIN)))
    rows = rows_at(np.array([0.0, 0.0, 0.0]), np.array([0.0, 4.0 - 25.5 / 60.0, 4.0 - 6.0 / 60.0]))
    strip = without_fading(cut_strip([band_map], rows), [band_map], [fade.amplitude])
    assert strip.flags.tolist()[:2] == [0, int(Flag.UNCALIBRATED_MAP)]
    assert strip.flags[2] & Flag.MASKED and not strip.usable[2, 0]
    # the lattice that edges are found on is 3' wide, and 3' are 6 per cent of a map there
    np.testing.assert_allclose(strip.images_uk[0], 1.0, atol=1e-3)
    assert np.median(strip.images_uk[1]) == pytest.approx(1.0, abs=0.1)


def test_nothing_is_done_to_cutouts_of_maps_that_do_not_fade(opened):
    band_map = opened(white())
    strip = cut_strip([band_map], rows_at(np.zeros(1), np.zeros(1)))
    assert without_fading(strip, [band_map], ()) is strip
