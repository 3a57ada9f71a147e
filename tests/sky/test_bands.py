"""Several bands: one sky seen at several frequencies, through several beams."""

import numpy as np
import pytest
from papersky import paper_clusters
from scipy.fft import dct
from scipy.ndimage import gaussian_filter, map_coordinates

from szmass_cli.config import ListedMasses, parse_config
from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales, compton_y
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.sky.cutoutsky import cutout_covariance_uk2
from szmass_cli.sky.fields import plane_fields
from szmass_cli.sky.power import SkyPower, sky_dl_uk2

ARCMIN = np.pi / 180 / 60
TWO = """
sky:
  bands:
    - {frequency_ghz: 95, beam_fwhm_arcmin: 1.6, noise_uk_arcmin: 8}
    - {frequency_ghz: 220, beam_fwhm_arcmin: 1.0, noise_uk_arcmin: 16}
  foreground_spectra: {tsz_dust_correlation: 0.1}
clusters: {masses: {kind: list, m200c_msun: [5.0e+14]}, sz_scatter_ln: 0,
  concentration_scatter_ln: 0, relativistic: false}
"""
# f(95), f(150), f(220): Sunyaev & Zel'dovich (1972)
F = {95.0: -1.5540, 150.0: -0.9533, 220.0: 0.0383}


@pytest.fixture(scope="module")
def survey():
    return parse_config(TWO, "two.yaml")


@pytest.fixture(scope="module")
def two_bands(survey):
    return CutoutSimulator(survey)


def test_images_have_a_channel_for_each_band(two_bands, survey):
    (block,) = two_bands.blocks(survey.clusters, 100, 1, Stream.USER)
    assert block.image.shape == block.sz.shape == (100, 40, 40, 2)
    noise = (block.image - block.sz).std(axis=(0, 1, 2))
    assert noise[1] > 64  # 16 µK-arcmin in 0.25', and the sky


def test_the_signal_follows_the_sz_spectrum_in_each_band():
    bands = [Band(nu, Beam(1.0), 5.0) for nu in F]
    images = ClusterStamps(bands).mean_images([5e14], 0.7)[0]
    for index, nu in enumerate(F):
        ratio = images[..., index] / images[..., 1]
        np.testing.assert_allclose(ratio, F[nu] / F[150.0], rtol=5e-4, atol=5e-5)
    # design, section 3: -122.4 µK at the centre; the four pixels next to it are 0.177' away
    assert images[19:21, 19:21, 1].mean() == pytest.approx(-118.7, rel=0.01)


@pytest.mark.parametrize("fwhm", [1.0, 2.2])
@pytest.mark.parametrize("m200c", [1e14, 8e14])
def test_every_pixel_of_a_stamp_is_the_beam_on_the_profile(fwhm, m200c):
    """Compton y on pixels five times finer, each an average of 25 samples, smoothed by scipy: 1 per cent."""
    fine = 0.05
    reach = round(11 / fine)
    centres = (np.arange(-reach, reach) + 0.5) * fine  # the cluster lies between pixels
    offsets = (np.arange(5) - 2) / 5 * fine
    y = np.zeros((2 * reach, 2 * reach))
    theta = np.linspace(0, 18, 40000)
    profile = compton_y(m200c, 0.7, theta)
    for dy in offsets:
        for dx in offsets:
            y += np.interp(np.hypot(centres[:, None] + dy, centres[None, :] + dx), theta, profile) / 25
    beamed = gaussian_filter(y, fwhm / np.sqrt(8 * np.log(2)) / fine, truncate=6)
    # between the fine pixels by cubic splines
    rows = np.broadcast_to((pixel_offsets_arcmin() / fine + reach - 0.5)[:, None], (40, 40))
    expected = map_coordinates(beamed, [rows, rows.T])
    got = ClusterStamps([Band(150.0, Beam(fwhm), 5.0)]).mean_images([m200c], 0.7)[0, ..., 0] / -2.598e6
    bright = expected > 0.01 * expected.max()
    assert bright.sum() > 100
    np.testing.assert_allclose(got[bright], expected[bright], rtol=0.01)


def test_a_cluster_off_the_middle_is_a_shifted_image():
    """Half a pixel north and one pixel west of the middle lies a cluster on pixels' rows and columns."""
    stamps = ClusterStamps([Band(150.0, Beam(1.0), 5.0)])
    centred = stamps.mean_images([5e14], 0.7)[0, ..., 0]
    moved = stamps.offset_images(cluster_scales(np.full(2, 5e14), 0.7), np.array([[0.0, 0.25], [0.75, 0.0]]))[
        ..., 0
    ]
    np.testing.assert_allclose(moved[0][:, 1:], centred[:, :-1], rtol=2e-3, atol=0.02)
    np.testing.assert_allclose(moved[1][3:], centred[:-3], rtol=2e-3, atol=0.02)
    none = stamps.offset_images(cluster_scales(np.array([5e14]), 0.7), np.zeros((1, 2)))[0, ..., 0]
    np.testing.assert_allclose(none, centred, rtol=2e-3, atol=0.02)


