"""Names of columns in the catalogues that people use: found, or asked about, and said."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError

DATA = Path(__file__).parents[3] / "shared" / "data"


def read_text(tmp_path, text, **options):
    (tmp_path / "in.csv").write_text(text)
    return read_catalog(tmp_path / "in.csv", **options)


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("RAdeg", "DEdeg"),
        ("RA_deg", "DEC_deg"),
        ("ra_deg", "de_deg"),
        ("RA_ICRS", "DE_ICRS"),
        ("_RAJ2000", "_DEJ2000"),
        ("_RA.icrs", "_DE.icrs"),
        ("ALPHA_J2000", "DELTA_J2000"),
        ("RA J2000", "DEC J2000"),
        ("ra2000", "dec2000"),
        ("_RA", "_DE"),
        ("Right Ascension", "Declination"),
    ],
)
def test_names_of_positions(tmp_path, ra, dec):
    catalog = read_text(tmp_path, f"{ra},{dec}\n10,-20\n")
    assert catalog.roles == {"ra": ra, "dec": dec}


@pytest.mark.parametrize(
    ("lon", "lat"), [("GLON", "GLAT"), ("l", "b"), ("gal_lon", "gal_lat"), ("LII", "BII")]
)
def test_names_of_galactic_positions(tmp_path, lon, lat):
    assert read_text(tmp_path, f"{lon},{lat}\n10,-20\n").roles == {"glon": lon, "glat": lat}


@pytest.mark.parametrize(
    ("z", "error"),
    [
        ("Z_LAMBDA", "Z_LAMBDA_ERR"),
        ("zlambda", "e_zlambda"),
        ("BEST_Z", "BEST_ZERR"),
        ("z_best", "z_best_err"),
        ("zsp", "e_zsp"),
        ("zph", "zph_error"),
        ("z_spec", "z_spec_unc"),
        ("zspec", "sigma_zspec"),
        ("z_phot", "dz_phot"),
        ("photoz", "photoz_std"),
        ("REDSHIFT", "REDSHIFT_UNC"),
        ("z", "z_err"),
        ("zcl", "e_zcl"),
    ],
)
def test_names_of_redshifts_with_their_errors(tmp_path, z, error):
    catalog = read_text(tmp_path, f"ra,dec,{error},{z}\n10,-20,0.01,0.5\n")
    assert (catalog.roles["redshift"], catalog.roles["redshift_err"]) == (z, error)
    assert (catalog.redshift[0], catalog.redshift_err[0]) == (0.5, 0.01)
    assert catalog.notes == ()


def test_an_error_of_another_redshift_is_not_used(tmp_path):
    catalog = read_text(tmp_path, "ra,dec,best_z,z_lambda,z_lambda_err\n1,2,0.5,0.4,0.01\n")
    assert catalog.roles["redshift"] == "best_z" and "redshift_err" not in catalog.roles


@pytest.mark.parametrize(
    ("known", "chosen"),
    [({"zsp": 3, "zph": 3}, "zsp"), ({"zsp": 1, "zph": 3}, "zph"), ({"zsp": 2, "zph": 1}, "zsp")],
)
def test_of_two_methods_the_one_with_most_redshifts_is_used_and_said(known, chosen):
    columns = {name: [0.3] * count + [-1.0] * (3 - count) for name, count in known.items()}
    catalog = read_catalog(Table({"ra": [1.0, 2, 3], "dec": [1.0, 2, 3], **columns}))
    other = {"zsp": "zph", "zph": "zsp"}[chosen]
    assert catalog.roles["redshift"] == chosen
    assert f"Redshifts are those of {chosen}" in catalog.notes[0] and f"redshift={other}" in catalog.notes[0]
    picked = read_catalog(catalog.table, {"redshift": other})
    assert picked.roles["redshift"] == other and picked.notes == ()


@pytest.mark.parametrize("name", ["z_mean", "BCG_SPEC_Z", "my_redshift", "photoz_mode", "z500", "Z_BOOT"])
def test_likely_redshifts_are_named_where_none_was_found(tmp_path, name):
    catalog = read_text(tmp_path, f"ra,dec,{name}\n1,2,0.5\n3,4,\n")
    assert "redshift" not in catalog.roles and f"--column redshift={name}" in catalog.notes[0]


@pytest.mark.parametrize("column", ["zsource,spec", "freq_ghz,0.5", "zone,1200", "size,3"])
def test_other_names_with_a_z_are_not(tmp_path, column):
    name, cell = column.split(",")
    assert read_text(tmp_path, f"ra,dec,{name}\n1,2,{cell}\n").notes == ()


def test_roles_are_said(tmp_path):
    catalog = read_text(tmp_path, "SPT_ID,RA,DEC,XI,REDSHIFT,REDSHIFT_UNC\nA,1,2,5,0.5,0.01\n")
    assert catalog.columns_in_words() == (
        "ra=RA, dec=DEC, redshift=REDSHIFT, redshift_err=REDSHIFT_UNC, name=SPT_ID"
    )


# --- catalogues as they are published; the rows are made up -------------------------------------------------

SPT = (
    "SPT_ID RA DEC FIELD XI THETA_CORE YSZ REDSHIFT REDSHIFT_UNC REDSHIFT_LIMIT XRAY SPECZ M500 M500_UERR "
    "M500_LERR"
)
PUBLISHED = {
    "redMaPPer DR8": (
        "ID NAME RA DEC Z_LAMBDA Z_LAMBDA_ERR LAMBDA LAMBDA_ERR S Z_SPEC OBJID IMAG IMAG_ERR MODEL_MAG_U "
        "P_CEN RA_CEN DEC_CEN ID_CEN PZBINS PZ",
        "ra=RA, dec=DEC, redshift=Z_LAMBDA, redshift_err=Z_LAMBDA_ERR, name=NAME",
    ),
    "redMaPPer DES": (
        "MEM_MATCH_ID RA DEC LAMBDA_CHISQ LAMBDA_CHISQ_E Z_LAMBDA Z_LAMBDA_E REFMAG BCG_SPEC_Z MASKFRAC",
        "ra=RA, dec=DEC, redshift=Z_LAMBDA, redshift_err=Z_LAMBDA_E, name=MEM_MATCH_ID",
    ),
    "eRASS1": (
        "NAME DETUID RA DEC RA_XFIT DEC_XFIT EXT_LIKE DET_LIKE_0 EXT BEST_Z BEST_ZERR BEST_Z_TYPE Z_LAMBDA "
        "Z_LAMBDA_ERR LAMBDA_NORM M500 M500_L M500_H R500 PCONT",
        "ra=RA, dec=DEC, redshift=BEST_Z, redshift_err=BEST_ZERR, name=NAME",
    ),
    "PSZ2": (
        "INDEX NAME GLON GLAT RA DEC POS_ERR SNR PIPELINE PIPE_DET PCCS2 PSZ IR_FLAG Q_NEURAL Y5R500 "
        "Y5R500_ERR VALIDATION REDSHIFT_ID REDSHIFT MSZ MSZ_ERR_UP MSZ_ERR_LOW MCXC REDMAPPER ACT SPT",
        "ra=RA, dec=DEC, redshift=REDSHIFT, position_err=POS_ERR, name=NAME",
    ),
    "MCXC": (
        "_RAJ2000 _DEJ2000 MCXC OName AName RAdeg DEdeg z Cat Sub-Cat Scale L500 M500 R500 Notes",
        "ra=RAdeg, dec=DEdeg, redshift=z, name=MCXC",
    ),
    "ACT DR5": (
        "name RADeg decDeg SNR y_c err_y_c fixed_SNR fixed_y_c fixed_err_y_c template tileName redshift "
        "redshiftErr redshiftType redshiftSource M500c M500c_errPlus M500c_errMinus M500cCal M200m opt_RADeg "
        "opt_decDeg zCMR",
        "ra=RADeg, dec=decDeg, redshift=redshift, redshift_err=redshiftErr, name=name",
    ),
    "ACT DR6": (
        "name RADeg decDeg SNR y_c err_y_c fixed_SNR redshift redshiftErr redshiftType redshiftSource M500c "
        "M500cCal M200c M200cUncorr footprint_DESY3 flags opt_RADeg opt_decDeg opt_positionSource",
        "ra=RADeg, dec=decDeg, redshift=redshift, redshift_err=redshiftErr, name=name",
    ),
    "SPTpol 100d": (SPT, "ra=RA, dec=DEC, redshift=REDSHIFT, redshift_err=REDSHIFT_UNC, name=SPT_ID"),
    "WHL12": (
        "WHL RAJ2000 DEJ2000 zph zsp rmag r200 RL* N200",
        "ra=RAJ2000, dec=DEJ2000, redshift=zph, name=WHL",
    ),
    "WHL24": (
        "ID Name RAdeg DEdeg zcl f_zcl rmag r500 RL500 M500 Ngal",
        "ra=RAdeg, dec=DEdeg, redshift=zcl, name=Name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".fits", ".csv"])
@pytest.mark.parametrize("survey", PUBLISHED)
def test_published_catalogues(tmp_path, survey, suffix):
    header, roles = PUBLISHED[survey]
    table = Table({name: made_up(name) for name in header.split()})
    table.write(tmp_path / f"in{suffix}")
    catalog = read_catalog(tmp_path / f"in{suffix}")
    assert catalog.columns_in_words() == roles
    assert catalog.ra_deg.tolist() == [10.5, 200.25] and catalog.dec_deg.tolist() == [-30.5, 20.25]
    assert catalog.redshift.tolist() == [0.25, 0.75]
    if "redshift_err" in catalog.roles:
        assert catalog.redshift_err.tolist() == [0.01, 0.02]
    assert len(catalog.notes) == (
        survey in ("redMaPPer DR8", "WHL12")
    )  # where two redshifts are to choose from


def made_up(name):
    """Two rows of a column, by its name; spectroscopic redshifts are known for one only."""
    lower = name.lower().strip("_")
    if lower in ("whl", "mcxc", "name", "spt_id"):
        return ["J0042-3030", "J1321+2015"]
    if lower in ("ra", "radeg", "raj2000"):
        return [10.5, 200.25]
    if lower in ("dec", "decdeg", "dedeg", "dej2000"):
        return [-30.5, 20.25]
    if lower in ("z", "redshift", "best_z", "zph", "zcl") or (name == "Z_LAMBDA"):
        return [0.25, 0.75]
    if lower in ("z_spec", "zsp", "bcg_spec_z"):
        return [-1.0, 0.751]
    if "err" in lower or lower.endswith(("_e", "_unc")):
        return [0.01, 0.02]
    return ["a", "b"] if "type" in lower or "source" in lower else [3.0, 4.0]


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        (
            "spt_sz_2500d.fits",
            "ra=RA, dec=DEC, redshift=REDSHIFT, redshift_err=REDSHIFT_UNC, name=SPT_ID",
        ),
        ("actpol_ed56.fits", "ra=RADeg, dec=decDeg, redshift=z, name=name"),
    ],
)
def test_real_catalogues(name, roles):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not here")
    catalog = read_catalog(path)
    assert catalog.columns_in_words() == roles and catalog.notes == ()
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(catalog.ra_deg, hdus[1].data[catalog.roles["ra"]])
        np.testing.assert_array_equal(catalog.dec_deg, hdus[1].data[catalog.roles["dec"]])


def test_whl_as_vizier_gives_it_in_fits(tmp_path):
    columns = [
        fits.Column("WHL", "16A", array=["J000000.5+021911", "J000001.5+212231"]),
        fits.Column("RAJ2000", "D", array=[0.00208, 0.00625], unit="deg", disp="F9.5"),
        fits.Column("DEJ2000", "D", array=[2.31972, 21.37528], unit="deg", disp="F9.5"),
        fits.Column("zph", "E", array=[0.4191, 0.4022]),
        fits.Column("zsp", "E", array=[np.nan, np.nan]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "in.fits")
    catalog = read_catalog(tmp_path / "in.fits")
    assert catalog.roles["redshift"] == "zph" and np.isfinite(catalog.redshift).all()


def test_two_final_redshifts_are_still_one_too_many(tmp_path):
    with pytest.raises(InputError, match="'z' and 'best_z' could each be the redshift"):
        read_text(tmp_path, "ra,dec,z,best_z\n1,2,0.3,0.4\n")
