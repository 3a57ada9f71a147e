"""Sources, halos and members painted on cutouts, against beams, profiles and integrals."""

import numpy as np
import pytest
from scipy import integrate

from szmass_cli.config import (
    REALISTIC_OBJECTS,
    BandConfig,
    ClusterConfig,
    Foregrounds,
    LogUniformMasses,
    ObjectsConfig,
    SkyConfig,
    SurveyConfig,
)
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.physics.beams import ARCMIN, Beam, beam_profile
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.cutouts import BLOCK, CutoutSimulator, Stream, block_generator
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.objects.halos import halo_light, halo_power_uk2_sr
from szmass_cli.sky.objects.kernels import SIZES_ARCMIN, KernelLattice, place_of_size
from szmass_cli.sky.objects.paint import add_objects
from szmass_cli.sky.objects.remainder import gaussian_power
from szmass_cli.sky.objects.sources import source_kinds
from szmass_cli.sky.power import SkyPower

BANDS = (
    BandConfig(frequency_ghz=95, beam_fwhm_arcmin=1.6, noise_uk_arcmin=5),
    BandConfig(frequency_ghz=150, beam_fwhm_arcmin=1.2, noise_uk_arcmin=5),
)
QUIET = REALISTIC_OBJECTS.model_copy(update={"lensing": False})  # the CMB needs CAMB, which takes seconds
CLUSTERS = ClusterConfig(masses=LogUniformMasses(min_m200c_msun=2e14, max_m200c_msun=1e15), redshift=0.8)


def survey(objects: ObjectsConfig = QUIET, **sky) -> SurveyConfig:
    return SurveyConfig(sky=SkyConfig(bands=BANDS, cmb=False, objects=objects, **sky), clusters=CLUSTERS)


@pytest.fixture(scope="module")
def simulator() -> CutoutSimulator:
    return CutoutSimulator(survey())


@pytest.fixture(scope="module")
def block(simulator):
    return simulator.block(CLUSTERS, block_generator(1, Stream.USER, 0))


def light_of(config: SurveyConfig):
    model = config.clusters.sz_model(config.sky.cosmology.build())
    return halo_light(config.sky.objects, config.sky.build_bands(), model)


def test_the_compiled_loop_adds_what_a_plain_one_does():
    rng = np.random.default_rng(1)
    image = rng.standard_normal((3, 40, 40, 2)).astype(np.float32)
    kernels = rng.standard_normal((2, 91, 91, 2)).astype(np.float32)
    reach = np.array([45, 7])
    cutout, kernel = rng.integers(0, 3, 30), rng.integers(0, 2, 30)
    row, column = rng.integers(-60, 100, (2, 30))
    brightness = rng.standard_normal((30, 2)).astype(np.float32)
    expected = image.astype(float)
    for s in range(30):
        for i in range(40):
            for j in range(40):
                y, x = i - row[s], j - column[s]
                if max(abs(y), abs(x)) <= reach[kernel[s]]:
                    expected[cutout[s], i, j] += brightness[s] * kernels[kernel[s], 45 + y, 45 + x]
    flat = np.ascontiguousarray(kernels.reshape(2, 91, -1))
    add_objects(image.reshape(3, 40, -1), cutout, row, column, kernel, brightness, flat, reach)
    assert np.allclose(image, expected, atol=1e-4)


