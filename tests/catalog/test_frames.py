"""Frames and equinoxes that a catalogue states: precessed, or refused."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError

# 3C 273, B1950 and J2000, as NED lists it (equatorial, to 0.1")
B1950 = 12 * 15 + 26 * 0.25 + 33.25 / 240, 2 + 19 / 60 + 43.3 / 3600
J2000 = 187.2779154, 2.0523883
ARCSEC = 1.0 / 3600.0


def fits_file(tmp_path, ra, dec, names=("RA", "DEC"), primary=None, **cards):
    columns = [
        fits.Column(name, "D", unit="deg", array=[x]) for name, x in zip(names, (ra, dec), strict=True)
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(cards)
    first = fits.PrimaryHDU()
    first.header.update(primary or {})
    path = tmp_path / "in.fits"
    fits.HDUList([first, table]).writeto(path, overwrite=True)
    return path


def votable(tmp_path, ra, dec, coosys, ref="c", names=("ra", "dec"), group=False):
    references = "" if group or not ref else f' ref="{ref}"'
    grouped = f'<GROUP ref="{ref}"><FIELDref ref="a"/><FIELDref ref="d"/></GROUP>' if group else ""
    text = (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
        f"{coosys}<TABLE>{grouped}"
        f'<FIELD ID="a" name="{names[0]}" datatype="double" unit="deg"{references}/>'
        f'<FIELD ID="d" name="{names[1]}" datatype="double" unit="deg"{references}/>'
        f"<DATA><TABLEDATA><TR><TD>{ra}</TD><TD>{dec}</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    path = tmp_path / "in.vot"
    path.write_text(text)
    return path


def is_at(catalog, place, within_arcsec=1.0):
    assert catalog.ra_deg[0] == pytest.approx(place[0], abs=within_arcsec * ARCSEC)
    assert catalog.dec_deg[0] == pytest.approx(place[1], abs=within_arcsec * ARCSEC)
    return True


@pytest.mark.parametrize(
    "cards",
    [
        {"RADESYS": "FK4"},
        {"RADESYS": "FK4", "EQUINOX": 1950.0},
        {"RADECSYS": "FK4", "EQUINOX": "B1950"},
        {"EQUINOX": 1950.0},
        {"EPOCH": 1950.0},
    ],
    ids=str,
)
def test_fk4_in_a_fits_header_is_precessed(tmp_path, cards):
    catalog = read_catalog(fits_file(tmp_path, *B1950, **cards))
    assert is_at(catalog, J2000)
    assert "FK4 B1950" in catalog.notes[0] and next(iter(cards)) in catalog.notes[0]
    # the table itself stays as it was
    assert catalog.table["RA"][0] == B1950[0]


def test_the_primary_header_speaks_for_a_table_that_says_nothing(tmp_path):
    assert is_at(read_catalog(fits_file(tmp_path, *B1950, primary={"RADESYS": "FK4"})), J2000)
    both = fits_file(tmp_path, *J2000, primary={"RADESYS": "FK4"}, RADESYS="ICRS")
    assert is_at(read_catalog(both), J2000)


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"RADESYS": "ICRS"},
        {"RADESYS": "ICRS", "EQUINOX": 2000.0},
        {"RADESYS": "FK5"},
        {"RADECSYS": "FK5", "EQUINOX": 2000.0},
        {"EQUINOX": "J2000"},
        {"EPOCH": 2015.5},  # when it was observed, not the equinox
    ],
    ids=str,
)
def test_today_s_frames_are_left_as_they_are(tmp_path, cards):
    catalog = read_catalog(fits_file(tmp_path, *J2000, **cards))
    assert is_at(catalog, J2000, 0.03) and catalog.notes == ()


def test_fk5_of_another_equinox(tmp_path):
    old = (
        SkyCoord(*J2000, unit="deg")
        .transform_to("fk5")
        .fk5.transform_to(
            SkyCoord(0, 0, unit="deg", frame="fk5", equinox="J1975").frame.replicate_without_data()
        )
    )
    catalog = read_catalog(fits_file(tmp_path, old.ra.deg, old.dec.deg, RADESYS="FK5", EQUINOX=1975.0))
    assert is_at(catalog, J2000, 0.01) and "FK5 J1975" in catalog.notes[0]
    assert abs(old.ra.deg - J2000[0]) > 0.3


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"RADESYS": "GAPPT"}, "'GAPPT'"),
        ({"RADESYS": "ICRS", "EQUINOX": 1950.0}, "ICRS and equinox 1950"),
        ({"RADESYS": "FK5", "EQUINOX": "about 1950"}, "'about 1950'"),
    ],
    ids=str,
)
def test_frames_that_are_not_known_or_contradict_themselves_are_refused(tmp_path, cards, said):
    with pytest.raises(InputError, match=said):
        read_catalog(fits_file(tmp_path, *B1950, **cards))


@pytest.mark.parametrize(
    "names", [("RAB1950", "DEB1950"), ("ra_1950", "dec_1950"), ("ALPHA_B1950", "DELTA_B1950")]
)
def test_names_that_state_an_equinox(tmp_path, names):
    text = f"{names[0]},{names[1]}\n{B1950[0]},{B1950[1]}\n"
    (tmp_path / "in.csv").write_text(text)
    assert is_at(read_catalog(tmp_path / "in.csv"), J2000)


def test_today_s_positions_win_over_old_ones(tmp_path):
    text = "RAB1950,DEB1950,_RAJ2000,_DEJ2000\n" + ",".join(map(str, (*B1950, *J2000))) + "\n"
    (tmp_path / "in.csv").write_text(text)
    catalog = read_catalog(tmp_path / "in.csv")
    assert catalog.roles == {"ra": "_RAJ2000", "dec": "_DEJ2000"} and is_at(catalog, J2000)
    assert "RAB1950, DEB1950 would fit, too" in catalog.notes[0]
    old = read_catalog(tmp_path / "in.csv", {"ra": "RAB1950", "dec": "DEB1950"})
    assert is_at(old, J2000)


def test_a_name_and_a_header_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"'RAJ2000' is in FK5 J2000 by its name .* FK4 B1950 by RADESYS"):
        read_catalog(fits_file(tmp_path, *B1950, names=("RAJ2000", "DEJ2000"), RADESYS="FK4"))


def test_a_pair_of_two_frames_is_refused(tmp_path):
    (tmp_path / "in.csv").write_text("RAB1950,DEJ2000\n1,2\n")
    with pytest.raises(InputError, match="'RAB1950' is in FK4 B1950"):
        read_catalog(tmp_path / "in.csv")


@pytest.mark.parametrize("group", [False, True], ids=["by the field", "by a group"])
@pytest.mark.parametrize("system", ["eq_FK4", "FK4"])
def test_coosys_of_a_votable(tmp_path, system, group):
    coosys = f'<COOSYS ID="o" system="ICRS"/><COOSYS ID="c" system="{system}" equinox="B1950"/>'
    catalog = read_catalog(votable(tmp_path, *B1950, coosys, group=group))
    assert is_at(catalog, J2000) and "COOSYS c" in catalog.notes[0]


def test_a_coosys_that_nobody_refers_to_speaks_for_all(tmp_path):
    old = '<COOSYS ID="c" system="eq_FK4" equinox="1950"/>'
    assert is_at(read_catalog(votable(tmp_path, *B1950, old, ref="")), J2000)
    new = '<COOSYS ID="c" system="eq_FK5" equinox="J2000"/>'
    assert is_at(read_catalog(votable(tmp_path, *J2000, new, ref="")), J2000, 0.03)


@pytest.mark.parametrize("system", ["galactic", "ecl_FK5", "supergalactic"])
def test_right_ascensions_in_a_frame_without_any_are_refused(tmp_path, system):
    with pytest.raises(InputError, match=f"'{system}'"):
        read_catalog(votable(tmp_path, 10, 20, f'<COOSYS ID="c" system="{system}"/>'))


def test_galactic_columns_need_no_frame(tmp_path):
    coosys = '<COOSYS ID="c" system="galactic"/>'
    catalog = read_catalog(votable(tmp_path, 289.95, 64.36, coosys, names=("GLON", "GLAT")))
    assert is_at(catalog, J2000, 20.0)


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet"])
def test_metadata_of_other_formats(tmp_path, suffix):
    table = Table({"ra": [B1950[0]], "dec": [B1950[1]]}, meta={"radesys": "FK4", "equinox": 1950.0})
    table.write(tmp_path / f"in{suffix}")
    assert is_at(read_catalog(tmp_path / f"in{suffix}"), J2000)
    assert is_at(read_catalog(table), J2000)


def test_rows_without_a_position_stay_without_one(tmp_path):
    table = Table({"ra": [B1950[0], np.nan], "dec": [B1950[1], 3.0]}, meta={"RADESYS": "FK4"})
    catalog = read_catalog(table)
    assert is_at(catalog, J2000) and np.isnan([catalog.ra_deg[1], catalog.dec_deg[1]]).all()
