"""`szmass export`: columns, selection files, and the modules that cosmocnc loads."""

import importlib.util
import json
import pickle

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from mocksurvey import mock_survey, sigma_y0

import szmass_cli
from szmass_cli.errors import InputError, OutputError
from szmass_cli.exports.nemomaps import pixel_tiles
from szmass_cli.exports.survey import y0_relation
from szmass_cli.physics.cosmology import PLANCK18, e_of_z, m200c_from_m500c, theta500_arcmin
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.physics.y0relation import FilterMismatch
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.posteriorfile import written_posteriors

AREA = 300.0


@pytest.fixture(scope="module")
def survey():
    return mock_survey(AREA, np.random.default_rng(1), least_m500c_msun=1.5e14)


@pytest.fixture(scope="module")
def counts(survey, tmp_path_factory):
    """What is written for cosmocnc."""
    folder = tmp_path_factory.mktemp("exports") / "counts"
    szmass_cli.export(survey, folder, "cosmocnc", area=AREA)
    return folder


@pytest.fixture(scope="module")
def nemo(survey, tmp_path_factory):
    """What is written as nemo does."""
    folder = tmp_path_factory.mktemp("exports") / "nemo"
    szmass_cli.export(survey, folder, "nemo", area=AREA)
    return folder


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_clusters_of_cosmocnc_are_those_above_the_cut(survey, counts):
    catalogue = loaded(counts / "survey_cat.py").cluster_catalogue_survey()
    above = survey["sz_snr"] > 5.0
    assert 20 < above.sum() < len(survey)
    np.testing.assert_array_equal(catalogue.catalogue["q_szmass"], survey["sz_snr"][above])
    np.testing.assert_array_equal(catalogue.catalogue["z"], survey["redshift"][above])
    assert not catalogue.catalogue["z_std"].any()
    np.testing.assert_array_equal(catalogue.catalogue_patch["q_szmass"], 0)


def test_the_scaling_relation_of_cosmocnc_gives_the_sn_of_the_survey(counts):
    told = json.loads((counts / "parameters.json").read_text())
    relation = loaded(counts / "survey_sr.py").scaling_relations()
    relation.initialise_scaling_relation()
    assert relation.skyfracs == [pytest.approx(AREA / (4.0 * np.pi * np.rad2deg(1.0) ** 2))]
    z, masses = 0.6, np.array([1.5, 3.0, 8.0])
    at = {
        "H0": PLANCK18.h0_km_s_mpc,
        "E_z": float(e_of_z(z, PLANCK18)),
        "D_A": float(PLANCK18.astropy.angular_diameter_distance(z).value),
    }
    relation.precompute_scaling_relation(told["scal_rel_params"], at)
    ln_snr = relation.eval_scaling_relation(np.log(masses))
    scales = cluster_scales(m200c_from_m500c(1e14 * masses, z, PLANCK18), z, ARNAUD2010)
    expected = scales.y0 / sigma_y0(scales.theta500_arcmin)
    np.testing.assert_allclose(np.exp(ln_snr), expected, rtol=5e-3)
    again = relation.eval_scaling_relation_no_precompute(
        np.log(masses), other_params=at, params=told["scal_rel_params"]
    )
    np.testing.assert_allclose(again, ln_snr)
    np.testing.assert_allclose(relation.eval_scaling_relation(ln_snr, layer=1), np.exp(ln_snr))


def test_the_relation_of_y0_is_that_of_arnaud_et_al_as_others_have_it():
    a, alpha = y0_relation(ARNAUD2010)
    # Zubeldia et al. 2024 (cosmocnc's default), and nemo's 10^A0 = 4.95e-5 for H0 = 70
    assert a == pytest.approx(-4.3054, abs=5e-4)
    assert alpha == pytest.approx(1.12, abs=1e-6)
    assert 10.0**a == pytest.approx(4.95e-5, rel=2e-3)


