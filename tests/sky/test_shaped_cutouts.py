"""Cutouts of clusters of many profiles and shapes: what is in them, on what they depend, what files tell."""

import hashlib

import h5py
import numpy as np
import pytest
from papersky import paper_clusters

from szmass_cli.config import ClusterConfig, SurveyConfig, parse_config
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.gnfw import PROFILES
from szmass_cli.physics.profiles import BeamedProfile, SzModel, cluster_scales
from szmass_cli.physics.transfers import read_transfer
from szmass_cli.simulation.cutouts import write_cutouts
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.cutouts import CutoutBlock, Stream, block_generator
from szmass_cli.sky.signals import RoundSignals, signal_source

BANDS = (Band(95.0, Beam(2.2), 5.0), Band(150.0, Beam(1.2), 5.0))
EVERYTHING = ClusterConfig(
    profiles={"a10": 0.5, "disturbed": 0.2, "battaglia2012": 0.3},
    outer_slope_scatter=0.4,
    concentration_amplitude_correlation=0.4,
    second_peak={"fraction": 0.3},
    shape={"kind": "elliptical"},
    miscentring={"kind": "optical"},
)
TRUTH = {
    *("profile", "stretch", "outer_slope", "axis_ratio", "position_angle_deg", "elongation"),
    *("second_mass_ratio", "second_offset_arcmin"),
}


def source(config, bands=BANDS):
    model = SzModel(relativistic=config.relativistic)
    return signal_source(config, bands, None, model)


def draw(signals, config, n=256, seed=1):
    rng = block_generator(seed, Stream.USER, 0)
    mass, z = rng.uniform(2e14, 1e15, 256), rng.uniform(0.3, 1.2, 256)
    return mass, z, signals.draw(config, mass, z, rng, n)


@pytest.fixture(scope="module")
def everything():
    return source(EVERYTHING)


def test_the_first_cutouts_are_the_same_however_many_are_drawn(everything):
    _, _, whole = draw(everything, EVERYTHING)
    assert np.isfinite(whole.own).all() and set(whole.shapes) == TRUTH
    for n in (1, 15, 17, 130):
        _, _, some = draw(everything, EVERYTHING, n)
        assert some.own.tobytes() == whole.own[:n].tobytes()
        assert some.offset_arcmin.tobytes() == whole.offset_arcmin[:n].tobytes()
        for name, values in some.shapes.items():
            assert values.tobytes() == whole.shapes[name][:n].tobytes(), name


def test_the_flux_of_an_image_is_that_of_its_clusters(everything):
    """Sums over well-centred cutouts, in units of round universal clusters': all have one Y500."""
    mass, z, drawn = draw(everything, EVERYTHING)
    near = np.hypot(*drawn.offset_arcmin.T) < 0.7
    scales = cluster_scales(mass, z)
    mean = ClusterStamps(BANDS, SzModel(relativistic=True)).images(
        cluster_scales(mass, z, SzModel(relativistic=True))
    )
    ratio = drawn.own.sum(axis=(1, 2))[:, 1] / mean.sum(axis=(1, 2))[:, 1] / drawn.amplitude
    single = near & (drawn.shapes["second_mass_ratio"] == 0) & (scales.theta500_arcmin < 3)
    assert single.sum() > 50
    assert np.median(ratio[single]) == pytest.approx(1.0, abs=0.1)
    assert np.all(np.abs(np.log(ratio[single])) < 0.7)


def test_a_second_peak_is_where_the_truth_says():
    config = paper_clusters(
        second_peak={"fraction": 1.0, "min_mass_ratio": 0.8, "max_distance_r500": 3.0}, sz_scatter_ln=0.0
    )
    _, _, drawn = draw(source(config, BANDS[1:]), config)
    offset = drawn.shapes["second_offset_arcmin"]
    apart = np.hypot(*offset.T)
    index = int(np.flatnonzero((apart > 3.0) & (np.abs(offset).max(axis=1) < 4.0))[0])
    row, column = (np.round(offset[index] / 0.25 + 19.5)).astype(int)
    image = np.abs(drawn.own[index, :, :, 0])
    assert image[row, column] > 0.5 * image[19:21, 19:21].max()
    opposite = image[39 - row, 39 - column]
    assert image[row, column] > 5 * opposite


def test_wrong_centres_alone_move_round_universal_clusters():
    """The image is the round one of today, at the offset of the truth."""
    config = paper_clusters(miscentring={"kind": "xray"}, sz_scatter_ln=0.0)
    mass, z, drawn = draw(source(config, BANDS[1:]), config)
    scales, profile = cluster_scales(mass, z), BeamedProfile(BANDS[1].optics, 40.0)
    axis = (np.arange(40) - 19.5) * 0.25
    for index in np.argsort(np.hypot(*drawn.offset_arcmin.T))[[20, 150, 250]]:
        north, west = drawn.offset_arcmin[index]
        theta = np.hypot(axis[:, None] - north, axis[None, :] - west)
        expected = scales.y_scale[index] * profile(scales.theta500_arcmin[index], theta)
        expected *= BANDS[1].response.tsz_uk_per_y()
        central = scales.y_scale[index] * profile(scales.theta500_arcmin[index], 0.0) * 2.6e6
        np.testing.assert_allclose(drawn.own[index, :, :, 0], expected, atol=1.5e-3 * central)