def test_a_source_in_the_middle_looks_like_the_beam(simulator):
    image = np.zeros((1, 40, 40, 2), np.float32)
    middle = np.array([39])  # in half pixels from the first one's middle
    simulator._objects._add_points(image, np.array([0]), middle, middle, np.array([[100.0, 200.0]]))
    for index, (band, brightness) in enumerate(zip(BANDS, (100.0, 200.0), strict=True)):
        expected = brightness * ARCMIN**2 * beam_profile(Beam(band.beam_fwhm_arcmin), pixel_radii_arcmin())
        assert np.allclose(image[0, ..., index], expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize("theta500_arcmin", [0.61, 1.3, 4.0])
def test_a_halo_looks_like_a_cluster_of_its_size(simulator, theta500_arcmin):
    from szmass_cli.physics.profiles import BeamedProfile

    low, upper = place_of_size(np.array([theta500_arcmin]))
    kernels = KernelLattice(simulator.bands).halos.images
    image = (kernels[low] * (1 - upper) + kernels[low + 1] * upper)[0]
    middle = image.shape[0] // 2
    along = image.reshape(image.shape[0], -1, 2)[middle, middle : middle + 20]
    for index, band in enumerate(simulator.bands):
        expected = BeamedProfile(band.optics, 20.0)(theta500_arcmin, 0.25 * np.arange(20))
        assert np.allclose(along[:, index], expected, atol=4e-3 * expected[0])
    assert SIZES_ARCMIN[0] <= theta500_arcmin <= SIZES_ARCMIN[-1]


def test_variance_of_painted_sources_is_that_of_their_power():
    objects = ObjectsConfig(dusty=1.0, removed_above_mjy=2.0)
    config = survey(objects)
    simulator = CutoutSimulator(config)
    image = np.zeros((1500, 40, 40, 2), np.float32)
    simulator._objects._add_background(image, np.random.default_rng(3))
    (kind,) = source_kinds(config.sky, simulator.bands)
    power = kind.power_uk2_sr(0.3, 2.0)
    for index, band in enumerate(simulator.bands):
        ell = np.arange(1.0, 30_000.0)
        expected = integrate.simpson(power[index, index] * band.optics.b_ell(ell) ** 2 * ell, x=ell) / (
            2 * np.pi
        )
        assert image[..., index].var() == pytest.approx(expected, rel=0.03)


def test_power_that_is_painted_is_not_in_the_gaussian_sky_as_well():
    config = survey(ObjectsConfig(radio=1.0, dusty=1.0, halos=True))
    bands, light = config.sky.build_bands(), light_of(config)
    total = SkyPower.from_config(config.sky, bands)
    left = gaussian_power(config.sky, bands, light)
    painted = sum(kind.power_uk2_sr(0.3, 6.4) for kind in source_kinds(config.sky, bands))[:, :, None]
    painted = painted + halo_power_uk2_sr(config.sky.objects, light, total.ell)
    here = (total.ell > 2000) & (total.ell < 8000)
    ratio = ((left.cl_uk2_sr + painted) / total.cl_uk2_sr)[..., here]
    # halos have another spectrum and shape than the foreground that they are part of
    assert np.all(np.abs(ratio - 1.0) < 0.1)
    assert np.all(left.cl_uk2_sr[[0, 1], [0, 1]][:, here] < total.cl_uk2_sr[[0, 1], [0, 1]][:, here])


def test_nothing_painted_leaves_the_gaussian_sky_and_its_draws_as_they_are():
    config = survey(ObjectsConfig())
    bands = config.sky.build_bands()
    total = SkyPower.from_config(config.sky, bands)
    assert (
        gaussian_power(config.sky, bands, light_of(config)).cl_uk2_sr.tobytes() == total.cl_uk2_sr.tobytes()
    )
    simulator = CutoutSimulator(config)
    block = simulator.block(CLUSTERS, block_generator(4, Stream.USER, 0), n=3)
    rng = block_generator(4, Stream.USER, 0)
    rng.uniform(size=BLOCK)  # the masses
    sky = CutoutSky(total, simulator.instrument).draw(rng, BLOCK)[:3]
    assert np.allclose(block.image - block.sz, sky, atol=1e-3)
    assert block.filled is None and block.radio_mjy is None


def test_the_first_cutouts_of_a_block_do_not_depend_on_how_many_are_wanted(simulator, block):
    few = simulator.block(CLUSTERS, block_generator(1, Stream.USER, 0), n=5)
    for name, values in few.arrays().items():
        assert values.tobytes() == getattr(block, name)[:5].tobytes(), name


def test_the_truth_says_what_clusters_shine_with(block):
    assert np.all(block.dust_mjy > 0.0) and np.all(block.radio_mjy >= 0.0)
    assert 0.02 < np.mean(block.radio_mjy > 0.0) < 0.5
    assert block.velocity_km_s.std() == pytest.approx(300.0, rel=0.2)
    # dust fills the decrement; at 95 GHz less than at 150
    dusty = block.dust_mjy > np.median(block.dust_mjy)
    filled = np.median(block.filled[dusty], axis=0)
    assert 0.0 < filled[0] < filled[1] < 0.5


def test_dust_adds_its_flux_and_motion_its_optical_depth():
    config = survey(ObjectsConfig(cluster_dust=1.0))
    simulator = CutoutSimulator(config)
    n = 4
    mass, redshift = np.full(n, 4e14), np.full(n, 0.8)
    rng = np.random.default_rng(1)
    signals = simulator._signals.draw(
        CLUSTERS.model_copy(update={"concentration_scatter_ln": 0.0}), mass, redshift, rng, n
    )
    bare = np.zeros((n, 40, 40, 2), np.float32)
    image, contents = simulator._objects.draw(bare, signals, mass, redshift, rng)
    # all of the sphere of 5 theta500 = 6' and a beam is on the cutout but for a few per cent
    total = image[..., 1].sum(axis=(1, 2), dtype=float) * 0.25**2
    assert total == pytest.approx(contents.dust_mjy * uk_per_mjy(150.0), rel=0.06)


def test_removed_sources_leave_a_residual_only_where_removal_errs():
    bright = ObjectsConfig(radio=10.0, faintest_mjy=6.3, removed_above_mjy=6.4)
    sky = survey(bright).sky
    from szmass_cli.sky.objects.sources import draw_sources

    kinds = source_kinds(sky, sky.build_bands())
    clean = draw_sources(kinds, bright, 2000.0, np.random.default_rng(1))
    assert clean.removed.any() and not np.any(clean.brightness[clean.removed])
    erring = bright.model_copy(update={"removal_error": 0.1})
    left = draw_sources(kinds, erring, 2000.0, np.random.default_rng(1))
    whole = left.flux_mjy * uk_per_mjy(150.0)
    assert left.removed.sum() > 500
    masked = left.flux_mjy > 100.0
    assert masked.any() and not np.any(left.brightness[masked])
    shown = left.removed & ~masked
    ratio = left.brightness[shown, 1] / whole[shown]
    assert ratio.std() == pytest.approx(0.1, rel=0.1) and abs(ratio.mean()) < 0.02


def test_without_foregrounds_there_is_no_source_to_paint():
    sky = survey(QUIET, foregrounds_dl3000_uk2=Foregrounds(radio=0, dusty_poisson=0)).sky
    assert source_kinds(sky, sky.build_bands()) == ()


def test_threads_do_not_change_what_is_painted(simulator):
    from szmass_cli.simulation.cutouts import drawn_in_parallel

    one, two = (list(drawn_in_parallel(simulator, CLUSTERS, 300, 9, workers)) for workers in (1, 2))
    for alone, beside in zip(one, two, strict=True):
        for name, values in alone.arrays().items():
            assert values.tobytes() == getattr(beside, name).tobytes(), name
