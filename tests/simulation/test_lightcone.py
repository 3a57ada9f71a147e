"""Stamps out of a Compton-y map without a beam: accuracy, masses, and what is left out."""

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from szmass_cli.errors import InputError
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.physics.beams import Beam, TabulatedBeam
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales, projected_shape
from szmass_cli.simulation.lightcone import halo_stamps

MASS = np.array([2e14, 3.3e14, 5e14, 7e14])
REDSHIFT = np.array([0.67, 0.73, 0.67, 0.73])
ELL = np.arange(0.0, 40_000.0, 10.0)
WINGED = TabulatedBeam(ELL, 0.9 * Beam(1.4).b_ell(ELL) + 0.1 * Beam(3.0).b_ell(ELL))


def separation_arcmin(ra, dec, other_ra, other_dec):
    return SkyCoord(ra, dec, unit="deg").separation(SkyCoord(other_ra, other_dec, unit="deg")).arcmin


def shape_at(radius_r500):
    root = np.linspace(0, np.sqrt(5), 4001)
    return np.interp(np.sqrt(radius_r500), root, projected_shape(root**2), right=0.0)


def mean_y(wcs, shape, ra, dec, parts=5):
    """Clusters of the masses above as a simulation's map has them: means over pixels."""
    scales = cluster_scales(MASS, REDSHIFT)
    y = np.zeros(shape)
    column, row = wcs.world_to_pixel_values(ra, dec)
    steps = (np.arange(parts) - (parts - 1) / 2) / parts
    for k in range(len(MASS)):
        stretch = 1 / np.cos(np.radians(dec[k])) if "CAR" in wcs.wcs.ctype[0] else 1.0
        rows = slice(max(int(row[k]) - 60, 0), int(row[k]) + 60)
        columns = slice(max(int(column[k] - 60 * stretch), 0), int(column[k] + 60 * stretch))
        c, r = np.meshgrid(np.arange(shape[1])[columns], np.arange(shape[0])[rows])
        for down in steps:
            for right in steps:
                theta = separation_arcmin(ra[k], dec[k], *wcs.pixel_to_world_values(c + right, r + down))
                y[rows, columns] += scales.y_scale[k] * shape_at(theta / scales.theta500_arcmin[k]) / parts**2
    return y


def write_y_map(path, wcs, y, unit="y"):
    header = wcs.to_header()
    if unit:
        header["BUNIT"] = unit
    fits.PrimaryHDU(y, header).writeto(path, overwrite=True)
    return path


def geometry(projection, dec):
    """WCS of 0.2' pixels, its shape, and four places a fraction of a pixel off its pixels' centres."""
    plane = projection == "TAN"
    size = (460, 460) if plane else (460, round(460 / np.cos(np.radians(dec))))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [150.0, dec if plane else 0.0]
    wcs.wcs.crpix = [size[1] / 2, size[0] / 2 - (0.0 if plane else dec * 60 / 0.2)]
    wcs.wcs.cdelt = [-0.2 / 60, 0.2 / 60]
    wcs.wcs.set()
    column = np.array([0.25, 0.75, 0.25, 0.75]) * size[1] + [0.1, 0.5, 0.3, -0.2]
    row = np.array([0.25, 0.25, 0.75, 0.75]) * size[0] + [0.4, 0.0, -0.35, 0.5]
    return wcs, size, *wcs.pixel_to_world_values(column, row)


@pytest.fixture(scope="module", params=[("TAN", 20.0), ("CAR", -50.0)], ids=str)
def lightcone(request, tmp_path_factory):
    """A map and a catalogue of its four clusters."""
    folder = tmp_path_factory.mktemp("lightcone")
    wcs, size, ra, dec = geometry(*request.param)
    path = write_y_map(folder / "y.fits", wcs, mean_y(wcs, size, ra, dec))
    Table({"ra": ra, "dec": dec, "z": REDSHIFT, "M200c": MASS / 1e14}).write(folder / "halos.csv")
    return path, folder / "halos.csv"


def expected_stamps(beam):
    scales = cluster_scales(MASS, REDSHIFT)
    shapes = BeamedProfile(beam)(scales.theta500_arcmin[:, None, None], pixel_radii_arcmin())
    return scales.y_scale[:, None, None] * shapes


@pytest.mark.parametrize("beam", [Beam(1.0), Beam(2.2), WINGED], ids=["1'", "2.2'", "winged"])
def test_stamps_are_right_wherever_there_is_a_hundredth_of_the_peak(lightcone, beam):
    (stamps,) = halo_stamps(*lightcone, (beam,))
    expected = expected_stamps(beam)
    bright = expected > 0.01 * expected.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(stamps.y[bright], expected[bright], rtol=0.005)
    np.testing.assert_allclose(stamps.m200c_msun, MASS)
    np.testing.assert_array_equal(stamps.redshift, REDSHIFT)
    assert (stamps.n_incomplete, stamps.n_unselected, stamps.n_off_map) == (0, 0, 0)


