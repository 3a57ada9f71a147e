"""`szmass_cli.estimate` for scripts: catalogues in memory, and arguments called as the command's options."""

import inspect
import tempfile

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table

import szmass_cli
from szmass_cli.cli.estimate_commands import estimate as command
from szmass_cli.errors import InputError, OutputError, UsageError

ONLY_OF_THE_COMMAND = {"files", "maps", "shard", "dry_run", "as_json", "quiet", "verbose"}
ONLY_OF_SCRIPTS = {"map", "catalog", "progress"}


@pytest.fixture(scope="module")
def clusters(field):
    """The catalogue of the simulated field as a script may have it."""
    return Table.read(field.catalog_path)


@pytest.fixture
def estimate(field, measured):
    """`szmass_cli.estimate` on the simulated map, with the network that is already built."""
    return lambda catalog, *others, **options: szmass_cli.estimate(
        field.map_path, catalog, *others, **{"noise": 5, "check": 0, **options}
    )


def same_masses(masses, measured):
    np.testing.assert_array_equal(masses["M200c"], measured.columns["M200c"])
    np.testing.assert_array_equal(masses["szmass_flags"], measured.columns["szmass_flags"])
    return True


def test_arguments_are_called_as_the_options_of_the_command():
    options = inspect.signature(command).parameters.keys() - ONLY_OF_THE_COMMAND
    arguments = inspect.signature(szmass_cli.estimate).parameters.keys() - ONLY_OF_SCRIPTS
    assert arguments == options


def test_a_table_is_a_catalogue_and_is_left_as_it_is(estimate, measured, clusters):
    before, names = clusters.copy(), clusters.colnames
    masses = estimate(clusters)
    assert same_masses(masses, measured)
    assert masses.colnames[: len(names)] == names and masses.meta["SZM_CAT"] == "the table"
    masses["ra"] = 0.0
    assert clusters.colnames == names and all(np.array_equal(clusters[n], before[n]) for n in names)


def test_a_data_frame_is_a_catalogue(estimate, measured, clusters):
    frame = clusters.to_pandas()
    frame.loc[3, "name"] = None
    masses = estimate(frame.set_index(frame.index + 100))
    assert same_masses(masses, measured)
    assert masses["name"][2] == clusters["name"][2] and np.ma.is_masked(masses["name"][3])


def test_quantities_and_bytes_are_understood(estimate, measured, clusters):
    table = QTable(clusters)
    table["ra"] = (np.asarray(clusters["ra"]) * u.deg).to(u.rad)
    table["dec"] = np.asarray(clusters["dec"], ">f8") * u.deg
    table["name"] = np.char.encode(clusters["name"])
    masses = estimate(table)
    # radians move a position by a rounding error
    np.testing.assert_allclose(masses["M200c"], measured.columns["M200c"], rtol=1e-5)
    assert list(masses["name"]) == list(clusters["name"]) and masses["ra"].unit == u.rad


def test_a_table_can_be_written(estimate, measured, clusters, tmp_path):
    estimate(clusters, tmp_path / "out.fits")
    written = Table.read(tmp_path / "out.fits", mask_invalid=False)
    assert same_masses(written, measured)
    assert written.colnames[: len(clusters.colnames)] == clusters.colnames


def test_nothing_is_written_when_no_output_is_asked(estimate, measured, clusters, tmp_path, monkeypatch):
    def refuse(path, *others):
        raise AssertionError(f"{path} was to be written")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fits.HDUList, "writeto", refuse)
    monkeypatch.setattr(fits.BinTableHDU, "writeto", refuse)
    table = Table(clusters)
    table["thing"] = np.array([{"a": 1}] * len(table), dtype=object)  # which no FITS file holds
    table["ra"] = np.asarray(table["ra"]) / 15.0
    table["ra"].unit = "hourangle"
    table.add_index("name")
    masses = estimate(table)
    np.testing.assert_allclose(masses["M200c"], measured.columns["M200c"], rtol=1e-5)
    assert masses["thing"][0] == {"a": 1} and list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_before_the_work(estimate, clusters, tmp_path):
    def working(task, *what):
        assert task != "clusters", "the work has begun"

    table = Table(clusters)
    table["odd"] = np.full(len(table), 1j)
    with pytest.raises(OutputError, match="do not fit into a parquet file"):
        estimate(table, tmp_path / "out.parquet", progress=working)
    assert list(tmp_path.iterdir()) == []


def test_options_reach_the_masses(estimate, clusters):
    table = Table(clusters)[:5]
    table.rename_column("ra", "longitude")
    masses = estimate(
        table,
        mass_def="200c,500c",
        noise="5,3000",
        percentiles=[2.5],
        column={"ra": "longitude"},
        block_rows=2,
    )
    assert {"M200c", "M500c", "M500c_p2p5"} <= set(masses.colnames)
    assert masses.meta["SZM_NOIS"] == "5,3000"
    other = estimate(table, mass_def=("200c", "500c"), column={"ra": "longitude"})
    assert np.all(other["M500c"] != masses["M500c"])


def test_parts_of_another_table_are_refused(estimate, clusters, tmp_path):
    def stop(task, done, *what):
        if task == "clusters" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate(clusters, tmp_path / "out.fits", progress=stop)
    moved = Table(clusters)
    moved["dec"] = moved["dec"] + 0.01
    with pytest.raises(InputError, match="catalogue"):
        estimate(moved, tmp_path / "out.fits")
    assert len(estimate(clusters, tmp_path / "out.fits")) == len(clusters)


@pytest.mark.parametrize(
    ("catalog", "said"),
    [
        ([1, 2, 3], "a list is no catalogue"),
        (Table({"ra": [], "dec": []}), "the table: the catalogue has no rows"),
        (Table({"dec": [1.0]}), "the table: no pair of coordinate columns"),
        (Table({"ra": ["1", "2h"], "dec": [1, 2]}), r"the table: column 'ra', row 2: '2h'"),
    ],
    ids=["list", "no rows", "no ra", "no number"],
)
def test_what_is_no_catalogue_is_refused(estimate, catalog, said):
    with pytest.raises((InputError, UsageError), match=said):
        estimate(catalog)
