"""`szmass_cli.estimate` from what scripts hold: maps, positions and quantities."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from astropy.wcs import WCS

import szmass_cli
from szmass_cli.catalog.inmemory import table_from_positions
from szmass_cli.errors import InputError, UsageError
from szmass_cli.maps import open_map
from szmass_cli.maps.inmemory import on_disk
from szmass_cli.system.progress import listening


@pytest.fixture(scope="module")
def pixels(field):
    with fits.open(field.map_path) as hdus:
        return np.array(hdus[0].data), WCS(hdus[0].header).celestial


@pytest.fixture(scope="module")
def clusters(field):
    return Table.read(field.catalog_path)["name", "ra", "dec", "redshift"][:3]


@pytest.fixture(scope="module")
def from_files(field, clusters, measure):
    return szmass_cli.estimate(field.map_path, clusters, noise=5.0, beam=1.0, freq=150)


def test_maps_and_positions_in_memory_give_the_masses_of_files(
    field, clusters, from_files, pixels, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    position = SkyCoord(clusters["ra"], clusters["dec"], unit="deg").galactic
    masses = szmass_cli.estimate(
        NDData(pixels[0], wcs=pixels[1], unit=u.uK),
        {"position": position, "redshift": np.asarray(clusters["redshift"])},
        noise=0.005 * u.mK * u.arcmin,
        beam=60.0 * u.arcsec,
        freq=0.15 * u.THz,
        progress=True,
    )
    np.testing.assert_allclose(masses["M200c"], from_files["M200c"], rtol=2e-4)
    assert masses.meta["SZM_UNSR"] == "header" and masses.meta["SZM_CMD"] == ""
    assert not list(tmp_path.iterdir()) and "clusters: 364 of 364" in capsys.readouterr().err
    with pytest.raises(InputError, match="was in memory when it was measured"):
        szmass_cli.view(masses)
    assert szmass_cli.view(masses, field.map_path)[0].has_mass


def test_an_array_with_a_wcs_and_a_map_of_pixell_are_read_back_as_they_are(pixels):
    from pixell import enmap

    for one in (pixels, enmap.ndmap(pixels[0], pixels[1])):
        with on_disk({150: one}) as files:
            assert files[150].exists()
            opened = open_map(files[150], units="uK")
            np.testing.assert_array_equal(np.asarray(opened.raw), pixels[0])
        assert not files[150].exists()


@pytest.mark.parametrize("frame", ["C", "g"])
def test_a_healpix_array_has_the_frame_that_is_said(frame):
    values = np.arange(12.0 * 8**2) + 1.0
    with on_disk((values, frame)) as path:
        opened = open_map(path, units="uK")
    assert ("galactic" if frame == "g" else "ICRS") in opened.description and "RING" in opened.description


def test_errors_name_the_map_in_memory_and_no_file_that_nobody_knows():
    coarse = np.ones(12 * 8**2)
    with pytest.raises(InputError) as caught, on_disk({150: (coarse, "C")}) as files:
        raise InputError(f"{files[150]}: its pixels are too wide.", f"See {files[150]}.")
    assert str(caught.value) == caught.value.message == "the map in memory (150): its pixels are too wide."
    assert caught.value.hint == "See the map in memory (150)."
    with pytest.raises(InputError, match=r"^the map in memory: too wide"), on_disk((coarse, "C")) as path:
        raise InputError(f"{path}: too wide")


@pytest.mark.parametrize("value", [np.ones((4, 4)), (np.ones(7), "G"), (np.ones(12), "X"), (np.ones(12), 3)])
def test_a_map_that_does_not_say_where_it_is_is_an_error(value):
    with pytest.raises(InputError, match="the map in memory"), on_disk(value):
        pass


def test_files_are_left_alone(tmp_path):
    with on_disk({98: "a.fits"}) as files:
        assert files == {98: "a.fits"}


def test_positions_become_columns():
    galactic = SkyCoord(l=[121.174], b=[-21.573], unit="deg", frame="galactic")
    table = table_from_positions(galactic)
    assert (table["ra"][0], table["dec"][0]) == (
        pytest.approx(10.68, abs=0.02),
        pytest.approx(41.27, abs=0.02),
    )
    assert table_from_positions(np.array([[1.0, 2.0, 0.3]])).colnames == ["ra", "dec", "redshift"]
    with_unit = table_from_positions({"ra": [12.0] * u.hourangle, "dec": [2.0] * u.deg})
    assert with_unit["ra"].unit == u.hourangle


@pytest.mark.parametrize(
    "wrong", [np.ones(3), np.ones((2, 4)), np.array([["a", "b"]]), {"ra": [1, 2], "dec": [1]}]
)
def test_what_holds_no_positions_is_an_error(wrong):
    with pytest.raises(InputError, match="the table"):
        table_from_positions(wrong)


def test_a_quantity_of_another_kind_is_an_error():
    with pytest.raises(UsageError, match="not in arcmin"):
        szmass_cli.estimate("map.fits", "clusters.csv", beam=1.4 * u.GHz)


def test_progress_is_printed_now_and_then(capsys):
    progress = listening(True)
    for done in range(1, 101):
        progress("clusters", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "clusters: 100 of 100" and len(lines) < 10