def test_several_beams_have_the_same_halos(lightcone):
    one, two = halo_stamps(*lightcone, (Beam(1.0), Beam(2.2)))
    np.testing.assert_array_equal(one.row, two.row)
    # the margin that is read is that of the widest beam: the same to what reaches it
    alone = halo_stamps(*lightcone, (Beam(1.0),))[0].y
    np.testing.assert_allclose(one.y, alone, atol=1e-4 * alone.max())
    assert np.all(one.y.max(axis=(1, 2)) > 1.3 * two.y.max(axis=(1, 2)))


@pytest.fixture
def small(tmp_path):
    """A map and its four clusters, and a function that writes the catalogue."""
    wcs, size, ra, dec = geometry("TAN", 10.0)
    path = write_y_map(tmp_path / "y.fits", wcs, mean_y(wcs, size, ra, dec, parts=1))

    def catalog(**columns):
        table = Table({"ra": ra, "dec": dec, "z": REDSHIFT} | columns)
        table.write(tmp_path / "halos.csv", overwrite=True)
        return tmp_path / "halos.csv"

    return path, catalog, wcs


def test_m500c_becomes_m200c(small):
    path, catalog, _ = small
    (stamps,) = halo_stamps(path, catalog(M500c=m500c_from_m200c(MASS, REDSHIFT) / 1e14), (Beam(1.0),))
    np.testing.assert_allclose(stamps.m200c_msun, MASS, rtol=1e-6)
    # design, section 3: 1.3556e14 Msun are 2e14, 3.3986e14 are 5e14 at z = 0.7
    published = catalog(M500=[1.3556, 3.3986, 5.4797, 0.6818], z=np.full(4, 0.7))
    (stamps,) = halo_stamps(path, published, (Beam(1.0),))
    np.testing.assert_allclose(stamps.m200c_msun, [2e14, 5e14, 8e14, 1e14], rtol=0.002)


def test_m200c_is_taken_where_both_are_given(small):
    path, catalog, _ = small
    (stamps,) = halo_stamps(path, catalog(M500c=MASS / 1e14, M200c=MASS / 1e14), (Beam(1.0),))
    np.testing.assert_allclose(stamps.m200c_msun, MASS)


def test_halos_near_the_edge_are_left_out_and_counted(small):
    path, catalog, wcs = small
    # 6.5' and 4' from the western edge: the second has no room for its stamp, the third is off the map
    ra, dec = wcs.pixel_to_world_values([459 - 34, 459 - 20, 700, 230], [230.0, 230.0, 230.0, 230.0])
    (stamps,) = halo_stamps(path, catalog(ra=ra, dec=dec, M200=MASS / 1e14), (Beam(0.9),))
    assert stamps.row.tolist() == [0, 3] and stamps.n_off_map == 2
    (stamps,) = halo_stamps(path, catalog(ra=ra, dec=dec, M200=MASS / 1e14), (Beam(2.2),))
    assert stamps.row.tolist() == [3]  # what a wide beam carries in is missing
    assert stamps.y.shape == (1, 40, 40)


def test_a_hole_in_the_map_leaves_the_halo_out(small):
    path, catalog, _ = small
    y = fits.getdata(path).copy()
    y[100, 120] = np.nan
    header = fits.getheader(path)
    fits.PrimaryHDU(y, header).writeto(path, overwrite=True)
    (stamps,) = halo_stamps(path, catalog(M200=MASS / 1e14), (Beam(1.0),))
    assert stamps.row.tolist() == [1, 2, 3] and stamps.n_off_map == 1


def test_empty_sky_in_a_simulation_is_data(small):
    """Blocks of exact zeros are no data in a survey's map, and voids in a simulation's."""
    path, catalog, _ = small
    assert np.sum(fits.getdata(path) == 0.0) > 10_000
    (stamps,) = halo_stamps(path, catalog(M200=MASS / 1e14), (Beam(1.0),))
    assert len(stamps.row) == 4


def test_rows_without_numbers_and_rows_not_asked_for_are_counted(small):
    path, catalog, _ = small
    rows = catalog(M200=[2.0, np.nan, 5.0, 7.0], z=[0.67, 0.73, 0.67, -1.0])
    (stamps,) = halo_stamps(path, rows, (Beam(1.0),), m200c_range_msun=(3e14, 7e14))
    assert stamps.row.tolist() == [2]
    assert (stamps.n_incomplete, stamps.n_unselected, stamps.n_off_map) == (2, 1, 0)
    (stamps,) = halo_stamps(path, rows, (Beam(1.0),), redshift_range=(0.6, 0.7))
    assert stamps.row.tolist() == [0, 2]


