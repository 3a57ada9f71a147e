"""Gaussian skies on the plane and in spherical harmonics, on CAR and HEALPix pixels, against their power."""

from itertools import pairwise

import healpy
import numpy as np
import pytest
from pixell import curvedsky, enmap
from scipy.fft import fft2, ifft2
from surveys import ARCMIN

from szmass_cli.config import BandConfig, FieldConfig, SkyConfig
from szmass_cli.physics.foregrounds import foreground_dl_uk2
from szmass_cli.physics.spectra import cmb_dl_uk2
from szmass_cli.sky.fields import PLANE_RADIUS_DEG, lambert, plane_skies
from szmass_cli.sky.harmonics import draw_alm, harmonic_skies, last_multipole, n_coefficients, on_pixels
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.survey import pixels_of

EDGES = [600, 1300, 2000, 3000, 4500, 6500, 10_000]
TWO = SkyConfig(
    bands=(
        BandConfig(frequency_ghz=95, beam_fwhm_arcmin=1.6),
        BandConfig(frequency_ghz=150, beam_fwhm_arcmin=1.0),
    )
)


def beamed(sky):
    """The sky's power, and the beams that it is seen through."""
    built = sky.build_bands()
    return SkyPower.from_config(sky, built), [band.beam for band in built]


def input_cl(frequency_ghz, fwhm_arcmin, ell):
    """C_ell of CMB and the foregrounds of George et al. (2015) at 150 GHz, behind a Gaussian beam."""
    assert frequency_ghz == 150
    amplitudes = {"tsz": 3.68, "ksz": 2.9, "dusty_poisson": 9.16, "dusty_clustered": 3.46, "radio": 1.06}
    dl = cmb_dl_uk2(ell) + sum(foreground_dl_uk2(name, ell, d) for name, d in amplitudes.items())
    sigma = fwhm_arcmin * ARCMIN / np.sqrt(8 * np.log(2))
    return dl * 2 * np.pi / (ell * (ell + 1)) * np.exp(-((ell * sigma) ** 2))


def bins(ell_max):
    """Multipoles and weights of each bin."""
    for low, high in pairwise([edge for edge in EDGES if edge <= ell_max]):
        ell = np.arange(low, high)
        yield ell, 2 * ell + 1


def test_coefficients_have_the_power_of_the_sky():
    """By healpy; a bin holds over 4e5 modes, so that 1 per cent is 4 sigma."""
    power, beams = beamed(SkyConfig())
    alm = draw_alm(power, 0, beams[0], 10_000, np.random.SeedSequence(3))
    assert len(alm) == healpy.Alm.getsize(10_000) == n_coefficients(10_000)
    measured = healpy.alm2cl(alm.astype(complex))
    for ell, weight in bins(10_000):
        expected = np.sum(weight * input_cl(150, 1.0, ell.astype(float)))
        assert np.sum(weight * measured[ell]) == pytest.approx(expected, rel=0.01)


def test_bands_have_their_power_and_cross_power_and_share_the_cmb():
    power, beams = beamed(TWO)
    alms = [draw_alm(power, i, beams[i], 3000, np.random.SeedSequence(3)).astype(complex) for i in (0, 1)]
    for ell, weight in bins(3000):
        passed = [beam.b_ell(ell) for beam in beams]
        found = {}
        for i, j in ((0, 0), (0, 1), (1, 1)):
            found[i, j] = np.sum(weight * healpy.alm2cl(alms[i], alms[j])[ell] / passed[i] / passed[j])
            assert found[i, j] == pytest.approx(np.sum(weight * power.cl(ell)[i, j]), rel=0.01)
        if ell[-1] < 2000:  # hardly anything but the CMB
            assert found[0, 1] / np.sqrt(found[0, 0] * found[1, 1]) > 0.99
            cmb = np.sum(weight * cmb_dl_uk2(ell) * 2 * np.pi / (ell * (ell + 1)))
            assert found[0, 1] == pytest.approx(cmb, rel=0.03)


