"""Labelled cutouts: what is in them, on what they depend, and the file they are written to."""

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from papersky import paper_clusters

from szmass_cli import __version__
from szmass_cli.config import (
    CutoutConfig,
    ListedMasses,
    LogUniformMasses,
    SplitConfig,
    SurveyConfig,
    UniformMasses,
    load_config,
    parse_config,
)
from szmass_cli.errors import OutputError
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.simulation.cutouts import split_of, write_cutouts
from szmass_cli.sky.clusters import draw_amplitudes, draw_masses, mass_range, mean_mass
from szmass_cli.sky.cutouts import BLOCK, CutoutBlock, Stream, block_generator

# dT [µK] behind a 1' beam at 0', 0.5', 1', 2' of 5e14 Msun at z = 0.7 (design, section 3)
TABLE_5E14 = {0.0: -122.4, 0.5: -94.9, 1.0: -50.7, 2.0: -12.5}
DEFAULT = paper_clusters()  # uniform in 1-8e14, z = 0.7, 20 per cent scatter
PAPER = SurveyConfig(clusters=DEFAULT)
FIELDS = ("image", "sz", "m200c", "redshift", "amplitude")


def cutouts(simulator, n, seed=1, stream=Stream.TRAINING, clusters=DEFAULT, **where):
    return CutoutBlock.concatenate(list(simulator.blocks(clusters, n, seed, stream, **where)))


def same(a, b):
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in FIELDS)


def test_same_seed_same_bytes_and_another_seed_another_sky(simulator):
    one = cutouts(simulator, 300)
    assert same(one, cutouts(simulator, 300))
    other = cutouts(simulator, 300, seed=2)
    assert not np.any(other.image == one.image)
    assert not np.any(other.m200c == one.m200c)


def test_a_longer_run_begins_with_the_shorter_one(simulator):
    assert same(cutouts(simulator, 600)[:300], cutouts(simulator, 300))


@given(st.integers(1, 700))
@settings(max_examples=8, deadline=None)
def test_any_number_of_cutouts_can_be_asked_for(simulator, n):
    whole = cutouts(simulator, 768)
    some = cutouts(simulator, n)
    assert len(some) == n and some.image.shape == (n, 40, 40, 1)
    assert same(some, whole[:n])


def test_blocks_stand_alone(simulator):
    """The second block is the same whether or not the first was drawn."""
    both = cutouts(simulator, 2 * BLOCK)
    assert same(both[BLOCK:], cutouts(simulator, BLOCK, first_block=1))


def test_no_two_sets_share_a_cutout(simulator):
    """Streams, salts and blocks each give other skies and other masses."""
    sets = [cutouts(simulator, BLOCK, stream=stream) for stream in Stream]
    sets += [cutouts(simulator, BLOCK, salt=1), cutouts(simulator, BLOCK, first_block=1)]
    masses = np.concatenate([s.m200c for s in sets])
    assert np.unique(masses).size == masses.size
    skies = np.concatenate([(s.image - s.sz)[:, :4, :4].reshape(BLOCK, -1) for s in sets])
    # 16 pixels, most of them noise: the closest two of 1792 would be nearly equal had any been shared
    skies = skies - skies.mean(axis=1, keepdims=True)
    squared = np.sum(skies**2, axis=1)
    distances = squared[:, None] + squared[None, :] - 2 * skies @ skies.T
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 100.0


def test_training_and_test_sets_are_other_cutouts(simulator):
    training = cutouts(simulator, 512, stream=Stream.TRAINING)
    test = cutouts(simulator, 512, stream=Stream.TEST)
    assert not set(training.m200c) & set(test.m200c)
    assert not {i.tobytes() for i in training.image} & {i.tobytes() for i in test.image}


