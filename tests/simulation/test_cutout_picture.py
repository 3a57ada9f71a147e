"""`simulate cutouts --plot`: what is in the picture, and what is refused."""

import h5py
import matplotlib.image
import numpy as np
import pytest

from szmass_cli.config import SkyConfig, SurveyConfig
from szmass_cli.simulation.cutouts import write_cutouts
from szmass_cli.simulation.figures.components import draw_components
from szmass_cli.simulation.figures.cutoutfile import read_shown_clusters, read_skies
from szmass_cli.simulation.figures.cutouts import plot_cutouts
from szmass_cli.sky.measured import PatchSpectra, cutout_lag_covariance_uk2, hann_window, with_white_noise
from szmass_cli.sky.power import SkyPower

NO_CMB = "sky: {cmb: false}\n"


def files_in(folder):
    return {path.name for path in folder.iterdir()}


def test_components_add_up_to_the_power_of_the_configured_sky():
    sky = SkyConfig()
    instrument = sky.build_instrument()
    sz = np.zeros((1500, 40, 40), np.float32)
    parts = draw_components(sky, sz, np.random.default_rng(1))
    np.testing.assert_allclose(parts.sum, parts.cmb + parts.foregrounds + parts.noise, atol=1e-4)
    spectra = PatchSpectra(hann_window((40, 40)), 0.25, [3240, 5400, 7560, 10_000, 14_400])
    lags = cutout_lag_covariance_uk2(SkyPower.from_config(sky, instrument.bands), instrument)
    covariance = with_white_noise(lags, instrument.bands, 0.25)
    expected = spectra.expect(covariance)
    measured = spectra.measure(parts.sum[:, None]).mean(axis=0)
    assert np.abs((measured - expected) / spectra.errors(expected, 1500)).max() < 4
    assert parts.noise.std() == pytest.approx(20.0, rel=0.01)


def test_what_is_switched_off_is_zero():
    sz = np.full((2, 40, 40), -3.0)
    parts = draw_components(SkyConfig(cmb=False), sz, np.random.default_rng(1))
    assert not parts.cmb.any() and parts.foregrounds.any()
    np.testing.assert_array_equal(parts.sz, sz)


def test_skies_are_read_without_clusters_and_without_the_taper(tmp_path):
    common = {"sky": {"cmb": False}, "cutouts": {"n": 300}}
    plain = SurveyConfig.model_validate(common)
    tapered = SurveyConfig.model_validate({**common, "cutouts": {"n": 300, "apodisation_arcmin": 1.0}})
    for name, config in (("plain.h5", plain), ("tapered.h5", tapered)):
        write_cutouts(config, tmp_path / name, seed=3)
    skies = read_skies(tmp_path / "plain.h5", [0], 0.0)
    assert skies.shape == (300, 1, 40, 40)
    np.testing.assert_allclose(read_skies(tmp_path / "tapered.h5", [0], 1.0), skies, atol=0.01)
    # foregrounds of 7 µK on noise of 20, with no trace of the clusters in the middle
    assert skies[:, 0, 18:22, 18:22].mean() == pytest.approx(0.0, abs=4 * 22 / np.sqrt(300))
    clusters = read_shown_clusters(tmp_path / "plain.h5")
    assert len(clusters.m200c_msun) == 3 and np.all(np.diff(clusters.m200c_msun) > 0)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("picture")
    config = SurveyConfig.model_validate(
        {
            "sky": {
                "cmb": False,
                "bands": [
                    {"frequency_ghz": 95, "beam_fwhm_arcmin": 1.6},
                    {"frequency_ghz": 150, "beam_fwhm_arcmin": 1.2},
                ],
            }
        }
    )
    write_cutouts(config, folder / "c.h5", seed=1, n=40)
    plot_cutouts(config, folder / "c.h5", folder / "c.png", seed=1)
    return matplotlib.image.imread(folder / "c.png")[..., :3]


def test_the_picture_has_its_size_and_no_blank_panel(picture):
    height, width, _ = picture.shape
    assert width == 1430 and height == pytest.approx(110 * (2.35 * 3 + 0.9 + 2.7 + 4.4), abs=2)
    # foregrounds, noise and sum in each of three rows: columns 2, 4 and 5 of the upper part
    components = picture[: int(height * 0.45)]
    for column in (1, 3, 4):
        strip = components[:, int(width * (0.12 + 0.175 * column)) : int(width * (0.2 + 0.175 * column))]
        for row in np.array_split(strip, 3):
            assert row.std() > 0.03
    # the CMB is off: grey throughout
    assert (
        picture[: int(height * 0.4), int(width * 0.1) : int(width * 0.2)].std(axis=-1) > 0.05
    ).mean() < 0.01
    assert picture[int(height * 0.75) :].std() > 0.05


def test_the_command_draws_a_picture_beside_the_cutouts(szmass_fork, tmp_path):
    (tmp_path / "c.yaml").write_text(NO_CMB)
    arguments = ("simulate", "cutouts", "-c", "c.yaml", "--n", 8, "-o", "c.h5", "--plot", "c.pdf")
    outcome = szmass_fork(*arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "Picture written to c.pdf" in outcome.err
    assert files_in(tmp_path) == {"c.yaml", "c.h5", "c.pdf"}
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")
    with h5py.File(tmp_path / "c.h5") as file:
        assert len(file["image"]) == 8


@pytest.mark.parametrize(
    ("plot", "said"),
    [
        ("taken.png", "already there"),
        ("nowhere/c.png", "there is no folder"),
        ("c.jpeg2", "--plot"),
        ("c.yaml.png", "another file of this run"),
    ],
)
@pytest.mark.parametrize("command", ["cutouts", "field"])
def test_a_picture_that_cannot_be_written_stops_the_run_before_its_work(
    szmass_fork, tmp_path, plot, said, command
):
    (tmp_path / "taken.png").write_text("somebody's work")
    (tmp_path / "c.yaml.png").write_text(NO_CMB)
    arguments = ("simulate", command, "-c", "c.yaml.png", "-o", "c.out", "--plot", plot)
    outcome = szmass_fork(*arguments, cwd=tmp_path)
    assert outcome.code == 2 and said in " ".join(outcome.err.split())
    assert files_in(tmp_path) == {"taken.png", "c.yaml.png"}
    assert (tmp_path / "taken.png").read_text() == "somebody's work"
