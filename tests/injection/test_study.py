"""The study of maps: what the folder holds, and that its numbers are those of the injected clusters."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import szmass_cli
from szmass_cli.catalog import Flag
from szmass_cli.catalog.selectiontables import read_depths
from szmass_cli.catalog.tables.fitstable import header_text
from szmass_cli.errors import OutputError, UsageError
from szmass_cli.estimation.checkresult import BLIND
from szmass_cli.exports.selection import at_least_two, tiles_of_noise
from szmass_cli.physics.profiles import projected_shape

TABLES = ("clusters", "coverage", "completeness", "tiles", "selection")


@pytest.fixture(scope="module")
def study(field, measure, tmp_path_factory):
    """The study of the field, with noise as it is measured there, and its tables as they were returned."""
    folder = tmp_path_factory.mktemp("injection") / "study"
    options = {"catalog": field.catalog_path, "n": 150, "tile": 2.0}
    return folder, szmass_cli.inject(field.map_path, folder, **options)


def test_the_folder_holds_tables_in_two_formats_figures_and_a_summary(study):
    folder, tables = study
    names = {f"{name}.ecsv" for name in TABLES} | {"study.fits", "study.json", "selection.npz", "selection"}
    names |= {f"{name}.png" for name in ("coverage", "completeness", "selection")}
    assert {path.name for path in folder.iterdir()} == names
    for name in TABLES:
        assert len(Table.read(folder / f"{name}.ecsv")) == len(tables[name])
    with fits.open(folder / "study.fits") as hdus:
        assert [hdu.name for hdu in hdus[1:]] == [name.upper() for name in TABLES]
        assert hdus[0].header["SZM_MODL"] == "survey"
        assert "µK-arcmin" in header_text(hdus[0].header["SZM_NOTE"])
    summary = json.loads((folder / "study.json").read_text())
    assert summary["n"] == len(tables["clusters"]) and summary["does_not_see"] == BLIND


def test_noise_is_measured_between_injected_clusters(study):
    """They are painted on cutouts only: 150 of them on six square degrees leave the map what it is."""
    _, tables = study
    assert not np.any(np.asarray(tables["clusters"]["szmass_flags"]) & Flag.UNCALIBRATED_MAP)
    (column,) = (name for name in tables["tiles"].colnames if name.startswith("noise_uk_arcmin"))
    np.testing.assert_allclose(tables["tiles"][column], 5.0, rtol=0.08)
    notes = json.loads((study[0] / "study.json").read_text())["notes"]
    assert any("was measured in" in note for note in notes)


def test_completeness_counts_the_injected_clusters(study):
    _, tables = study
    clusters, cells = tables["clusters"], tables["completeness"]
    cell = cells[(cells["tile"] == "all") & (cells["snr_cut"] == 5.0)][-1]
    inside = (clusters["M200c_true"] >= cell["M200c_low"]) & (clusters["M200c_true"] < cell["M200c_high"])
    inside &= (clusters["redshift"] >= cell["redshift_low"]) & (clusters["redshift"] < cell["redshift_high"])
    assert cell["n"] == inside.sum() and cell["n_above"] == (clusters["sz_snr"][inside] > 5.0).sum()
    assert cell["completeness"] == cell["n_above"] / cell["n"]


def test_masses_hold_and_completeness_rises(study):
    _, tables = study
    whole = tables["coverage"][0]
    assert whole["tile"] == "all" and whole["n"] == (tables["clusters"]["sz_snr"] > 3.0).sum()
    assert abs(whole["coverage_68"] - 0.68) < 3.5 * whole["coverage_68_err"]
    assert abs(whole["bias"]) < 3.5 * whole["bias_err"]
    heavy = tables["clusters"]["M200c_true"] > 8.0
    light = tables["clusters"]["M200c_true"] < 1.0
    assert np.mean(tables["clusters"]["sz_snr"][heavy] > 5.0) > 0.9
    assert np.mean(tables["clusters"]["sz_snr"][light] > 5.0) < 0.1


def test_the_noise_of_y0_is_that_of_the_injected_clusters(study):
    """y0_err of a cluster of known size is sigma(theta500) of its tile."""
    _, tables = study
    clusters, selection = tables["clusters"], tables["selection"]
    assert set(selection.colnames[1:]) == set(tables["tiles"]["tile"])
    with np.load(study[0] / "selection.npz") as stored:
        assert stored["sigma_y0"].shape == (len(tables["tiles"]), len(selection))
        np.testing.assert_allclose(stored["sigma_y0"][0], selection[selection.colnames[1]])
        np.testing.assert_allclose(stored["skyfracs"] * 41252.96, tables["tiles"]["area_deg2"], rtol=1e-6)
    bright = clusters[clusters["sz_snr"] > 8.0]
    sizes, noise = selection["theta500_arcmin"], selection[selection.colnames[1]]
    assert np.all(np.asarray(noise) > 0.0) and float(projected_shape(0.0)) > 1.0
    assert np.nanmin(bright["y0_err"]) > 0.95 * noise.min()
    assert np.nanmax(bright["y0_err"]) < 1.05 * noise[sizes <= 0.6].max()


def test_the_selection_is_there_as_nemo_writes_it(study):
    """sigma(theta500) = y0RMS / Q in each tile; areas and tiles are the study's, and export takes them."""
    folder, tables = study
    stored = folder / "selection"
    noise, names = Table.read(stored / "RMSTab.fits"), list(tables["tiles"]["tile"])
    capitals = [name.upper() for name in names]  # as FITS has the names of tables
    assert list(noise["tileName"]) == capitals
    np.testing.assert_allclose(noise["areaDeg2"], tables["tiles"]["area_deg2"])
    areas = np.loadtxt(stored / "tileAreas.txt", dtype=str)
    assert list(areas[:, 0]) == capitals and float(areas[0, 1]) == pytest.approx(noise["areaDeg2"][0])
    selection = tables["selection"]
    for name, y0_rms in zip(names, noise["y0RMS"], strict=True):
        q = Table.read(stored / "QFit.fits", hdu=name.upper())
        np.testing.assert_allclose(y0_rms / q["Q"], selection[name], rtol=1e-6)
        assert np.interp(2.4, q["theta500Arcmin"], q["Q"]) == pytest.approx(1.0, abs=1e-3)
        assert (stored / f"RMSMap_Arnaud_M2e14_z0p4#{name.upper()}.fits.gz").is_file()
    area, y0_rms = read_depths(stored / "RMSTab.fits")
    assert area.sum() == pytest.approx(tables["tiles"]["area_deg2"].sum()) and np.all(y0_rms > 0.0)


