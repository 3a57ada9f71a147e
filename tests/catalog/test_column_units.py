"""Units, nulls and sexagesimal text: what a column says of its numbers is used or refused."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, QTable, Table

from szmass_cli.catalog import read_catalog
from szmass_cli.catalog.quantities import mass_unit
from szmass_cli.errors import InputError, UsageError
from szmass_cli.physics.cosmology import PLANCK18

SCRIPT = {"ra": [10.0, 20.0, 30.0], "dec": [-30.0, -20.0, -10.0]}


def read_text(tmp_path, text, **options):
    (tmp_path / "in.csv").write_text(text)
    return read_catalog(tmp_path / "in.csv", **options)


# --- redshifts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["Mpc", "km/s", "mag", "Mpc/h", "arcsec", "cMpc"])
@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".xml"])
def test_what_is_in_a_unit_is_no_redshift(tmp_path, unit, suffix):
    table = Table(SCRIPT | {"Z": [0.3, 0.6, 0.9]})
    table["Z"].unit = u.Unit(unit, parse_strict="silent")
    table.write(tmp_path / f"in{suffix}", **({"format": "votable"} if suffix == ".xml" else {}))
    catalog = read_catalog(tmp_path / f"in{suffix}")
    assert "redshift" not in catalog.roles and np.isnan(catalog.redshift).all()
    assert catalog.notes[0].startswith("Column Z is in ") and "no redshift" in catalog.notes[0]
    with pytest.raises(UsageError, match="'Z' has the unit"):
        read_catalog(tmp_path / f"in{suffix}", {"redshift": "Z"})


def test_another_column_takes_the_place_of_a_z_that_is_no_redshift():
    table = Table(SCRIPT | {"z": [1300.0, 2500.0, 3900.0], "zspec": [0.3, 0.6, 0.9]})
    table["z"].unit = "Mpc"
    catalog = read_catalog(table)
    assert catalog.roles["redshift"] == "zspec" and "Mpc" in catalog.notes[0]


@pytest.mark.parametrize("unit", ["", "redshift", "---", "z", "dimensionless"])
def test_redshifts_without_a_unit(unit):
    table = Table(SCRIPT | {"z": [0.3, 0.6, 0.9]})
    table["z"].unit = u.Unit(unit, parse_strict="silent")
    assert read_catalog(table).redshift.tolist() == [0.3, 0.6, 0.9]


def test_magnitudes_and_velocities_without_a_unit_are_no_redshifts(tmp_path):
    catalog = read_text(tmp_path, "ra,dec,g,r,i,z,photz\n1,2,22,21,20,19.5,0.4\n3,4,21,20,19,18.5,0.3\n")
    assert catalog.roles["redshift"] == "photz" and "19" in catalog.notes[0]
    # here and there one is no reason to leave out the others
    assert read_text(tmp_path, "ra,dec,z\n1,2,0.4\n3,4,99\n5,6,0.5\n").redshift.tolist() == [0.4, 99, 0.5]


def test_errors_in_a_unit_are_none():
    table = Table(SCRIPT | {"z": [0.3, 0.6, 0.9], "e_z": [300.0, 400.0, 500.0]})
    table["e_z"].unit = "km/s"
    catalog = read_catalog(table)
    assert np.isnan(catalog.redshift_err).all() and "e_z is in km / s" in catalog.notes[0]


# --- masses -------------------------------------------------------------------------------------------------

H = PLANCK18.h0_km_s_mpc / 100.0


@pytest.mark.parametrize(
    ("unit", "value", "msun"),
    [
        ("[solMass]", 14.5, 10**14.5),
        ("[Msun]", 14.5, 10**14.5),
        ("[10+14Msun]", 0.5, 10**14.5),
        ("log(Msun)", 14.5, 10**14.5),
        ("log10(M/Msun)", 14.5, 10**14.5),
        ("log10(Msun/h)", 14.5, 10**14.5 / H),
        ("dex(solMass)", 14.5, 10**14.5),
        ("Msun/h", 4e14, 4e14 / H),
        ("1e10 Msun/h", 4e4, 4e14 / H),
        ("10^14 h^-1 M_sun", 4.0, 4e14 / H),
        ("10^{14} h_{70}^{-1} M_{sun}", 4.0, 4e14 * 0.7 / H),
        ("1e14 h70-1 Msun", 4.0, 4e14 * 0.7 / H),
        ("Msol", 4e14, 4e14),
        ("1e14 M_sol", 4.0, 4e14),
        ("10+14solMass", 4.0, 4e14),
        ("10**14 solMass", 4.0, 4e14),
        ("E14Msun", 4.0, 4e14),
        ("M☉", 4e14, 4e14),
        ("kg", 7.9536e44, 4e14),
    ],
)
def test_units_of_masses(unit, value, msun):
    table = Table(SCRIPT | {"M200": Column([value] * 3)})
    table["M200"].unit = u.Unit(unit, parse_strict="silent")
    np.testing.assert_allclose(read_catalog(table).m200c_msun, msun, rtol=1e-4)


def test_the_hubble_constant_of_masses_over_h_may_be_another():
    table = Table(SCRIPT | {"M500": Column([4e14] * 3, unit=u.Unit("Msun/h"))})
    np.testing.assert_allclose(read_catalog(table).masses_msun("m500c", h=0.5), 8e14)
    assert mass_unit("Msun", 0.5) == (1.0, False)


@pytest.mark.parametrize("unit", ["keV", "Mpc", "mag", "dex", "log", "1e14", "sheep"])
def test_what_is_in_another_unit_is_no_mass(unit):
    table = Table(SCRIPT | {"M200": Column([4.0] * 3)})
    table["M200"].unit = u.Unit(unit, parse_strict="silent")
    catalog = read_catalog(table)  # which estimates have no need of
    with pytest.raises(InputError, match=r"'M200' has the unit .*, which is not a mass") as caught:
        _ = catalog.m200c_msun
    assert "no unit is 1e14 Msun" in caught.value.hint


def test_masses_below_their_unit_have_negative_logarithms(tmp_path):
    table = Table(SCRIPT | {"M200": Column([-0.5, np.nan, 0.0], unit=u.Unit("dex(1e14 solMass)"))})
    np.testing.assert_allclose(read_catalog(table).m200c_msun, [10**13.5, np.nan, 1e14])
    table = QTable(table)
    np.testing.assert_allclose(read_catalog(table).m200c_msun, [10**13.5, np.nan, 1e14])


def test_a_unit_in_brackets_behind_the_name(tmp_path):
    catalog = read_text(tmp_path, "RA (J2000),Dec [deg],z (spec),M200 [log10(Msun)]\n10,-20,0.5,14.5\n")
    assert catalog.roles["redshift"] == "z (spec)" and catalog.redshift[0] == 0.5
    np.testing.assert_allclose(catalog.m200c_msun, 10**14.5)
    hours = read_text(tmp_path, "ra (hourangle),dec [rad],z [km/s]\n2,-0.5,9000\n")
    np.testing.assert_allclose([hours.ra_deg[0], hours.dec_deg[0]], [30, -np.degrees(0.5)])
    assert np.isnan(hours.redshift[0])


# --- nulls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "dtype"), [("B", ">u1"), ("I", ">i2"), ("J", ">i4"), ("K", ">i8")])
@pytest.mark.parametrize(("scale", "zero"), [(0.01, 0.0), (0.01, -0.2), (1.0, -100.0), (2.0, 0.0)])
def test_nulls_of_scaled_integers_are_compared_before_scaling(tmp_path, code, dtype, scale, zero):
    stored = np.array([120, 99, 50], dtype)  # in the file
    columns = [fits.Column(name, "D", array=[10.0, 20.0, 30.0]) for name in ("ra", "dec")]
    columns.append(fits.Column("flux", code, array=stored.astype(dtype)))
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "in.fits")
    for key, value in (("TSCAL3", scale), ("TZERO3", zero), ("TNULL3", 99)):
        fits.setval(tmp_path / "in.fits", key, value=value, ext=1)
    column = read_catalog(tmp_path / "in.fits").table["flux"]
    np.testing.assert_allclose(
        np.ma.filled(column.astype(float), np.nan), [120 * scale + zero, np.nan, 50 * scale + zero]
    )


def test_a_value_that_equals_the_null_once_scaled_is_a_value(tmp_path):
    columns = [fits.Column(name, "D", array=[10.0, 20.0]) for name in ("ra", "dec")]
    columns.append(fits.Column("z", "I", array=np.array([4, 2], np.int16)))
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "in.fits")
    for key, value in (("TSCAL3", 0.5), ("TNULL3", 2)):  # 4 means 2.0, 2 means nothing
        fits.setval(tmp_path / "in.fits", key, value=value, ext=1)
    np.testing.assert_array_equal(read_catalog(tmp_path / "in.fits").redshift, [2.0, np.nan])


# --- sexagesimal coordinates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("02:00:07.5", "-00:30:36"),
        ("02 00 07.5", "-00 30 36"),
        ("2h0m7.5s", "-0d30m36s"),
        ("02h00m07.5s", "−00°30′36″"),
        ("2:0.125", "-0:30.6"),
        ("+02:00:07.5", "-00:30:36.00"),
    ],
)
def test_sexagesimal_text(tmp_path, ra, dec):
    catalog = read_text(tmp_path, f"RAJ2000,DEJ2000\n{ra},{dec}\n,\n23:59:60,+90:00:00\n")
    np.testing.assert_allclose((catalog.ra_deg + 1.0) % 360.0, [31.03125, np.nan, 1.0], atol=1e-9)
    np.testing.assert_allclose(catalog.dec_deg, [-0.51, np.nan, 90.0], atol=1e-9)
    assert catalog.notes == (
        "Column RAJ2000 was read as hours, minutes and seconds.",
        "Column DEJ2000 was read as degrees, minutes and seconds.",
    )


@pytest.mark.parametrize("ra", ["123:30:00", "123d30m00s", "123 30 00"])
def test_sexagesimal_right_ascensions_in_degrees(tmp_path, ra):
    catalog = read_text(tmp_path, f"ra,dec\n{ra},10:00:00\n")
    assert catalog.ra_deg[0] == pytest.approx(123.5) and "read as degrees" in catalog.notes[0]


def test_galactic_sexagesimals_are_degrees(tmp_path):
    sexagesimal = read_text(tmp_path, "glon,glat\n12:30:00,45:30:00\n")
    decimal = read_text(tmp_path, "glon,glat\n12.5,45.5\n")
    assert sexagesimal.ra_deg[0] == pytest.approx(decimal.ra_deg[0], abs=1e-9)


@pytest.mark.parametrize("cell", ["12:75:00", "12:30:61"])
def test_impossible_sexagesimals_name_their_row(tmp_path, cell):
    with pytest.raises(InputError, match="row 2"):
        read_text(tmp_path, f"ra,dec\n12:00:00,1\n{cell},2\n")


# --- numbers that look like something else ------------------------------------------------------------------


def field(n=40, ra_deg=30.0, dec_deg=-40.0, size_deg=3.0):
    rng = np.random.default_rng(5)
    dec = dec_deg + size_deg * rng.uniform(-0.5, 0.5, n)
    return ra_deg + size_deg * rng.uniform(-0.5, 0.5, n) / np.cos(np.radians(dec_deg)), dec


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(30.0, -40.0), (345.0, 10.0), (187.0, 2.0)])
def test_hours_are_noted(ra_deg, dec_deg):
    ra, dec = field(ra_deg=ra_deg, dec_deg=dec_deg)
    notes = read_catalog(Table({"ra": ra / 15.0, "dec": dec})).notes
    assert len(notes) == 1 and "look like hours" in notes[0]
    assert read_catalog(Table({"ra": ra, "dec": dec})).notes == ()


def test_a_field_within_the_first_24_degrees_is_not_suspected():
    for centre in (5.0, 12.0, 21.0):
        ra, dec = field(ra_deg=centre)
        assert read_catalog(Table({"ra": ra, "dec": dec})).notes == ()


def test_hours_all_round_the_sky_are_noted():
    rng = np.random.default_rng(6)
    notes = read_catalog(Table({"ra": rng.uniform(0, 24, 100), "dec": rng.uniform(-2, 2, 100)})).notes
    assert "look like hours" in notes[0]


def test_radians_are_noted():
    ra, dec = np.radians(field(ra_deg=200.0))
    assert "look like radians" in read_catalog(Table({"ra": ra, "dec": dec})).notes[0]
    said = Table({"ra": ra, "dec": dec})
    said["ra"].unit = said["dec"].unit = "rad"
    assert read_catalog(said).notes == ()
