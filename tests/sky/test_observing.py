"""Errors of calibration, beams and depth: what is drawn is in the maps, and off means off."""

from functools import lru_cache

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits
from papersky import paper_clusters
from surveys import BARE, clusters_at, survey

from szmass_cli.config import (
    BandConfig,
    FieldConfig,
    ListedMasses,
    ObservingConfig,
    SkyConfig,
    SurveyConfig,
    load_config,
    parse_config,
    preset_names,
)
from szmass_cli.errors import ConfigError
from szmass_cli.physics.beamerrors import MisknownBeam, stretch_mode
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.sky.mask import shallowness
from szmass_cli.sky.survey import simulate_field

CLUSTERS = paper_clusters(masses=ListedMasses(m200c_msun=(8e14,)))


def two_bands(white=1e-3, **observing):
    common = {"beam_fwhm_arcmin": 1.5, "noise_uk_arcmin": white}
    bands = (BandConfig(frequency_ghz=95, ell_knee=1500, **common), BandConfig(frequency_ghz=150, **common))
    observed = ObservingConfig(**observing)
    return SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, bands=bands, observing=observed)


@lru_cache
def simulator_of(sky):
    return CutoutSimulator(SurveyConfig(sky=sky, clusters=CLUSTERS))


def cutouts(sky, n=5, seed=7):
    simulator = simulator_of(sky)
    return CutoutBlock.concatenate(list(simulator.blocks(CLUSTERS, n, seed, Stream.USER)))


def test_with_everything_off_the_draws_are_those_of_before_there_was_any(simulator):
    """Pixels [µK] of a cutout and of a field, noted down before errors could be drawn."""
    block = next(simulator.blocks(paper_clusters(), 300, 7, Stream.USER))
    np.testing.assert_allclose(block.image[3, 10:12, 7, 0], [297.52963, 331.50574], atol=0.02)
    np.testing.assert_allclose(block.image[200, 20, 19:21, 0], [-146.11647, -160.90883], atol=0.02)
    common = {"beam_fwhm_arcmin": 2.0}
    bands = (
        BandConfig(frequency_ghz=95, noise_uk_arcmin=10, ell_knee=1500, noise_slope=-3, **common),
        BandConfig(frequency_ghz=150, noise_uk_arcmin=20, ell_knee=2500, **common),
    )
    sky = SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, bands=bands, noise_correlation=0.9)
    config = survey(sky, scatter=0.1, width_deg=1.5, height_deg=1.0, pixel_arcmin=1.0)
    field = simulate_field(config, clusters_at([0.0], [-55.0], [5e14]), 3)
    for found, noted in zip(
        field.maps_uk,
        ([-6.059558, 3.6445203, -13.53862], [-47.57937, -20.301897, -27.387438]),
        strict=True,
    ):
        np.testing.assert_allclose(np.asarray(found)[30, 20:23], noted, atol=2e-3)


def test_calibration_multiplies_the_very_same_cutouts():
    off, on = cutouts(two_bands(5.0)), cutouts(two_bands(5.0, calibration_error=0.02))
    assert off.calibration is None and on.calibration.shape == (5, 2)
    np.testing.assert_allclose(
        on.image / off.image, 1 + on.calibration[:, None, None] + 0 * off.image, rtol=1e-5
    )
    assert np.array_equal(on.sz, off.sz) and np.array_equal(on.m200c, off.m200c)


def test_what_is_drawn_has_the_stated_sizes_and_does_not_depend_on_how_many_are_asked_for():
    sky = two_bands(calibration_error=0.02, beam_error=0.01, min_noise_factor=0.5, max_noise_factor=2.0)
    many = cutouts(sky, 600)
    assert many.calibration.std() == pytest.approx(0.02, rel=0.1)
    assert many.beam_error.shape == (600, 2, 1) and many.beam_error.std() == pytest.approx(1.0, rel=0.1)
    assert np.abs(np.corrcoef(many.calibration.T)[0, 1]) < 0.15
    assert 0.5 <= many.depth.min() < 0.53 and 1.9 < many.depth.max() <= 2.0
    assert np.median(many.depth) == pytest.approx(1.0, abs=0.15)
    few = cutouts(sky, 300)
    for name, values in few.arrays().items():
        assert values.tobytes() == many.arrays()[name][:300].tobytes(), name