def test_nemo_columns_hold_the_same_sn_and_compton_y(survey, nemo):
    table = Table.read(nemo / "catalog.fits")
    assert len(table) == len(survey)
    np.testing.assert_allclose(table["fixed_y_c"] / table["fixed_err_y_c"], table["fixed_SNR"], rtol=1e-6)
    np.testing.assert_allclose(table["fixed_y_c"] / table["Q"] * 1e-4, survey["y0"], rtol=1e-6)
    np.testing.assert_allclose(table["M500c"], survey["M500c"])
    assert (
        set(table["tileName"]) == {"DEPTH_1A", "DEPTH_1B"}
        and table["name"][0] == "mock-" + survey["name"][0][5:]
    )
    # one filter has one noise: that of the reference size, as the tile has it
    rms = Table.read(nemo / "RMSTab.fits")
    assert rms.colnames == ["areaDeg2", "y0RMS", "tileName"] and list(rms["areaDeg2"]) == [AREA / 2.0] * 2
    np.testing.assert_allclose(1e-4 * table["fixed_err_y_c"], rms["y0RMS"][0], rtol=0.01)
    np.testing.assert_allclose(rms["y0RMS"], sigma_y0(2.4), rtol=0.01)


# S/N, redshift, its error, y0, its error: what read_matt_cat, read_mock_cat and read_clust_cat look up
READERS_OF_SOLIKET = [
    ("fixed_SNR", "redshift", "redshiftErr", "fixed_y_c", "fixed_err_y_c"),
    ("fixed_SNR", "redshift", "redshiftErr", "fixed_y_c", "err_fixed_y_c"),
    ("SNR2p4", "z", "zErr", "y0tilde", "y0tilde_err"),
]


@pytest.mark.parametrize("names", READERS_OF_SOLIKET)
def test_each_reader_of_soliket_finds_its_columns(survey, nemo, names):
    with fits.open(nemo / "catalog.fits") as hdus:
        snr, z, z_err, y0, y0_err = (hdus[1].data.field(name) for name in names)
    np.testing.assert_array_equal(snr, survey["sz_snr"])
    np.testing.assert_array_equal(z, survey["redshift"])
    assert not z_err.any()
    np.testing.assert_allclose(y0 / y0_err, snr, rtol=1e-6)


def test_soliket_reads_area_and_noise_of_a_survey_of_one_depth(nemo):
    """What SOLikeT 0.4.2's ``SurveyData`` does with tiles, step by step."""
    names = np.loadtxt(nemo / "tileAreas.txt", dtype=str, usecols=0, unpack=True)
    areas = np.loadtxt(nemo / "tileAreas.txt", dtype=float, usecols=1, unpack=True)
    assert len(names) == 2 and areas.sum() == pytest.approx(AREA)
    noise = np.array([])
    for name, area in zip(names, areas, strict=True):
        mask, mask_header = fits.getdata(nemo / f"areaMask#{name}.fits.gz", header=True)
        rms = fits.getdata(nemo / f"RMSMap_Arnaud_M2e14_z0p4#{name}.fits.gz")
        np.testing.assert_array_equal(mask > 0, rms > 0)
        assert mask.sum() * mask_header["CDELT2"] ** 2 == pytest.approx(area, rel=2e-3)
        noise = np.append(noise, rms[rms > 0])
    counts, edges = np.histogram(np.log10(noise), bins=20)
    thresholds = 10 ** ((edges[:-1] + edges[1:]) / 2.0)
    assert np.average(thresholds, weights=counts) == pytest.approx(sigma_y0(2.4), rel=0.01)
    whole = fits.getdata(nemo / "RMSMap_Arnaud_M2e14_z0p4.fits.gz")
    np.testing.assert_array_equal(np.sort(whole[whole > 0]), np.sort(noise))
    np.testing.assert_array_equal(fits.getdata(nemo / "areaMask.fits.gz") > 0, whole > 0)