def test_a_selection_of_one_tile_has_two_halves():
    sizes = np.array([1.0, 2.4, 6.0])
    one = tiles_of_noise(("tile_1_1",), np.array([10.0]), sizes, np.array([[3e-5, 2e-5, 1e-5]]))
    two = at_least_two(one)
    assert two.names == ("tile_1_1A", "tile_1_1B") and list(two.area_deg2) == [5.0, 5.0]
    np.testing.assert_allclose(two.sigma_y0.T, [[3e-5, 2e-5, 1e-5]] * 2, rtol=2e-3)
    assert two.y0_rms[0] < two.y0_rms[1]


def test_clusters_near_known_sources_are_measured_with_these_marginalised_over(study, field, tmp_path):
    """With a lattice of places all over the map and no flux at any: flags, other numbers, and no bias."""
    _, tables = study
    ra, dec = np.meshgrid(np.linspace(38.3, 41.7, 35), np.linspace(-31.0, -29.0, 25))
    Table({"ra": ra.ravel(), "dec": dec.ravel()}).write(tmp_path / "sources.csv")
    options = {"catalog": field.catalog_path, "n": 150, "tile": 2.0}
    known = szmass_cli.inject(field.map_path, sources=tmp_path / "sources.csv", **options)["clusters"]
    assert np.mean((np.asarray(known["szmass_flags"]) & Flag.SOURCES) > 0) > 0.9
    alone = tables["clusters"]
    np.testing.assert_array_equal(known["M200c_true"], alone["M200c_true"])
    heavy = np.asarray(alone["M200c_true"]) > 4.0
    ratio = np.asarray(known["sz_snr"] / alone["sz_snr"])[heavy]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02) and np.ptp(ratio) > 0.01


def test_a_folder_that_is_taken_is_kept(study, field, tmp_path):
    folder, _ = study
    with pytest.raises(OutputError, match="already there"):
        szmass_cli.inject(field.map_path, folder, noise=5)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("miaow")
    with pytest.raises(OutputError, match="not a study"):
        szmass_cli.inject(field.map_path, tmp_path / "photos", noise=5, overwrite=True)


def test_wrong_requests_are_refused(field, szmass_fork, tmp_path):
    with pytest.raises(UsageError, match="--n 5"):
        szmass_cli.inject(field.map_path, noise=5, n=5)
    with pytest.raises(UsageError, match="no likelihood"):
        szmass_cli.inject(field.map_path, model="paper")
    with pytest.raises(UsageError, match="colour is no property"):
        szmass_cli.inject(field.map_path, colour="blue")
    done = szmass_fork("inject", field.map_path, field.map_path, "-o", "study", cwd=tmp_path)
    assert done.code == 2 and "One map is needed" in done.err


def test_the_command_has_the_options_of_maps(szmass_fork, tmp_path):
    told = szmass_fork("inject", "--help", cwd=tmp_path)
    assert told.code == 0
    for option in (
        "--map",
        "--beam",
        "--noise",
        "--ivar",
        "--mask",
        "--transfer",
        "--tile",
        "--catalog",
        "--sources",
    ):
        assert option in told.out
    assert "--sz-scatter" not in told.out