def test_a_cutout_of_a_misknown_beam_shows_the_cluster_through_it():
    """Against the profile behind the true beam, evaluated at the pixels; 2 per cent of its change."""
    off, on = cutouts(two_bands()), cutouts(two_bands(beam_error=0.02))
    model = CLUSTERS.sz_model(SkyConfig().cosmology.build())
    scales = cluster_scales(off.m200c, off.redshift, model)
    axis = (np.arange(40) - 19.5) * 0.25
    theta = np.hypot(axis[:, None], axis[None, :])
    mode = stretch_mode(Beam(1.5), 0.02)
    for row, band in ((0, 0), (3, 1)):
        shapes = [
            BeamedProfile(beam, 60.0)(scales.theta500_arcmin[row], theta)
            for beam in (Beam(1.5), MisknownBeam(Beam(1.5), mode, on.beam_error[row, band]))
        ]
        scale = off.sz[row, ..., band] / shapes[0]
        expected = scale * (shapes[1] - shapes[0])
        found = on.image[row, ..., band] - off.image[row, ..., band]
        inside = slice(4, 36)
        np.testing.assert_allclose(
            found[inside, inside], expected[inside, inside], atol=0.03 * np.abs(expected).max()
        )
        assert np.abs(expected).max() > 0.3


def test_noise_of_a_cutout_is_as_deep_as_stated_white_and_red():
    """Pixel to pixel white noise, and the large scales of red noise, over 500 cutouts."""
    sky = two_bands(8.0, min_noise_factor=0.5, max_noise_factor=2.0)
    block = cutouts(sky, 500)
    noise = (block.image - block.sz) / block.depth[:, None, None, None]
    assert np.std(np.diff(noise[..., 1], axis=2)) == pytest.approx(np.sqrt(2) * 8.0 / 0.25, rel=0.01)
    plain = cutouts(two_bands(8.0), 500)
    mean, expected = (np.mean(image[..., 0], axis=(1, 2)) for image in (noise, plain.image - plain.sz))
    assert mean.std() == pytest.approx(expected.std(), rel=0.2)
    assert expected.std() > 5 * 8.0 / 0.25 / 40  # the red noise, not the white


def test_a_field_is_through_the_beams_and_calibrations_that_its_headers_state(tmp_path):
    """Maps of the same seed with and without errors, without noise: their ratio is what the cards say."""
    (tmp_path / "clusters.csv").write_text("name,ra,dec,redshift,M200\na,0,-55,0.7,8\n")
    maps = []
    for observing in ({}, {"calibration_error": 0.05, "beam_error": 0.02}):
        sky = two_bands(**observing)
        sky = sky.model_copy(update={"bands": sky.bands[1:]})
        where = {"width_deg": 1.0, "height_deg": 0.5, "pixel_arcmin": 0.5}
        between = 0.3 if observing else 0.0
        config = survey(sky, clusters=CLUSTERS, scan_depth_variation=between, **where)
        path = tmp_path / f"{len(observing)}.fits"
        simulate_survey_field(config, path, seed=3, catalog=tmp_path / "clusters.csv")
        values, header = fits.getdata(path, header=True)
        maps.append((np.asarray(values, float), header))
    (off, plain), (on, header) = maps
    # maps of szmass are read with their inverse variances only where a card says that depth varies
    assert "DEPTHVAR" not in plain and header["DEPTHVAR"] == pytest.approx(0.3)
    assert "CALERR" not in plain and "BEAMERR1" not in plain and header["CALERR"] != 0.0
    truly = MisknownBeam(Beam(1.5), stretch_mode(Beam(1.5), 0.02), np.array([header["BEAMERR1"]]))
    scales = cluster_scales(np.array([8e14]), 0.7, CLUSTERS.sz_model(sky.cosmology.build()))
    central = [BeamedProfile(beam, 60.0)(scales.theta500_arcmin[0], 0.0) for beam in (Beam(1.5), truly)]
    peak = np.unravel_index(np.abs(off).argmax(), off.shape)
    expected = (1 + header["CALERR"]) * central[1] / central[0]
    assert on[peak] / off[peak] == pytest.approx(expected, abs=1e-3)
    # a beam spreads flux and takes none away
    assert on.sum() / off.sum() == pytest.approx(1 + header["CALERR"], abs=1e-3)


