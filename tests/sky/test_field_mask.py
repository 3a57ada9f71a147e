"""Masks, depth and inverse variance of survey fields, on CAR and HEALPix."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from surveys import BARE, clusters_at, survey

from szmass_cli.config import SkyConfig
from szmass_cli.sky.mask import apodised_mask, cosine_taper
from szmass_cli.sky.survey import pixels_of, simulate_field

LOUD = SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, noise_uk_arcmin=5.0, beam_fwhm_arcmin=2.0)
KINDS = {
    "CAR": {"pixel_arcmin": 1.0},
    "HEALPix": {"pixelisation": "healpix", "nside": 2048, "frame": "galactic"},
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def make(kind, ra=1.0, dec=-55.0, **field):
    """A field of noise alone with its pixels' positions [deg]."""
    config = survey(LOUD, **kind, center_ra_deg=ra, center_dec_deg=dec, **field)
    simulated = simulate_field(config, clusters_at([ra], [dec], [1e13]), 2)
    pixels = pixels_of(config.field)
    maps = (simulated.map_uk, simulated.mask, simulated.ivars[0])
    return *(np.asarray(m).ravel() for m in maps), pixels.ra_dec_deg(slice(0, pixels.size))


def test_the_taper_is_a_cosine():
    np.testing.assert_allclose(cosine_taper([0, 1, 2, 3, 4, 9], 4.0), [0, 0.1464466, 0.5, 0.8535534, 1, 1])
    np.testing.assert_array_equal(cosine_taper([-0.1, 0.0, 0.1], 0.0), [0, 1, 1])


def test_without_taper_and_holes_the_mask_is_one(kind):
    sky, mask, *_ = make(kind)
    np.testing.assert_array_equal(mask, 1.0)
    assert np.all(sky != 0)


@pytest.mark.parametrize("dec", [-55.0, 80.0])
def test_edges_are_tapered_by_distance_on_the_sky(kind, dec):
    """Distances by astropy, from finely sampled edges."""
    half = 1.0 / np.cos(np.radians(dec))
    _, mask, _, (ra, dec_deg) = make(kind, dec=dec, apodisation_arcmin=20.0, width_deg=2 * half)
    rng = np.random.default_rng(1)
    some = rng.choice(mask.size, 300, replace=False)
    where = SkyCoord(ra[some], dec_deg[some], unit="deg")
    t = np.linspace(-1, 1, 4001)
    along = [SkyCoord(1.0 + half * t, np.full(t.size, dec + side), unit="deg") for side in (-1.0, 1.0)]
    upright = [SkyCoord(np.full(t.size, 1.0 + side), dec + 1.3 * t, unit="deg") for side in (-half, half)]
    expected = np.ones(some.size)
    for pair in (along, upright):
        distances = np.array([[w.separation(edge).arcmin.min() for w in where] for edge in pair])
        expected *= 0.5 - 0.5 * np.cos(np.pi * np.clip(distances.min(axis=0) / 20.0, 0, 1))
    # a parallel is no great circle: its nearest point counts
    inside = np.abs(dec_deg[some] - dec) < 1.0
    np.testing.assert_allclose(mask[some][inside], expected[inside], atol=0.01)
    assert np.ptp(mask) > 0.9


def test_a_field_without_edges_has_no_taper():
    config = survey(pixelisation="healpix", nside=64, width_deg=360, height_deg=180, apodisation_arcmin=60)
    mask = apodised_mask(config.field, pixels_of(config.field), np.random.default_rng(1))
    np.testing.assert_array_equal(mask, 1.0)


def test_holes_are_round_empty_and_as_many_as_asked_for(kind):
    sky, mask, ivar, _ = make(
        kind, width_deg=12.0, height_deg=6.0, holes_per_deg2=1.0, hole_radius_arcmin=5.0
    )
    assert set(np.unique(mask)) == {0.0, 1.0}
    np.testing.assert_array_equal(sky[mask == 0], 0.0)
    np.testing.assert_array_equal(ivar[mask == 0], 0.0)
    assert np.all(sky[mask > 0] != 0) and np.all(ivar[mask > 0] > 0)
    # 41 square degrees: 41 +- 6.4 holes of 0.0218 square degrees, some overlapping
    assert np.mean(mask == 0) == pytest.approx(0.0218, rel=0.5)


def test_the_map_is_multiplied_by_the_taper_around_holes(kind):
    options = {"width_deg": 6.0, "height_deg": 4.0, "holes_per_deg2": 1.0, "hole_radius_arcmin": 6.0}
    sky, mask, ivar, _ = make(kind, apodisation_arcmin=30.0, **options)
    assert 0.1 < np.mean((mask > 0) & (mask < 1)) < 0.9
    for low, high in [(0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.99, 1.1)]:
        ring = (mask > low) & (mask < high)
        assert np.std(sky[ring] / mask[ring] * np.sqrt(ivar[ring])) == pytest.approx(1, abs=0.04)


def test_the_noise_is_what_the_inverse_variance_says(kind):
    """5 µK-arcmin in the middle, 1.6 times that at the edges."""
    sky, _, ivar, (ra, dec) = make(kind, width_deg=10.0, height_deg=6.0, depth_variation=0.6)
    assert np.std(sky * np.sqrt(ivar)) == pytest.approx(1, abs=0.01)
    for part in np.array_split(np.argsort(ivar), 5):
        assert np.std(sky[part] * np.sqrt(ivar[part])) == pytest.approx(1, abs=0.02)
    area = (
        1.0 * np.cos(np.radians(dec))
        if "pixel_arcmin" in kind
        else (10800 / np.pi) ** 2 * np.pi / 3 / 2048**2
    )
    depth = 1 / np.sqrt(ivar) * np.sqrt(area)
    offset = (ra - 1.0 + 180) % 360 - 180
    middle = np.hypot(offset * np.cos(np.radians(55)), dec + 55.0) < 0.2
    assert depth[middle].mean() == pytest.approx(5.0, rel=0.01)
    edge = np.abs(offset) > 4.97
    assert depth[edge].mean() == pytest.approx(8.0, rel=0.01)
    assert depth.max() <= 8.01


def test_pixels_do_not_share_their_noise(kind):
    sky, *_ = make(kind)
    assert abs(np.mean(sky[1:] * sky[:-1]) / np.mean(sky**2)) < 0.03