@given(seed=st.integers(0, 2**63), block=st.integers(0, 10**6), salt=st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_a_generator_is_a_function_of_its_arguments(seed, block, salt):
    draws = [
        block_generator(seed, Stream.TEST, block, salt).random(2),
        block_generator(seed, Stream.TEST, block, salt).random(2),
        block_generator(seed, Stream.TRAINING, block, salt).random(2),
        block_generator(seed, Stream.TEST, block + 1, salt).random(2),
        block_generator(seed, Stream.TEST, block, salt + 1).random(2),
        block_generator(seed + 1, Stream.TEST, block, salt).random(2),
    ]
    assert np.array_equal(draws[0], draws[1])
    assert len({tuple(draw) for draw in draws}) == 5


def test_shapes_and_types_are_those_of_the_contract(many_cutouts):
    n = len(many_cutouts)
    for name in ("image", "sz"):
        values = getattr(many_cutouts, name)
        assert values.shape == (n, 40, 40, 1) and values.dtype == np.float32
    for name in ("m200c", "redshift", "amplitude"):
        values = getattr(many_cutouts, name)
        assert values.shape == (n,) and values.dtype == np.float64
    np.testing.assert_array_equal(many_cutouts.redshift, 0.7)


def test_amplitudes_are_log_normal():
    ln_amplitude = np.log(draw_amplitudes(0.2, np.random.default_rng(4), 40000))
    assert ln_amplitude.mean() == pytest.approx(0, abs=0.004)
    assert ln_amplitude.std() == pytest.approx(0.2, abs=0.003)
    assert np.mean(np.abs(ln_amplitude) < 0.2) == pytest.approx(0.6827, abs=0.01)


def test_scatter_multiplies_the_signal_and_not_the_mass(simulator):
    """Signals over their means are the amplitudes; masses keep their own distribution."""
    one_mass = paper_clusters(masses=ListedMasses(kind="list", m200c_msun=(5e14,)))
    block = cutouts(simulator, 512, clusters=one_mass)
    np.testing.assert_array_equal(block.m200c, 5e14)
    mean = cutouts(simulator, 1, clusters=one_mass.model_copy(update={"sz_scatter_ln": 0.0})).sz[0]
    np.testing.assert_allclose(
        block.sz / mean, block.amplitude[:, None, None, None] * np.ones_like(mean), 1e-5
    )
    assert np.log(block.amplitude).std() == pytest.approx(0.2, abs=0.025)
    assert abs(np.corrcoef(np.log(block.amplitude[:256]), np.log(block.amplitude[256:]))[0, 1]) < 0.25


def test_the_label_is_the_beamed_signal_of_the_table(simulator):
    no_scatter = paper_clusters(sz_scatter_ln=0, masses=ListedMasses(kind="list", m200c_msun=(5e14,)))
    block = cutouts(simulator, 2, clusters=no_scatter)
    np.testing.assert_array_equal(block.amplitude, 1.0)
    np.testing.assert_array_equal(block.sz[0], block.sz[1])
    # between pixels by a polynomial in theta^2, which is what a beamed centre is
    theta, value = pixel_radii_arcmin().ravel(), block.sz[0].ravel()
    near = theta < 2.6
    fit = np.polynomial.Polynomial.fit(theta[near] ** 2, value[near], 9)
    for offset, expected in TABLE_5E14.items():
        assert fit(offset**2) == pytest.approx(expected, rel=0.005)


def test_the_image_is_sky_plus_label(many_cutouts):
    """Off the cluster the image is unbiased; taking the label away leaves no trace of the mass."""
    sky = (many_cutouts.image - many_cutouts.sz)[..., 0]
    n = len(sky)
    centre = sky[:, 18:22, 18:22].mean(axis=(1, 2)) - sky[:, [8, 31]][:, :, [8, 31]].mean(axis=(1, 2))
    for truth in (many_cutouts.m200c, many_cutouts.amplitude, many_cutouts.sz[:, 20, 20, 0]):
        assert abs(np.corrcoef(centre, truth)[0, 1]) < 3.5 / np.sqrt(n)
    # while the image itself knows the mass well
    centre += many_cutouts.sz[:, 18:22, 18:22, 0].mean(axis=(1, 2))
    assert np.corrcoef(centre, many_cutouts.m200c)[0, 1] < -0.7


def test_nothing_in_the_label_depends_on_orientation(many_cutouts):
    sz = many_cutouts.sz[:50, ..., 0]
    np.testing.assert_array_equal(sz, sz[:, ::-1])
    np.testing.assert_array_equal(sz, sz[:, :, ::-1])
    np.testing.assert_array_equal(sz, sz.transpose(0, 2, 1))


def test_the_cluster_is_between_pixels_19_and_20():
    radii = pixel_radii_arcmin()
    assert radii.shape == (40, 40)
    np.testing.assert_allclose(radii[19:21, 19:21], 0.125 * np.sqrt(2))
    assert radii[0, 0] == pytest.approx(19.5 * 0.25 * np.sqrt(2))


def test_listed_masses_come_equally_often():
    clusters = paper_clusters(masses=ListedMasses(kind="list", m200c_msun=(1e14, 2e14, 4e14)))
    masses = draw_masses(clusters, np.random.default_rng(1), 300)
    values, counts = np.unique(masses, return_counts=True)
    assert list(values) == [1e14, 2e14, 4e14] and list(counts) == [100, 100, 100]
    assert mean_mass(clusters) == pytest.approx(7e14 / 3)
    assert mass_range(clusters) == (1e14, 4e14)


@pytest.mark.parametrize("kind", [UniformMasses, LogUniformMasses])
def test_masses_follow_their_distribution(kind):
    clusters = paper_clusters(masses=kind(kind=kind().kind, min_m200c_msun=1e14, max_m200c_msun=8e14))
    masses = draw_masses(clusters, np.random.default_rng(1), 50000)
    axis = np.log(masses) if kind is LogUniformMasses else masses
    low, high = (np.log([1e14, 8e14])) if kind is LogUniformMasses else (1e14, 8e14)
    uniform = (axis - low) / (high - low)
    assert uniform.min() >= 0 and uniform.max() <= 1
    counts, _ = np.histogram(uniform, 20, (0, 1))
    assert np.sum((counts - 2500) ** 2 / 2500) < 45  # chi^2 of 19: 1 in 1000
    assert mean_mass(clusters) == pytest.approx(masses.mean(), rel=0.01)
    assert mass_range(clusters) == (1e14, 8e14)


def test_more_massive_and_nearer_clusters_are_larger(simulator):
    images = simulator.stamps.mean_images(np.array([2e14, 4e14, 4e14]), np.array([0.7, 0.7, 0.4]))
    peak = -images[:, 20, 20]
    width = images[:, 20, 26] / images[:, 20, 20]
    assert peak[1] > 2 * peak[0]
    assert width[2] > width[1] > width[0]


@pytest.fixture(scope="module")
def cutout_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cutouts") / "c.h5"
    done = []
    write_cutouts(PAPER, path, n=300, seed=7, progress=lambda *what: done.append(what))
    return path, done


def test_the_file_is_laid_out_as_the_contract_says(cutout_file, simulator):
    path, _ = cutout_file
    expected = cutouts(simulator, 300, seed=7, stream=Stream.USER)
    with h5py.File(path) as file:
        assert set(file) == set(FIELDS)
        assert file["image"].shape == file["sz"].shape == (300, 40, 40, 1)
        assert file["image"].dtype == file["sz"].dtype == np.float32
        for name in ("m200c", "redshift", "amplitude"):
            assert file[name].shape == (300,)
        for name in FIELDS:
            assert file[name][()].tobytes() == getattr(expected, name).tobytes()
        assert file.attrs["seed"] == 7
        assert file.attrs["version"] == __version__
        assert parse_config(file.attrs["config"], "attribute") == PAPER
        assert yaml.safe_load(file.attrs["config"])["sky"]["noise_uk_arcmin"] == 5.0
        assert file["image"].attrs["unit"] == file["sz"].attrs["unit"] == "uK_CMB"
        assert file["m200c"].attrs["unit"] == "Msun"
        assert file.attrs["pixel_arcmin"] == 0.25 and list(file.attrs["beam_fwhm_arcmin"]) == [1.0]
        assert file.attrs["orientation"] == "first pixel axis south to north, second east to west"


def test_progress_counts_up_to_the_end(cutout_file):
    _, done = cutout_file
    assert done == [("sky", 0, 1), ("sky", 1, 1), ("cutouts", 256, 300), ("cutouts", 300, 300)]


def test_a_file_already_there_is_not_touched(tmp_path):
    path = tmp_path / "mine.h5"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"mine\.h5"):
        write_cutouts(SurveyConfig(), path, n=10, seed=1)
    assert path.read_text() == "precious"
    write_cutouts(SurveyConfig(), path, n=10, seed=1, overwrite=True)
    with h5py.File(path) as file:
        assert file["image"].shape[0] == 10
    assert [p.name for p in tmp_path.iterdir()] == ["mine.h5"]