def test_cutouts_on_disk_say_what_was_drawn_and_are_the_same_for_any_number_of_workers(tmp_path, szmass_fork):
    sky = two_bands(5.0, calibration_error=0.01, beam_error=0.01, min_noise_factor=0.8, max_noise_factor=1.2)
    config = SurveyConfig(sky=sky, clusters=CLUSTERS)
    (tmp_path / "mine.yaml").write_text(config.to_yaml())
    for workers in (1, 3):
        done = szmass_fork(
            *("simulate", "cutouts", "-o", f"{workers}.h5", "--config", "mine.yaml", "--n", "300"),
            *("--workers", workers, "-q"),
            cwd=tmp_path,
        )
        assert done.code == 0, done.err
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()
    with h5py.File(tmp_path / "1.h5") as file:
        assert file["calibration"].shape == (300, 2) and file["beam_error"].shape == (300, 2, 1)
        assert file["depth"].shape == (300,) and "noise" in file["depth"].attrs["meaning"]
        assert yaml.safe_load(file.attrs["config"])["sky"]["observing"]["calibration_error"] == 0.01


def test_depth_between_scans_rises_across_them_only():
    field = FieldConfig(scan_depth_variation=0.5, scan_depth_period_deg=2.0, center_dec_deg=0.0)
    along, across = np.array([-3.0, 0.0, 3.0]), np.array([-1.0, -0.5, 0.0, 1.0])
    assert shallowness(field, along, np.zeros(3)) == pytest.approx([1.0, 1.0, 1.0])
    assert shallowness(field, np.zeros(4), across) == pytest.approx([1.5, 1.25, 1.0, 1.5])
    turned = field.model_copy(update={"scan_depth_angle_deg": 90.0})
    assert shallowness(turned, across, np.zeros(4)) == pytest.approx([1.5, 1.25, 1.0, 1.5])


def test_modes_are_read_for_the_bands_that_have_them(tmp_path):
    ell = np.arange(0.0, 30_000.0, 50.0)
    beam = Beam(1.5).b_ell(ell)
    np.savetxt(tmp_path / "beam.txt", np.transpose([ell, beam, 0.01 * beam * ell / 1e4, 0.02 * beam]))
    text = (
        "sky: {bands: [{frequency_ghz: 95, beam_fwhm_arcmin: 1.5}, "
        "{frequency_ghz: 150, beam_file: beam.txt, beam_modes_file: beam.txt}], observing: {beam_modes: 2}}"
    )
    sky = parse_config(text, "mine.yaml", tmp_path).sky
    none, modes = sky.build_beam_modes()
    assert none is None and len(modes) == 2
    assert modes.b_ell(0.0)[1] == pytest.approx(2 * 0.02)
    assert sky.files == [tmp_path / "beam.txt"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("observing: {calibration_error: 0.5}", "calibration_error"),
        ("observing: {beam_modes: 1}", "beam_modes needs a beam_modes_file"),
        ("observing: {min_noise_factor: 2, max_noise_factor: 1}", "must not exceed"),
        ("observing: {scan_angles_deg: []}", "1 to 8 angles"),
        ("observing: {calibration: 0.01}", "calibration_error"),
        ("beam_modes_file: absent.txt, observing: {beam_modes: 1}", "cannot be read"),
    ],
)
def test_impossible_errors_are_refused_by_name(text, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        parse_config(f"sky: {{{text}}}", "mine.yaml", tmp_path).sky.build_beam_modes()


def test_every_preset_can_be_observed_as_it_is():
    """Presets are perfect unless one asks; then each has errors, and stripes where it has 1/f noise."""
    for name in preset_names():
        sky = load_config(name).sky
        assert sky.observing == ObservingConfig()
        real = sky.realistically_observed()
        assert 0.0 < real.observing.calibration_error <= 0.02
        red = any(band.ell_knee is not None for band in sky.bands)
        assert (real.observing.stripes > 0) is red, name
        again = SkyConfig.model_validate(real.model_dump())
        assert again.build_instrument().stripes == real.observing.build_stripes()
