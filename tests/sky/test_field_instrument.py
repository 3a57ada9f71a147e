"""Simulated maps behind noise, filters and pixels of an instrument, measured by other means."""

from itertools import pairwise

import numpy as np
import pytest
from papersky import paper_clusters
from scipy.ndimage import convolve1d, gaussian_filter, map_coordinates
from surveys import ARCMIN, BARE, clusters_at, on_pixels, survey

from szmass_cli.config import BandConfig, SkyConfig
from szmass_cli.errors import ConfigError
from szmass_cli.physics.profiles import compton_y
from szmass_cli.physics.transfers import PlaneTransfer
from szmass_cli.sky.carpixels import CarPixels
from szmass_cli.sky.mapaxes import Margins, seen_along_axes
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.survey import FieldSimulation, simulate_field

EQUATOR = {"center_dec_deg": 0.0, "pixel_arcmin": 1.0, "width_deg": 6.0, "height_deg": 6.0}
LARGE = {"center_dec_deg": 0.0, "pixel_arcmin": 4.0, "width_deg": 40.0, "height_deg": 8.0}


def noisy(fwhm_arcmin=2.0, rho=0.9):
    """Bands of 10 and 20 µK-arcmin with knees at 1500 and 2500, no sky."""
    common = {"beam_fwhm_arcmin": fwhm_arcmin}
    bands = (
        BandConfig(frequency_ghz=95, noise_uk_arcmin=10, ell_knee=1500, noise_slope=-3, **common),
        BandConfig(frequency_ghz=150, noise_uk_arcmin=20, ell_knee=2500, noise_slope=-3.5, **common),
    )
    return SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, bands=bands, noise_correlation=rho)


def spectra_of(maps, pixel_arcmin, edges):
    """Mean |F|^2 [µK^2 sr] between maps under a Hann taper in rings of ell, and the number of modes."""
    maps = [np.asarray(one, float) for one in maps]
    taper = np.outer(*(np.hanning(n) for n in maps[0].shape))
    step = pixel_arcmin * ARCMIN
    ell_y, ell_x = (2 * np.pi * np.fft.fftfreq(n, step) for n in taper.shape)
    ell = np.hypot(ell_y[:, None], ell_x[None, :])
    modes = [np.fft.fft2(one * taper) * step for one in maps]
    found, means = [], []
    for low, high in pairwise(edges):
        ring = (ell >= low) & (ell < high)
        power = [[np.mean((a * b.conj()).real[ring]) for b in modes] for a in modes]
        found.append(np.array(power) / np.mean(taper**2) / taper.size)
        # under the taper two of five modes are independent, and half of them are the others' mirror images
        means.append((ell[ring], 0.2 * ring.sum()))
    return found, means


@pytest.mark.parametrize("where", [EQUATOR, LARGE], ids=["plane", "sphere"])
def test_maps_have_the_stated_noise_and_its_correlation(where):
    """N_ii = w^2 (1 + (ell / knee)^slope), N_ij = rho of the 1/f parts: auto and cross within 4 sigma."""
    config = survey(noisy(fwhm_arcmin=2.0 * where["pixel_arcmin"]), **where)
    field = simulate_field(config, _one_faint(), 5)
    edges = [400, 700, 1000, 1500, 2000] + ([3000, 4500] if where is EQUATOR else [])
    found, rings = spectra_of(field.maps_uk, where["pixel_arcmin"], edges)
    for power, (ell, n) in zip(found, rings, strict=True):
        red = [(w * ARCMIN) ** 2 * (ell / knee) ** s for w, knee, s in ((10, 1500, -3), (20, 2500, -3.5))]
        auto = [np.mean((w * ARCMIN) ** 2 + one) for w, one in zip((10, 20), red, strict=True)]
        cross = np.mean(0.9 * np.sqrt(red[0] * red[1]))
        for i in range(2):
            assert power[i, i] == pytest.approx(auto[i], abs=4 * auto[i] / np.sqrt(n / 2) + 0.01 * auto[i])
        error = np.sqrt((cross**2 + auto[0] * auto[1]) / n)
        assert power[0, 1] == pytest.approx(cross, abs=4 * error + 0.01 * cross)


def _one_faint():
    return clusters_at([0.0], [0.0], [1e13])