def test_bands_of_any_resolution_share_their_modes():
    power, beams = beamed(TWO)
    seed = np.random.SeedSequence(3)
    long = draw_alm(power, 0, beams[0], 300, seed)
    short = draw_alm(power, 0, beams[0], 200, seed)
    ell, m = healpy.Alm.getlm(200)
    np.testing.assert_array_equal(short, long[healpy.Alm.getidx(300, ell, m)])


def test_the_beam_says_how_many_multipoles_are_needed():
    """B_ell = exp(-ell^2 sigma^2 / 2) = 1e-3 at ell = 3.717 / sigma."""
    for fwhm in (1.0, 2.0):
        (band,) = SkyConfig(beam_fwhm_arcmin=fwhm).build_bands()
        sigma = fwhm * ARCMIN / np.sqrt(8 * np.log(2))
        assert last_multipole(band.beam) == pytest.approx(np.sqrt(2 * np.log(1000)) / sigma, abs=2)


@pytest.fixture(scope="module")
def low_alm():
    power, beams = beamed(SkyConfig())
    return draw_alm(power, 0, beams[0], 600, np.random.SeedSequence(8))


HEALPIX = {"pixelisation": "healpix", "nside": 256}


@pytest.mark.parametrize(
    "field",
    [
        dict(HEALPIX, width_deg=360, height_deg=180),
        dict(HEALPIX, width_deg=360, height_deg=20, center_dec_deg=80),
        dict(HEALPIX, width_deg=50, height_deg=30, frame="galactic", order="nested"),
    ],
    ids=["full", "pole", "partial"],
)
def test_harmonics_are_summed_as_healpy_does(low_alm, field):
    pixels = pixels_of(FieldConfig(**field))
    expected = healpy.alm2map(low_alm.astype(complex), 256)
    got = on_pixels(low_alm, 600, pixels)
    kept = slice(None) if pixels.numbers is None else pixels.numbers
    np.testing.assert_allclose(got, expected[kept], atol=2e-5 * expected.std())


@pytest.mark.parametrize("center", [(350.0, -45.0), (10.0, 84.0)])
def test_harmonics_are_summed_as_pixell_does(low_alm, center):
    field = FieldConfig(
        center_ra_deg=center[0], center_dec_deg=center[1], width_deg=50, height_deg=8, pixel_arcmin=5
    )
    pixels = pixels_of(field)
    expected = curvedsky.alm2map(low_alm.astype(complex), enmap.zeros(pixels.shape, pixels.wcs), spin=0)
    got = on_pixels(low_alm, 600, pixels).reshape(pixels.shape)
    np.testing.assert_allclose(got, expected, atol=2e-5 * np.std(expected))


def binned_power(patch, pixel_arcmin, fwhm_arcmin):
    """Measured over expected power in `EDGES`, mean of the modes of a patch near the equator.

    The expected power is the input seen through the taper of the patch's edges, which lets some of the
    large scales into the first bins: the transform of correlation function times the taper's own.
    """
    tapers = []
    for n in patch.shape:
        edge = np.clip(np.minimum(np.arange(n) + 1, n - np.arange(n)) / (0.1 * n), 0, 1)
        tapers.append(0.5 - 0.5 * np.cos(np.pi * edge))
    taper, step = np.outer(*tapers), pixel_arcmin * ARCMIN
    box = [2 * n for n in patch.shape]
    ly, lx = (2 * np.pi * np.fft.fftfreq(n, step) for n in box)
    ell = np.hypot(ly[:, None], lx[None, :])
    table = np.arange(2.0, ell.max() + 10, 5.0)
    power = np.interp(ell, table, input_cl(150, fwhm_arcmin, table), left=0.0)
    measured = np.abs(fft2(patch * taper, box)) ** 2
    # the correlation function [µK^2] on the lags of the box
    expected = fft2(ifft2(power).real / step**2 * ifft2(np.abs(fft2(taper, box)) ** 2).real).real
    rings = [(ell >= low) & (ell < high) for low, high in pairwise(EDGES)]
    return np.array([np.mean(measured[ring] / expected[ring]) for ring in rings])


