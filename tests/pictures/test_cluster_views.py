"""Views of single clusters: the same numbers as the catalogue's, from the maps that its metadata name."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import szmass_cli
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.checkrequest import CheckRequest
from szmass_cli.estimation.recipe import RECIPE_KEY, Recipe
from szmass_cli.pictures.measurement import Measurement

FITTED = ("M200c_p16", "M200c", "M200c_p84")


@pytest.fixture(scope="module")
def written(field, measure, tmp_path_factory):
    """A measured catalogue on disk, with a row off the map, added columns that end in _sz, and its run."""
    folder = tmp_path_factory.mktemp("views")
    table = Table.read(field.catalog_path)
    table = Table(
        {"name": table["name"], "ra": table["ra"], "dec": table["dec"], "redshift": table["redshift"]}
    )
    table["M200c"] = field.truth["M200c_true"]
    table["ra"][3] = 200.0
    table.write(folder / "clusters.csv")
    estimates = measure(field.map_path, folder / "clusters.csv", folder / "masses.fits", suffix="_sz")
    return folder / "masses.fits", estimates


@pytest.fixture(scope="module")
def opened(written):
    return szmass_cli.view(written[0])


def test_a_view_has_the_numbers_of_the_catalogue(opened, written):
    masses = Table.read(written[0])
    for row in (0, 17):
        cluster = opened[row]
        in_catalogue = [float(masses[f"{name}_sz"][row]) for name in FITTED]
        np.testing.assert_allclose(cluster.m200c_msun / 1e14, in_catalogue, rtol=1e-5)
        below = np.cumsum(cluster.density)
        assert np.interp(np.log(in_catalogue[1] * 1e14), cluster.ln_mass, below) == pytest.approx(
            0.5, abs=0.02
        )
        assert cluster.values["sz_snr"] == pytest.approx(float(masses["sz_snr_sz"][row]))


def test_a_view_of_the_run_itself_is_that_of_the_file(opened, written):
    of_run, of_file = Measurement.of(written[1])[5], opened[5]
    np.testing.assert_array_equal(of_run.cutout_uk, of_file.cutout_uk)
    np.testing.assert_allclose(of_run.density, of_file.density, atol=1e-7)
    assert of_run.name == of_file.name == "SIM-05"


def test_the_model_is_a_decrement_whose_removal_leaves_no_cluster(opened):
    heaviest = int(np.nanargmax(np.asarray(opened.columns["M200c"])))
    cluster = opened[heaviest]
    middle = (slice(18, 22), slice(18, 22))
    assert cluster.model_uk[..., 0][middle].mean() < -50.0
    np.testing.assert_allclose(cluster.residual_uk + cluster.model_uk, cluster.cutout_uk)
    assert cluster.score[middle].mean() > 5.0
    assert abs(cluster.score_left[middle].mean()) < 3.0


def test_the_input_mass_is_that_of_the_catalogue_and_not_the_estimate(opened, field):
    cluster = opened["SIM-07"]
    assert cluster.input_column == "M200c"
    assert cluster.input_m200c_msun == pytest.approx(float(field.truth["M200c_true"][7]) * 1e14)


def test_a_row_without_a_mass_has_a_view(opened):
    cluster = opened["SIM-03"]
    assert not cluster.has_mass and cluster.flags == ("OFF_MAP",)
    assert np.isnan(cluster.cutout_uk).all() and cluster.density.size == 0
    assert len(cluster.plot().axes) == 6


def test_what_estimate_returns_can_be_viewed(field, measure, opened):
    clusters = Table.read(field.catalog_path)["name", "ra", "dec", "redshift"][2:3]
    masses = szmass_cli.estimate(field.map_path, clusters, noise=5.0)
    np.testing.assert_allclose(szmass_cli.view(masses)["SIM-02"].m200c_msun, opened[2].m200c_msun, rtol=1e-5)


def test_names_that_are_not_there_or_twice_are_errors(opened):
    assert opened.row_of("row-4") == 3
    with pytest.raises(UsageError, match="Did you mean SIM-04"):
        opened.row_of("SIM04")
    twice = replace(opened, columns=opened.columns)
    object.__setattr__(twice, "names", np.array(["A"] * len(opened)))
    with pytest.raises(UsageError, match="24 rows are called 'A'"):
        twice.row_of("A")


def test_a_map_that_has_changed_is_refused_unless_it_is_named(written, field, tmp_path):
    moved = tmp_path / "moved.fits"
    moved.write_bytes(field.map_path.read_bytes())
    recipe = Recipe.from_json(str(Table.read(written[0]).meta[RECIPE_KEY]))
    other = dict(recipe.identities[0]) | {"map": dict(recipe.identities[0]["map"]) | {"sample": "0" * 64}}
    changed = replace(recipe, identities=(other,))
    masses = Table.read(written[0])
    masses.meta[RECIPE_KEY] = changed.to_json()
    with pytest.raises(InputError, match="not what was measured: map differ"):
        szmass_cli.view(masses)
    again = szmass_cli.view(masses, moved)
    assert "moved.fits is not what was measured" in again.notes[0] and again.notes[0] in again[0].made_with


def test_a_map_is_found_beside_the_catalogue(written, field, tmp_path):
    (tmp_path / field.map_path.name).write_bytes(field.map_path.read_bytes())
    masses = Table.read(written[0])
    text = str(masses.meta[RECIPE_KEY]).replace(str(field.map_path.parent), "/nowhere")
    masses.meta[RECIPE_KEY] = text
    masses.write(tmp_path / "masses.ecsv")
    assert szmass_cli.view(tmp_path / "masses.ecsv").notes == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"maps": 1}'])
def test_a_recipe_that_is_damaged_is_an_error(text):
    with pytest.raises(InputError, match="cannot be used"):
        Recipe.from_json(text)


def test_a_catalogue_that_does_not_say_what_made_it_is_an_error():
    with pytest.raises(InputError, match="does not say what made it"):
        szmass_cli.view(Table({"ra": [1.0], "dec": [2.0]}))


# --- what was measured of the maps, and what the check asked for --------------------------------------------


@pytest.fixture(scope="module")
def corrected(field, measure, tmp_path_factory):
    """Catalogue of an eight times noisier map than stated, recalibrated, with measured columns in full."""
    folder = tmp_path_factory.mktemp("corrected")
    with fits.open(field.map_path) as hdus:
        noise = np.random.default_rng(9).standard_normal(hdus[0].data.shape) * 30.0 / 0.5
        fits.writeto(folder / "noisy.fits", (hdus[0].data + noise).astype(np.float32), hdus[0].header)
    check = CheckRequest(200, recalibrate=True)
    how = {"noise": 8.0, "check": check, "posteriors": folder / "curves.hdf5"}
    return folder, measure(folder / "noisy.fits", field.catalog_path, folder / "masses.ecsv", **how)


@pytest.mark.parametrize("from_file", [True, False])
def test_views_of_a_recalibrated_run_show_what_was_written(corrected, from_file):
    folder, estimates = corrected
    view = szmass_cli.view(folder / "masses.ecsv") if from_file else Measurement.of(estimates)
    assert view.recipe.recalibration is not None
    curves = szmass_cli.read_posteriors(folder / "curves.hdf5")
    cluster, columns = view[7], estimates.columns
    written = [float(columns[name][7]) for name in FITTED]
    np.testing.assert_allclose(cluster.m200c_msun / 1e14, written, rtol=1e-4)
    np.testing.assert_allclose(cluster.density, curves.posterior.density[7], atol=2e-5)
    likely = curves.ln_likelihood[7] - curves.ln_likelihood[7].max()
    near = likely > -8.0
    np.testing.assert_allclose(cluster.ln_likelihood[near], likely[near], atol=2e-3)
    assert "are recalibrated" in cluster.made_with


@pytest.fixture(scope="module")
def by_measured_noise(field, measure, tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "m.ecsv"
    return path, measure(field.map_path, field.catalog_path, path, noise=None)


def test_measured_noise_is_measured_again_and_not_its_shape_alone(by_measured_noise):
    path, estimates = by_measured_noise
    view, of_run = szmass_cli.view(path), estimates.run.bench.job.settled.measured
    assert of_run is not None and not [note for note in view.notes if "white level" in note]
    found = view.bench.job.settled.measured.plane.power_uk2_sr
    np.testing.assert_allclose(found, of_run.plane.power_uk2_sr, rtol=1e-6)
    for row in (2, 11):
        written = [float(estimates.columns[name][row]) for name in FITTED]
        np.testing.assert_allclose(view[row].m200c_msun / 1e14, written, rtol=1e-4)


def test_noise_that_is_another_now_is_told(by_measured_noise, field, tmp_path):
    with fits.open(field.map_path) as hdus:
        noise = np.random.default_rng(9).standard_normal(hdus[0].data.shape) * 15.0 / 0.5
        fits.writeto(tmp_path / "noisy.fits", (hdus[0].data + noise).astype(np.float32), hdus[0].header)
    view = szmass_cli.view(by_measured_noise[0], tmp_path / "noisy.fits")
    assert any("white level, knee and slope only" in note for note in view.notes)