def test_noise_of_all_scales_grows_where_the_depth_is_less():
    config = survey(noisy(), **EQUATOR)
    shallow = survey(noisy(), depth_variation=0.8, **EQUATOR)
    even, uneven = (simulate_field(c, _one_faint(), 5).map_uk for c in (config, shallow))
    ratio = np.asarray(uneven) / np.asarray(even)
    rows, columns = ratio.shape
    # the same draw times 1 + 0.8 (1 - cos cos): 1 in the middle, 1.8 at edges
    assert np.median(ratio[rows // 2 - 2 : rows // 2 + 2, columns // 2 - 2 : columns // 2 + 2]) == (
        pytest.approx(1.0, abs=0.01)
    )
    assert np.median(ratio[0]) == pytest.approx(1.8, abs=0.01)
    assert np.median(ratio[:, 0]) == pytest.approx(1.8, abs=0.01)


@pytest.mark.parametrize("where", [EQUATOR, LARGE], ids=["plane", "sphere"])
def test_a_filter_takes_t_squared_of_the_power(where, tmp_path):
    """The same draw with and without: T = 0.2 below ell = 1000, 1 above 1500."""
    np.savetxt(tmp_path / "tf.txt", [[0, 0.2], [1000, 0.2], [1500, 1.0], [30_000, 1.0]])
    common = {"beam_fwhm_arcmin": 2.0 * where["pixel_arcmin"], "noise_uk_arcmin": 1e-4, "cmb": False}
    plain = SkyConfig(**common)
    filtered = SkyConfig(**common, transfer_file=tmp_path / "tf.txt")
    maps = [next(FieldSimulation(survey(s, **where), _one_faint(), 2).maps_uk()) for s in (plain, filtered)]
    shape = simulate_shape(where)
    found, _ = spectra_of([one.reshape(shape) for one in maps], where["pixel_arcmin"], [500, 900, 1700, 2600])
    ratios = [power[1, 1] / power[0, 0] for power in found]
    assert ratios[0] == pytest.approx(0.04, rel=0.1)  # a little of the larger power above is mixed in
    assert ratios[2] == pytest.approx(1.0, abs=0.01)


def simulate_shape(where):
    return CarPixels.covering(Patch.of(survey(**where).field), where["pixel_arcmin"]).shape


@pytest.mark.parametrize("dec_deg", [0.0, 60.0])
def test_a_filter_of_direction_acts_on_arcs_of_the_sky(dec_deg):
    """A wave of ell_x = 1600 on the sky, and one of ell_y = 1000; T grows with either."""
    pixels = CarPixels.covering(Patch(0.0, 8.0, dec_deg - 3, dec_deg + 3), 1.0)
    margins = Margins.around(pixels, 90)
    axis = np.linspace(-20_000, 20_000, 401)
    lon, lat = (
        x.reshape(margins.pixels.shape) for x in margins.pixels.lon_lat(slice(0, margins.pixels.size))
    )
    middle = pixels.n_rows // 2
    for wave, along in ((np.cos(1600 * np.cos(np.radians(dec_deg)) * lon), "x"), (np.cos(1000 * lat), "y")):
        passed = np.abs(axis[None, :] if along == "x" else axis[:, None]) / 20_000 * np.ones((401, 401))
        transfer = PlaneTransfer(axis, axis, passed)
        seen = margins.inner(seen_along_axes(wave.astype(np.float32), margins, False, transfer)).reshape(
            pixels.shape
        )
        plain = margins.inner(wave).reshape(pixels.shape)
        inner = (slice(middle - 10, middle + 10), slice(100, -100))
        amplitude = np.sum(seen[inner] * plain[inner]) / np.sum(plain[inner] ** 2)
        assert amplitude == pytest.approx((1600 if along == "x" else 1000) / 20_000, rel=0.02)
        assert seen[inner] == pytest.approx(amplitude * plain[inner], abs=0.004)


def test_a_filter_follows_the_declination_of_each_row():
    """One wave in right ascension is of a higher ell farther from the equator: T = |ell_x| / 20,000."""
    pixels = CarPixels.covering(Patch(0.0, 8.0, 45.0, 65.0), 2.0)
    margins = Margins.around(pixels, 60)
    axis = np.linspace(-20_000, 20_000, 401)
    transfer = PlaneTransfer(axis, axis, np.abs(axis[None, :]) / 20_000 * np.ones((401, 1)))
    lon, lat = (
        x.reshape(margins.pixels.shape) for x in margins.pixels.lon_lat(slice(0, margins.pixels.size))
    )
    wave = np.cos(800 * lon)
    seen = seen_along_axes(wave.astype(np.float32), margins, False, transfer)[margins.rows, margins.columns]
    plain, dec = wave[margins.rows, margins.columns], lat[margins.rows, 0]
    inner = slice(60, -60)
    amplitude = np.sum(seen[:, inner] * plain[:, inner], axis=1) / np.sum(plain[:, inner] ** 2, axis=1)
    np.testing.assert_allclose(amplitude[30:-30], 800 / np.cos(dec[30:-30]) / 20_000, rtol=0.01)


def mean_over(image, cells, axis):
    """Means over a number of cells about each one, of which the last ones count by half if it is even."""
    n = round(cells)
    weights = np.ones(n) if n % 2 else np.concatenate([[0.5], np.ones(n - 1), [0.5]])
    return convolve1d(image, weights / weights.sum(), axis)


@pytest.mark.parametrize("dec_deg", [0.0, -60.0])
def test_averaged_pixels_hold_the_mean_of_the_beamed_cluster(dec_deg):
    """Compton y on a grid of 0.05', smoothed and averaged over 0.5' x 0.5' cos(dec) by scipy."""
    sky = SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, noise_uk_arcmin=1e-4, beam_fwhm_arcmin=1.4)
    config = survey(sky, center_dec_deg=dec_deg, width_deg=2.0, height_deg=1.0, pixel_averaging=True)
    rows, columns = simulate_shape(
        {"center_dec_deg": dec_deg, "width_deg": 2.0, "height_deg": 1.0, "pixel_arcmin": 0.5}
    )
    place = (rows // 2, columns // 2)
    field = simulate_field(config, clusters_at(*on_pixels(config, [place]), [5e14]), 1)
    fine, reach = 0.05, 180
    centres = np.arange(-reach, reach + 1) * fine
    offsets = (np.arange(5) - 2) / 5 * fine
    theta = np.linspace(0, 14, 40_000)
    profile = compton_y(5e14, 0.7, theta)
    y = np.zeros((2 * reach + 1, 2 * reach + 1))
    for dy in offsets:
        for dx in offsets:
            y += np.interp(np.hypot(centres[:, None] + dy, centres[None, :] + dx), theta, profile) / 25
    beamed = gaussian_filter(y, 1.4 / np.sqrt(8 * np.log(2)) / fine, truncate=6)
    cosine = np.cos(np.radians(dec_deg))
    mean = mean_over(mean_over(beamed, 0.5 / fine, 0), 0.5 * cosine / fine, 1)
    for row, column in ((0, 0), (1, 0), (0, 2), (3, 3)):
        where = [[reach + row * 0.5 / fine], [reach + column * 0.5 * cosine / fine]]
        expected = -2.598e6 * map_coordinates(mean, where)[0]
        got = field.map_uk[place[0] + row, place[1] + column]
        assert got == pytest.approx(expected, rel=0.005, abs=0.02)
    # and it does matter: the sample at the centre is brighter by 2 per cent
    assert -2.598e6 * beamed[reach, reach] < 1.01 * field.map_uk[place]


def test_hot_gas_shines_less_and_the_truth_says_how_hot():
    """At 5 keV 3.4 per cent at 150 GHz are lost: 3.7 to first order (design, section 4) and -0.3 beyond."""
    where = {"width_deg": 1.0, "height_deg": 1.0}
    clusters = clusters_at([0.0], [-55.0], [5.53e14], 0.1)
    cold, hot = (
        simulate_field(survey(clusters=paper_clusters(sz_scatter_ln=0, relativistic=r), **where), clusters, 1)
        for r in (False, True)
    )
    kt_kev = float(hot.truth["kT_true"][0])
    assert kt_kev == pytest.approx(5.0, abs=0.05) and cold.truth["kT_true"][0] == 0
    peak = np.unravel_index(np.argmin(cold.map_uk), cold.map_uk.shape)
    lost = 1.0 - hot.map_uk[peak] / cold.map_uk[peak]
    assert lost == pytest.approx(0.034, abs=0.0005)


def test_stretched_profiles_are_fainter_in_the_middle_and_brighter_outside():
    """In the order of the truth's stretch."""
    where = {"width_deg": 3.0, "height_deg": 2.0}
    rows, columns = np.meshgrid([40, 120, 200], [40, 120, 200, 280], indexing="ij")
    config = survey(clusters=paper_clusters(sz_scatter_ln=0, concentration_scatter_ln=0.2), **where)
    places = list(zip(rows.ravel(), columns.ravel(), strict=True))
    clusters = clusters_at(*on_pixels(config, places), np.full(12, 5e14))
    field = simulate_field(config, clusters, 3)
    stretch = np.asarray(field.truth["stretch_true"])
    assert 0.1 < np.log(stretch).std() < 0.35
    peaks = np.array([field.map_uk[place] for place in places])
    np.testing.assert_array_equal(np.argsort(peaks), np.argsort(stretch))
    aside = np.array([field.map_uk[row + 9, column] for row, column in places])  # 4.5', beyond R500
    np.testing.assert_array_equal(np.argsort(-aside), np.argsort(stretch))


def test_filters_of_direction_are_refused_without_axes(tmp_path):
    axis = np.linspace(-20_000, 20_000, 41)
    np.savez(tmp_path / "tf.npz", ell_x=axis, ell_y=axis, tf=np.ones((41, 41)))
    config = survey(SkyConfig(transfer_file=tmp_path / "tf.npz"), pixelisation="healpix", nside=4096)
    with pytest.raises(ConfigError, match=r"transfer_file of 150 GHz: .*HEALPix"):
        simulate_field(config, _one_faint(), 1)


def test_means_over_pixels_need_a_beam_that_they_resolve():
    config = survey(SkyConfig(beam_fwhm_arcmin=1.4), pixel_arcmin=1.0, pixel_averaging=True)
    with pytest.raises(ConfigError, match=r"field\.pixel_averaging: .* 1'.* 1\.4'"):
        simulate_field(config, _one_faint(), 1)