def test_a_plane_field_has_its_power_on_the_pixels():
    """Six fields of 20 x 6 degrees: 2 per cent are 2 sigma in the first bin and more in the others."""
    power, beams = beamed(SkyConfig(beam_fwhm_arcmin=1.5))
    field = FieldConfig(center_dec_deg=0, width_deg=20, height_deg=6, pixel_arcmin=0.75)
    pixels, patch, found = pixels_of(field), Patch.of(field), []
    for seed in range(6):
        (sky,) = plane_skies(pixels, patch, power, beams, np.random.SeedSequence(seed))
        found.append(binned_power(sky.reshape(pixels.shape), 0.75, 1.5))
    np.testing.assert_allclose(np.mean(found, axis=0), 1.0, atol=0.02)


@pytest.mark.parametrize("dec", [0.0, 80.0])
def test_the_sky_on_a_plane_is_the_same_on_all_pixels(dec):
    """HEALPix values against the CAR map at the same places by pixell's interpolation."""
    power, beams = beamed(SkyConfig(beam_fwhm_arcmin=2.0))
    where = {"center_dec_deg": dec, "center_ra_deg": 359.5, "width_deg": 3, "height_deg": 2}
    car = pixels_of(FieldConfig(**where, pixel_arcmin=0.4))
    patch = Patch.of(FieldConfig(**where))
    seed = np.random.SeedSequence(4)
    (sky,) = plane_skies(car, patch, power, beams, seed)
    car_map = enmap.enmap(sky.reshape(car.shape), car.wcs)
    for frame in ("equatorial", "galactic"):
        healpix = pixels_of(FieldConfig(**where, pixelisation="healpix", nside=4096, frame=frame))
        (values,) = plane_skies(healpix, patch, power, beams, seed)
        ra, dec_deg = healpix.ra_dec_deg(slice(0, healpix.size))
        inner = (np.abs((ra - 359.5 + 180) % 360 - 180) < 1.3) & (np.abs(dec_deg - dec) < 0.9)
        expected = car_map.at(np.radians([dec_deg[inner], ra[inner]]), order=5)
        assert np.std(values[inner] - expected) < 0.002 * np.std(expected)


def test_lambert_keeps_areas_and_its_scale_is_as_stated():
    """At a distance r lengths are wrong by r^2 / 8, one way and the other."""
    r, e = np.radians(PLANE_RADIUS_DEG), 1e-6
    x, y = lambert(np.array([0.0, 0.0, e / np.cos(r)]), np.array([r - e, r + e, r]), 0.0, 0.0)
    outwards, across = (y[1] - y[0]) / (2 * e), (x[2] - 0.0) / e
    assert outwards == pytest.approx(1 - r**2 / 8, abs=1e-5) and across == pytest.approx(
        1 + r**2 / 8, abs=5e-5
    )
    assert outwards * across == pytest.approx(1, abs=1e-6)
    assert r**2 / 8 == pytest.approx(0.005, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["plane", "harmonics"])
def test_both_paths_give_maps_of_the_same_power(path):
    """Eight fields of 16 x 6 degrees behind a 2.2' beam: 1 sigma is 0.9 per cent in the first two bins."""
    power, beams = beamed(SkyConfig(beam_fwhm_arcmin=2.2))
    field = FieldConfig(center_dec_deg=0, width_deg=16, height_deg=6, pixel_arcmin=1.0)
    pixels, patch, found = pixels_of(field), Patch.of(field), []
    for seed in (np.random.SeedSequence(n) for n in range(8)):
        if path == "plane":
            (sky,) = plane_skies(pixels, patch, power, beams, seed)
        else:
            (sky,) = harmonic_skies(pixels, power, beams, seed)
        found.append(binned_power(sky.reshape(pixels.shape), 1.0, 2.2))
    error = np.abs(np.mean(found, axis=0) - 1.0)
    assert np.all(error[:2] < 0.03) and np.all(error[2:] < 0.02)