def test_simple_clusters_are_drawn_as_ever():
    """The numbers drawn before there were shapes, by their hash, and the images made from them."""
    config = paper_clusters(miscentring_arcmin=0.5, concentration_scatter_ln=0.15)
    model = SzModel()
    stamps = ClusterStamps(BANDS[1:], model)
    signals = signal_source(config, BANDS[1:], stamps, model)
    assert isinstance(signals, RoundSignals)
    mass, z, drawn = draw(signals, config, 40)
    assert drawn.shapes == {}
    rng = block_generator(1, Stream.USER, 0)
    rng.uniform(size=(2, 256))
    amplitude = np.exp(0.2 * rng.standard_normal(256))[:40]
    offset = 0.5 * rng.standard_normal((256, 2))[:40]
    scales = cluster_scales(mass[:40], z[:40]).stretched(0.15 * rng.standard_normal(256)[:40])
    images = stamps.offset_images(scales, offset) * amplitude.astype(np.float32)[:, None, None, None]
    assert drawn.own.tobytes() == images.tobytes()
    assert drawn.offset_arcmin.tobytes() == offset.tobytes()
    assert hashlib.sha256(drawn.offset_arcmin.tobytes()).hexdigest()[:16] == "22a6c22e2a79690b"


def test_files_tell_shapes_where_there_are_any(tmp_path):
    text = """
    sky:
      cmb: false
      foregrounds_dl3000_uk2: {tsz: 0, ksz: 0, dusty_poisson: 0, dusty_clustered: 0, radio: 0}
    clusters:
      profiles: {a10: 0.6, cool_core: 0.4}
      second_peak: {fraction: 0.5}
    """
    path = tmp_path / "cutouts.h5"
    config = parse_config(text, "shapes")
    write_cutouts(config, path, seed=3, n=300, workers=2)
    other = tmp_path / "other.h5"
    write_cutouts(config, other, seed=3, n=300, workers=1)
    with h5py.File(path) as file, h5py.File(other) as again:
        assert set(file) == {"image", "sz", "m200c", "redshift", "amplitude"} | TRUTH
        assert all(np.array_equal(file[name], again[name]) for name in file)
        assert file["profile"].attrs["values"].startswith("0 a10, 1 cool_core")
        assert set(np.unique(file["profile"])) == {0, 1} and file["profile"].dtype == np.int8
        assert file["second_offset_arcmin"].attrs["axes"] == "north, west"
        assert 0.4 < np.mean(file["second_mass_ratio"][:] > 0) < 0.6


def test_blocks_keep_shapes_when_cut_and_joined(everything):
    _, _, drawn = draw(everything, EVERYTHING, 10)
    columns = np.ones(10)
    block = CutoutBlock(drawn.own, drawn.own, columns, columns, columns, drawn.offset_arcmin, **drawn.shapes)
    joined = CutoutBlock.concatenate([block[:4], block[4:]])
    assert joined.outer_slope.tobytes() == block.outer_slope.tobytes()
    assert joined.second_offset_arcmin.shape == (10, 2)


def test_filters_of_two_directions_are_refused(tmp_path):
    path = tmp_path / "filter.npz"
    ell = np.linspace(-20_000, 20_000, 41)
    np.savez(path, ell_x=ell, ell_y=ell, tf=np.ones((41, 41)) * (np.abs(ell) > 900))
    band = Band(150.0, Beam(1.2), 5.0, None, None, 0.0, read_transfer(path))
    with pytest.raises(ConfigError, match="150 GHz: clusters of many profiles and shapes"):
        source(EVERYTHING, (band,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profiles: {cool_core: 0.5}", "clusters.profiles: .*weights must add up to 1"),
        (
            "profiles: {coolcore: 1}",
            "clusters.profiles.coolcore: .*Did you mean cool_core",
        ),
        ("miscentring: {kind: xray}, miscentring_arcmin: 1", "two offsets; give one"),
        ("miscentring: {kind: gaussian}", "clusters.miscentring.rms_arcmin: Field required"),
        ("miscentring: {kind: best}", "clusters.miscentring: .*'gaussian', 'optical', 'xray'"),
        ("shape: {kind: irregular}, outer_slope_scatter: 0.3", "irregular clusters have the profile a10"),
        ("shape: {kind: irregular}, miscentring: {kind: xray}", "irregular clusters are centred"),
        ("second_peak: {fraction: 2}", "clusters.second_peak.fraction: .*less than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_config(f"clusters: {{{text}}}", "wrong")


def test_configurations_with_shapes_are_written_and_read_back():
    config = SurveyConfig(clusters=EVERYTHING)
    assert parse_config(config.to_yaml(), "again") == config
    normal = SurveyConfig(clusters=ClusterConfig(miscentring={"kind": "gaussian", "rms_arcmin": 0.3}))
    assert parse_config(normal.to_yaml(), "again") == normal
    assert list(config.clusters.profiles.by_name) == list(PROFILES)