def test_small_halos_of_a_simulation_are_no_error(small):
    path, catalog, _ = small
    (stamps,) = halo_stamps(path, catalog(M500c=[1e-3, 0.05, 2.0, 3.0]), (Beam(1.0),))
    assert stamps.row.tolist() == [2, 3] and stamps.n_incomplete == 2


def test_a_map_that_states_no_unit_is_in_y(small):
    path, catalog, wcs = small
    rows = catalog(M200=MASS / 1e14)
    (stated,) = halo_stamps(path, rows, (Beam(1.0),))
    write_y_map(path, wcs, fits.getdata(path).copy(), unit=None)
    np.testing.assert_array_equal(halo_stamps(path, rows, (Beam(1.0),))[0].y, stated.y)


def test_what_cannot_be_used_is_refused_in_words(small):
    path, catalog, wcs = small
    rows = catalog(M200=MASS / 1e14)
    with pytest.raises(InputError, match=r"too coarse for a beam of 0\.3'"):
        halo_stamps(path, rows, (Beam(1.0), Beam(0.3)))
    with pytest.raises(InputError, match="no mass column"):
        halo_stamps(path, catalog(), (Beam(1.0),))
    with pytest.raises(InputError, match="a mass within 1e") as caught:
        halo_stamps(path, catalog(M200=MASS), (Beam(1.0),))  # Msun, without saying so
    assert "1e14 Msun" in caught.value.hint
    rows = catalog(M200=MASS / 1e14)
    with pytest.raises(InputError, match="no halo of 8e\\+14 to 9e\\+14 Msun"):
        halo_stamps(path, rows, (Beam(1.0),), m200c_range_msun=(8e14, 9e14))
    with pytest.raises(InputError, match="none of the 4 halos"):
        halo_stamps(path, catalog(M200=MASS / 1e14, ra=[1.0, 2.0, 3.0, 4.0]), (Beam(1.0),))
    rows = catalog(M200=MASS / 1e14)
    write_y_map(path, wcs, 1e6 * fits.getdata(path), unit="uK")
    with pytest.raises(InputError, match="is in uK, not in Compton y"):
        halo_stamps(path, rows, (Beam(1.0),))


def test_masses_in_solar_masses_are_read_where_the_column_says_so(small, tmp_path):
    path, catalog, _ = small
    table = Table.read(catalog(M200c=MASS))
    table["M200c"].unit = "solMass"
    table.write(tmp_path / "halos.ecsv")
    (stamps,) = halo_stamps(path, tmp_path / "halos.ecsv", (Beam(1.0),))
    np.testing.assert_allclose(stamps.m200c_msun, MASS)


def test_progress_counts_the_halos(small):
    path, catalog, _ = small
    seen = []
    halo_stamps(
        path,
        catalog(M200=MASS / 1e14),
        (Beam(1.0),),
        progress=lambda task, done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(("ra", "dec"), [(30.0, 10.0), (200.0, -38.0)])
def test_healpix_maps_of_a_simulation_do_too(tmp_path, ra, dec):
    """nside 8192, 0.43' pixels: means over 64 daughters of each."""
    centre = healpy.ang2vec(ra, dec, lonlat=True)
    numbers = healpy.query_disc(8192, centre, np.radians(0.3), nest=True)
    daughters = (numbers[:, None] * 64 + np.arange(64)).ravel()
    theta = separation_arcmin(ra, dec, *healpy.pix2ang(8192 * 8, daughters, nest=True, lonlat=True))
    scales = cluster_scales(5e14, 0.7)
    y = scales.y_scale * shape_at(theta / scales.theta500_arcmin).reshape(-1, 64).mean(axis=1)
    columns = [fits.Column("PIXEL", "K", array=numbers), fits.Column("Y", "D", unit="y", array=y)]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(
        {"PIXTYPE": "HEALPIX", "NSIDE": 8192, "ORDERING": "NESTED", "INDXSCHM": "EXPLICIT", "COORDSYS": "C"}
    )
    path = tmp_path / "y.fits"
    table.writeto(path)
    Table({"ra": [ra], "dec": [dec], "z": [0.7], "M200": [5.0]}).write(tmp_path / "halos.csv")
    (stamps,) = halo_stamps(path, tmp_path / "halos.csv", (Beam(1.4),))
    expected = scales.y_scale * BeamedProfile(Beam(1.4))(scales.theta500_arcmin, pixel_radii_arcmin())
    bright = expected > 0.01 * expected.max()
    np.testing.assert_allclose(stamps.y[0][bright], expected[bright], rtol=0.01)