def test_soliket_and_nemo_find_q(nemo):
    table = Table.read(nemo / "QFit.fits", hdu=1)  # SOLikeT reads the first table, nemo that of each tile
    for key in ("Q", "PRIMARY"):
        assert np.interp(2.4, table["theta500Arcmin"], table[key]) == pytest.approx(1.0, abs=1e-3)
    with fits.open(nemo / "QFit.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "DEPTH_1A", "DEPTH_1B"]
        assert all(hdu.header["ZDEPQ"] == 0 and "z" in hdu.columns.names for hdu in hdus[1:])
    names = set(np.loadtxt(nemo / "tileAreas.txt", dtype=str, usecols=0))
    assert names == set(Table.read(nemo / "RMSTab.fits")["tileName"]) == {"DEPTH_1A", "DEPTH_1B"}


def test_q_is_read_by_what_reads_nemo_and_explains_the_noise(nemo):
    mismatch = FilterMismatch.read(nemo / "QFit.fits", "DEPTH_1A")
    assert mismatch(2.4) == pytest.approx(1.0, abs=1e-3)
    sizes = theta500_arcmin(np.array([2e14, 5e14]), np.array([0.8, 0.3]), PLANCK18)
    np.testing.assert_allclose(sigma_y0(2.4) / mismatch(sizes), sigma_y0(sizes), rtol=0.02)
    told = json.loads((nemo / "parameters.json").read_text())
    z, mass = 0.4, 4e14
    y0 = told["tenToA0"] * e_of_z(z, PLANCK18) ** 2 * (mass / told["Mpivot_msun"]) ** (1.0 + told["B0"])
    expected = cluster_scales(m200c_from_m500c(mass, z, PLANCK18), z, ARNAUD2010).y0
    assert y0 == pytest.approx(float(expected), rel=2e-3)


def test_what_nemo_opens_beside_its_tables_is_there(nemo):
    config, told = (
        read((nemo / name).read_text())
        for read, name in ((yaml.safe_load, "config.yml"), (json.loads, "parameters.json"))
    )
    relation = config["massOptions"]["scalingRelations"][0]
    assert relation["tenToA0"] == told["tenToA0"] and relation["Mpivot"] == told["Mpivot_msun"]
    assert (config["massOptions"]["Om0"], config["massOptions"]["H0"]) == (0.3111, 67.66)
    tiles = set(Table.read(nemo / "RMSTab.fits")["tileName"])
    weights = Table.read(nemo / "fRelWeights.fits")
    assert set(weights["tileName"]) == tiles and float(weights["148.0"][0]) == 1.0
    assert set(pickle.loads((nemo / "tileCoordsDict.pkl").read_bytes())) == tiles


def test_depths_make_tiles_and_rows_find_theirs(survey, tmp_path):
    reference = float(sigma_y0(2.4))
    Table(
        {
            "areaDeg2": [100.0, 150.0, 50.0],
            "y0RMS": reference * np.array([1.0, 1.0, 1.8]),
            "tileName": ["a"] * 3,
        }
    ).write(tmp_path / "RMSTab.fits")
    table = survey.copy()
    table["y0_err"][:40] *= 1.8
    szmass_cli.export(table, tmp_path / "out", "cosmocnc", depths=tmp_path / "RMSTab.fits")
    with np.load(tmp_path / "out" / "selection.npz") as stored:
        fractions, sigma = stored["skyfracs"], stored["sigma_y0"]
    assert fractions.sum() == pytest.approx(300.0 / 41252.96, rel=1e-6)
    np.testing.assert_allclose(sigma[-1] / sigma[0], 1.8, rtol=1e-6)
    with np.load(tmp_path / "out" / "catalogue.npz") as stored:
        patch, row = stored["patch"], stored["row"]
    assert np.all((patch == len(fractions) - 1) == (row < 40))


def test_maps_of_tiles_have_their_shares_of_the_area_and_fit_on_the_sphere():
    area = np.array([30000.0, 8000.0, 250.0, 0.01])
    tile_of_pixel = pixel_tiles(area)
    numbers = np.bincount(tile_of_pixel[tile_of_pixel >= 0])
    assert list(numbers) == [12850, 3427, 107, 1]
    side_deg = np.sqrt(area.sum() / numbers.sum())
    height, width = tile_of_pixel.shape
    assert width * side_deg < 360.0 and height * side_deg < 114.6  # 2 (180 / pi): a cylinder


def test_a_flat_table_has_quantiles_and_curves(tmp_path, szmass_fork):
    grid = mass_grid((3e13, 2e15))
    curves = -0.5 * ((grid - np.log([[2e14], [5e14], [1e14]])) / 0.3) ** 2
    curves[2] = np.nan
    with written_posteriors(tmp_path / "p.hdf5", grid, np.full(3, 0.5), np.zeros(3, int), {}) as out:
        out.put(np.arange(3), curves, normalised(curves))
    (tmp_path / "c.csv").write_text("name,ra,dec\na,1,2\nb,3,4\nc,5,6\n")
    done = szmass_fork(
        "export", "c.csv", "--to", "csv-wide", "--posteriors", "p.hdf5", "-o", "w.csv", "--json", cwd=tmp_path
    )
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"rows": 3, "files": ["w.csv"], "output": "w.csv"}
    table = Table.read(tmp_path / "w.csv")
    assert table.colnames[:3] == ["name", "ra", "dec"] and list(table["name"]) == ["a", "b", "c"]
    assert table["ln_M200c_q50p0"][0] == pytest.approx(np.log(2e14), abs=0.01)
    assert table["ln_M200c_q84p0"][1] == pytest.approx(np.log(5e14) + 0.2983, abs=0.01)
    shown = [name for name in table.colnames if name.startswith("lnL_")]
    masses = np.array([float(name[4:].replace("p", ".")) for name in shown])
    assert len(shown) == 50 and max(table[name][0] for name in shown) == 0.0
    expected = -0.5 * ((masses * np.log(10.0) - np.log(2e14)) / 0.3) ** 2
    found = np.array([table[name][0] for name in shown])
    assert np.all(np.abs(found - expected) < 0.1 - 0.02 * expected)
    assert np.all([np.ma.is_masked(table[name][2]) or np.isnan(table[name][2]) for name in shown])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "nemmo", "-o", "x"], "Did you mean nemo?"),
        (["--to", "nemo", "-o", "x"], "--area or --depths"),
        (["--to", "nemo", "-o", "x", "--area", "50000"], "41,253"),
        (["--to", "nemo", "-o", "x", "--area", "10"], "there is no column 'sz_snr'"),
        (["--to", "csv-wide", "-o", "x"], "is a .csv file"),
        (["--to", "csv-wide", "-o", "x.csv", "--area", "3"], "are for surveys"),
        (["--to", "cosmocnc", "-o", "x", "--area", "3", "--posteriors", "c.csv"], "takes no likelihoods"),
        (["--to", "csv-wide", "-o", "c.csv", "--overwrite"], "is an input"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, szmass_fork, arguments, words):
    (tmp_path / "c.csv").write_text("ra,dec,redshift\n1,2,0.3\n")
    done = szmass_fork("export", "c.csv", *arguments, cwd=tmp_path)
    assert done.code == 2 and words in " ".join(done.err.replace("│", " ").split())
    assert not (tmp_path / "x").exists()


def test_no_folder_is_replaced_but_an_export(survey, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all of it")
    with pytest.raises(OutputError, match="was not written by szmass export"):
        szmass_cli.export(survey, tmp_path / "mine", "nemo", area=AREA, overwrite=True)
    szmass_cli.export(survey, tmp_path / "new", "nemo", area=AREA)
    with pytest.raises(OutputError, match="already there"):
        szmass_cli.export(survey, tmp_path / "new", "nemo", area=AREA)
    szmass_cli.export(survey, tmp_path / "new", "nemo", area=2.0 * AREA, overwrite=True)
    assert Table.read(tmp_path / "new" / "RMSTab.fits")["areaDeg2"].sum() == 2.0 * AREA


def test_a_catalogue_that_names_no_model_is_refused_and_nothing_is_left(survey, tmp_path):
    table = survey.copy()
    table.meta.clear()
    with pytest.raises(InputError, match="does not say its model"):
        szmass_cli.export(table, tmp_path / "out", "cosmocnc", area=AREA)
    assert not list(tmp_path.iterdir())