def test_miscentred_clusters_lie_as_far_off_as_configured(simulator):
    """Centroids of noise-free signals: 0.4' rms on each axis."""
    clusters = paper_clusters(
        masses=ListedMasses(m200c_msun=(4e14,)),
        sz_scatter_ln=0.0,
        miscentring_arcmin=0.4,
    )
    (block,) = simulator.blocks(clusters, 256, 5, Stream.USER)
    weight = block.sz[..., 0] ** 4  # the core alone: wings leave the cutout on one side
    offsets = pixel_offsets_arcmin()
    for axis in (1, 2):
        profile = weight.sum(axis=3 - axis)
        centroid = (profile * offsets).sum(axis=1) / profile.sum(axis=1)
        assert centroid.std() == pytest.approx(0.4, rel=0.15)
        assert centroid.mean() == pytest.approx(0.0, abs=0.08)


def test_draws_have_the_covariance_of_all_bands_together(two_bands):
    images = two_bands.sky.draw(np.random.default_rng(1), 3000)
    covariance = cutout_covariance_uk2(two_bands.power, two_bands.instrument).reshape(1600, 2, 1600, 2)
    flat = images.reshape(3000, 1600, 2)
    for pixels in ([0, 0], [820, 820], [820, 821], [820, 900], [3, 1500]):
        a, b = pixels
        for one, other in ((0, 0), (0, 1), (1, 0), (1, 1)):
            expected = covariance[a, one, b, other]
            noise = 16.0 * [8.0, 16.0][one] ** 2 * (a == b) * (one == other)
            measured = np.mean(flat[:, a, one] * flat[:, b, other])
            spread = np.sqrt(np.mean(flat[:, a, one] ** 2) * np.mean(flat[:, b, other] ** 2) * 2 / 3000)
            assert measured == pytest.approx(expected + noise, abs=4 * float(spread))


def test_modes_of_all_scales_and_bands_have_their_variance(two_bands):
    """Along cosines of all wavelengths, in either band, their sum and their difference."""
    images = two_bands.sky.draw(np.random.default_rng(2), 2000).reshape(2000, -1)
    cosines = dct(np.eye(40), norm="ortho")
    waves = np.array([np.outer(cosines[:, i], cosines[:, j]) for i in range(0, 40, 3) for j in range(40)])
    for mix in ([1, 0], [0, 1], [1, 1], [1, -1]):
        directions = (waves[..., None] * mix).reshape(len(waves), -1)
        expected = np.einsum("ip,pi->i", directions, two_bands.sky.covariance_uk2 @ directions.T)
        measured = np.mean((images @ directions.T) ** 2, axis=0)
        for part in np.array_split(np.argsort(expected), 10):  # of 56 waves each
            assert np.mean(measured[part] / expected[part]) == pytest.approx(1, abs=0.02)


def test_the_cmb_is_common_and_noise_is_not(survey):
    only_cmb = survey.sky.model_copy(
        update={
            "foregrounds_dl3000_uk2": type(survey.sky.foregrounds_dl3000_uk2)(
                tsz=0, ksz=0, dusty_poisson=0, dusty_clustered=0, radio=0
            )
        }
    )
    power = SkyPower.from_config(only_cmb, survey.sky.build_bands())
    for one, other in ((0, 1), (1, 1)):
        np.testing.assert_allclose(power.cl_uk2_sr[one, other], power.cl_uk2_sr[0, 0])
    first, second = plane_fields(np.random.default_rng(1), (200, 200), 1.0, power, [Beam(1.0), Beam(1.0)])
    np.testing.assert_allclose(first, second, atol=1e-3 * first.std())


def test_power_between_bands_is_the_sum_of_the_components(survey):
    ell = np.array([700.0, 3000.0, 9000.0])
    components = sky_dl_uk2(survey.sky, ell)
    power = SkyPower.from_config(survey.sky, survey.sky.build_bands())
    total = sum(components.values()) * 2 * np.pi / (ell * (ell + 1))
    np.testing.assert_allclose(power.cl(ell), total, rtol=2e-3)
    # roots of the power multiply to it, at all tabulated multipoles at once
    mixing = power.mixing()
    np.testing.assert_allclose(np.einsum("ikn,jkn->ijn", mixing, mixing), power.cl_uk2_sr, rtol=1e-6)


def test_plane_fields_of_two_bands_have_their_auto_and_cross_powers(survey):
    size, pixel = 400, 0.75
    taper = np.outer(*2 * [np.hanning(size)])
    frequencies = 2 * np.pi * np.fft.fftfreq(size, pixel * ARCMIN)
    ell = np.hypot(frequencies[:, None], frequencies[None, :])
    bands = survey.sky.build_bands()
    power = SkyPower.from_config(survey.sky, bands)
    beams = [band.beam for band in bands]
    measured = np.zeros((2, 2, size, size))
    n = 6
    for seed in range(n):
        fields = plane_fields(np.random.default_rng(seed), (size, size), pixel, power, beams)
        modes = np.fft.fft2(fields * taper) * pixel * ARCMIN
        measured += (modes[:, None] * modes[None, :].conj()).real / np.sum(taper**2) / n
    for low, high in ((1200, 2000), (2000, 3000), (3000, 4500), (4500, 6500), (6500, 9000)):
        ring = (ell >= low) & (ell < high)
        passed = np.array([beam.b_ell(ell[ring]) for beam in beams])
        expected = power.cl(ell[ring]) * passed[:, None] * passed[None, :]
        for i, j in ((0, 0), (1, 1), (0, 1)):
            assert measured[i, j][ring].sum() == pytest.approx(expected[i, j].sum(), rel=0.03)
