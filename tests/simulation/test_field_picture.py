"""`simulate field --plot`: patches of maps have the power that the maps were made with."""

import matplotlib.image
import numpy as np
import pytest

from szmass_cli.config import FieldConfig, SurveyConfig
from szmass_cli.maps import open_map
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.simulation.figures.field import plot_field
from szmass_cli.simulation.figures.fieldpatches import lay_patches, positions_deg, sample_patch
from szmass_cli.simulation.figures.fieldscores import patch_scores
from szmass_cli.simulation.figures.fieldspectra import FieldSignal, field_spectra
from szmass_cli.sky.patch import Patch

NO_CMB = {"cmb": False, "noise_uk_arcmin": 5.0, "beam_fwhm_arcmin": 1.2}
FIELDS = {
    "car": {"center_dec_deg": -60, "holes_per_deg2": 0.5, "apodisation_arcmin": 6, "depth_variation": 0.3},
    "healpix": {"center_dec_deg": 20, "pixelisation": "healpix", "nside": 4096, "frame": "galactic"},
}


@pytest.fixture(scope="module", params=FIELDS)
def simulated(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    field = {"width_deg": 8, "height_deg": 4, "center_ra_deg": 1, **FIELDS[request.param]}
    config = SurveyConfig.model_validate({"sky": NO_CMB, "field": field})
    return config, simulate_survey_field(config, folder / "f.fits", seed=2, n_clusters=60), folder


def test_a_fields_spectra_are_its_input(simulated):
    config, field, _ = simulated
    found = field_spectra(config, field.paths.maps, field.paths.mask, field.truth)
    assert len(found.ell) >= 8
    pull = (found.measured - found.expected)[0, 0] / found.error[0, 0]
    assert np.abs(pull).max() < 4 and np.sqrt(np.mean(pull**2)) < 1.7
    assert (found.error / found.expected).min() < 0.05


def test_the_clusters_are_where_the_catalogue_says(simulated):
    """With the signal left in, the heaviest cluster's centre stands out; without it, it does not."""
    config, field, _ = simulated
    (band,) = config.sky.build_bands()
    grid = lay_patches(config.field, 0.5)
    truth = field.truth
    # the brightest one inside a patch
    sky_map, best = open_map(field.paths.maps[0]), None
    for number in range(len(grid)):
        directions = grid.directions(number)
        signal = FieldSignal(config, band, truth).on(directions)
        if best is None or signal.min() < best[0].min():
            best = signal, sample_patch(sky_map, directions)
    signal, patch = best
    row, column = np.unravel_index(signal.argmin(), signal.shape)
    around = (slice(row - 1, row + 2), slice(column - 1, column + 2))
    assert signal.min() < -60
    assert patch[around].mean() < 0.6 * signal[around].mean()
    assert abs((patch - signal)[around].mean()) < 40


def test_the_score_image_shows_the_clusters_where_they_are(simulated):
    """In standard deviations of bare sky: about one all over, and far more in the middle of the heaviest."""
    config, field, _ = simulated
    scores = patch_scores(config, field.paths.maps, 0, field.truth)
    size = len(scores.score)
    inner = scores.score[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4]
    assert 0.8 < 1.4826 * np.median(np.abs(inner)) < 1.25
    column, row = ((scores.clusters_deg.T / scores.half_deg + 1.0) / 2.0 * size - 0.5).round().astype(int)
    found = [scores.score[y - 1 : y + 2, x - 1 : x + 2].max() for x, y in zip(column, row, strict=True)]
    assert len(found) >= 5 and np.median(found[:5]) > 4.0


@pytest.mark.parametrize("dec_deg", [-80, -30, 0, 60])
def test_patches_lie_inside_the_field_and_fill_it(dec_deg):
    field = FieldConfig(center_ra_deg=359, center_dec_deg=dec_deg, width_deg=30, height_deg=8)
    grid, whole = lay_patches(field, 0.5), Patch.of(field)
    assert len(grid) >= 1
    for number in range(len(grid)):
        assert whole.contains(*positions_deg(grid.directions(number))).all()
    covered_deg2 = len(grid) * (grid.size * grid.pixel_arcmin / 60.0) ** 2
    assert covered_deg2 > 0.3 * whole.area_sr * np.degrees(1.0) ** 2 or len(grid) == 16


def test_a_field_too_small_for_spectra_still_has_its_map_drawn(tmp_path):
    config = SurveyConfig.model_validate({"sky": NO_CMB, "field": {"width_deg": 0.4, "height_deg": 0.3}})
    field = simulate_survey_field(config, tmp_path / "f.fits", seed=2, n_clusters=3)
    paths = field.paths
    plot_field(config, paths.maps, paths.mask, field.truth, tmp_path / "f.png")
    assert matplotlib.image.imread(tmp_path / "f.png")[..., :3].std() > 0.05


def test_the_command_draws_map_and_spectra(szmass_fork, tmp_path):
    (tmp_path / "f.yaml").write_text(
        "sky: {cmb: false}\nfield: {width_deg: 3, height_deg: 2, center_dec_deg: 0}\n"
    )
    arguments = ("simulate", "field", "-c", "f.yaml", "--n-clusters", 5, "-o", "f.fits", "--plot", "f.png")
    outcome = szmass_fork(*arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "Picture written to f.png" in outcome.err
    picture = matplotlib.image.imread(tmp_path / "f.png")[..., :3]
    assert picture.shape[1] == 1430
    for part in np.array_split(picture, 2):
        assert part.std() > 0.05