def test_a_failed_run_leaves_nothing_behind(tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cutouts(SurveyConfig(), tmp_path / "c.h5", n=300, seed=1, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_number_of_workers_changes_no_byte(workers, cutout_file, tmp_path):
    write_cutouts(PAPER, tmp_path / "c.h5", n=300, seed=7, workers=workers)
    assert (tmp_path / "c.h5").read_bytes() == cutout_file[0].read_bytes()


def test_the_paper_preset_has_its_masses_and_splits(tmp_path):
    """19 masses, and of each the same number in training, validation and test set."""
    config = load_config("paper")
    written = write_cutouts(config, tmp_path / "c.h5", n=19 * 8, seed=1)
    assert written == 152
    with h5py.File(tmp_path / "c.h5") as file:
        masses, split = file["m200c"][()], file["split"][()]
        assert file["image"].attrs["frequency_ghz"] == [150.0]
    assert split.dtype == np.int8
    for mass in np.unique(masses):
        assert list(np.bincount(split[masses == mass])) == [4, 2, 2]
    assert np.unique(masses).size == 19


def test_split_keeps_to_its_fractions():
    split = split_of(SplitConfig(train=0.5, validation=0.25), 15200)
    assert list(np.bincount(split)) == [7600, 3800, 3800] and np.all(np.diff(split) >= 0)
    assert list(split_of(SplitConfig(train=0.0, validation=1.0), 3)) == [1, 1, 1]


def test_apodised_images_fall_to_nothing_at_the_edges_and_labels_do_not(tmp_path):
    config = SurveyConfig(cutouts=CutoutConfig(n=64, apodisation_arcmin=1.0))
    write_cutouts(config, tmp_path / "tapered.h5", seed=3)
    write_cutouts(SurveyConfig(), tmp_path / "plain.h5", n=64, seed=3)
    with h5py.File(tmp_path / "tapered.h5") as tapered, h5py.File(tmp_path / "plain.h5") as plain:
        ratio = tapered["image"][()] / plain["image"][()]
        np.testing.assert_array_equal(tapered["sz"][()], plain["sz"][()])
    np.testing.assert_allclose(ratio[:, 4:36, 4:36], 1.0)
    # half a cosine over 1': pixel centres lie 0.125', 0.375' ... from the edge
    expected = 0.5 - 0.5 * np.cos(np.pi * np.array([0.125, 0.375, 0.625, 0.875]))
    np.testing.assert_allclose(ratio[0, :4, 20, 0], expected, rtol=1e-4)
    np.testing.assert_allclose(ratio[0, 20, -4:, 0], expected[::-1], rtol=1e-4)


def test_the_configured_number_is_written_where_none_is_asked_for(tmp_path):
    assert write_cutouts(SurveyConfig(cutouts=CutoutConfig(n=7)), tmp_path / "c.h5", seed=1) == 7
    with h5py.File(tmp_path / "c.h5") as file:
        assert len(file["image"]) == 7 and "split" not in file


def test_offsets_of_miscentred_clusters_are_written_where_the_signal_is(tmp_path):
    config = SurveyConfig(clusters=paper_clusters(redshift=0.7, miscentring_arcmin=1.0))
    write_cutouts(config, tmp_path / "c.h5", n=300, seed=3)
    with h5py.File(tmp_path / "c.h5") as file:
        offset, sz = file["offset_arcmin"][()], file["sz"][..., 0]
        assert file["offset_arcmin"].attrs["axes"] == "north, west"
    assert offset.shape == (300, 2) and np.std(offset) == pytest.approx(1.0, abs=0.1)
    row, column = np.unravel_index(sz.reshape(300, -1).argmin(axis=1), (40, 40))
    deepest_arcmin = (np.stack([row, column], axis=1) - 19.5) * 0.25
    inside = np.abs(offset).max(axis=1) < 4.5
    assert np.abs(deepest_arcmin - offset)[inside].max() <= 0.126
