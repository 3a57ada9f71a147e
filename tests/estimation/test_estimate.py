"""Masses of a simulated field: right, complete, labelled, and the same whatever the form of the input."""

import csv
import hashlib
import json
import os
from threading import Event

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.ndimage import map_coordinates, spline_filter
from scipy.stats import spearmanr

import szmass_cli
from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog import MASS_UNIT, Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation import run as estimation
from szmass_cli.estimation.preparation import prepared
from szmass_cli.estimation.rows import RedshiftLimits, redshifts_to_use
from szmass_cli.estimation.runplan import Hashed
from szmass_cli.maps.cutouts import Cutouts, robust_rms
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.spectra import tsz_uk_per_y

SIGNAL_TO_NOISE = {2.0: 3.2, 4.0: 8.4, 6.0: 14.6}
"""Mean S/N of the matched filter at M200c [1e14 Msun] and z = 0.7, from an independent calculation."""

ADDED = ["M200c", "M200c_p16", "M200c_p84", "M200c_err_plus", "M200c_err_minus", "sz_snr", "szmass_flags"]
NO_MASS = (
    Flag.BAD_COORDINATES | Flag.OFF_MAP | Flag.MASKED | Flag.NONFINITE | Flag.REDSHIFT_OUTSIDE_CALIBRATION
)


def read_field(field):
    with fits.open(field.map_path) as hdus:
        return hdus[0].data.astype(float), hdus[0].header.copy()


class SplinedSky:
    """The simulated map, noise and all, between its pixels: a quintic spline, NaN beyond the edge."""

    def __init__(self, data, header):
        self._wcs, self._shape = WCS(header), data.shape
        self._coefficients = spline_filter(data, order=5, mode="mirror")

    def __call__(self, ra_deg, dec_deg):
        x, y = self._wcs.wcs_world2pix(np.ravel(ra_deg), np.ravel(dec_deg), 0)
        inside = (x > 0) & (y > 0) & (x < self._shape[1] - 1) & (y < self._shape[0] - 1)
        values = map_coordinates(self._coefficients, [y, x], order=5, mode="mirror", prefilter=False)
        return np.where(inside, values, np.nan).reshape(np.shape(ra_deg))


@pytest.fixture(scope="module")
def splined(field):
    return SplinedSky(*read_field(field))


def read_whole(path):
    """A FITS table with its NaN as NaN: by default astropy masks them."""
    return Table.read(path, mask_invalid=False)


def ln_ratio(estimates, reference):
    return np.log(np.asarray(estimates.columns["M200c"]) / np.asarray(reference.columns["M200c"]))


# --- how good the masses are --------------------------------------------------------------------------------


def test_masses_scatter_about_the_truth(field, measured):
    error = np.log(np.asarray(measured.columns["M200c"]) / field.truth["M200c_true"])
    assert np.std(error) < 0.35  # 0.18 is the model's, on 24 clusters of which some are above its range
    assert abs(np.median(error)) < 0.2
    assert spearmanr(measured.columns["M200c"], field.truth["M200c_true"]).statistic > 0.8


def test_signal_to_noise_is_that_of_the_matched_filter(field, measured):
    truth = field.truth[(field.truth["M200c_true"] >= 2.0) & (field.truth["M200c_true"] <= 6.0)]
    rows = np.isin(field.truth["name"], truth["name"])
    expected = np.interp(truth["M200c_true"], list(SIGNAL_TO_NOISE), list(SIGNAL_TO_NOISE.values()))
    difference = np.asarray(measured.columns["sz_snr"])[rows] - expected * truth["amplitude_true"]
    assert abs(difference.mean()) < 1.0  # one measurement scatters by 1, and there are 14
    assert np.abs(difference).max() < 4.0


def test_percentiles_cover_the_truth(field, measured):
    table, truth = measured.columns, field.truth["M200c_true"]
    assert 0.4 < np.mean((table["M200c_p16"] < truth) & (truth < table["M200c_p84"])) < 0.95


def test_ordinary_rows_have_nothing_to_say(measured):
    flags = np.asarray(measured.columns["szmass_flags"])
    assert np.mean(flags == 0) > 0.2
    assert not np.any(flags & ~(Flag.NOISE_MISMATCH | Flag.MASS_OUTSIDE_TRAINING))
    assert measured.flag_counts().keys() <= {"NOISE_MISMATCH", "MASS_OUTSIDE_TRAINING"}


# --- rows, columns, labels ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def awkward(field, measure, tmp_path_factory):
    """A catalogue with every kind of row and column, and its estimates."""
    folder = tmp_path_factory.mktemp("awkward")
    ra, dec = np.array(field.truth["ra"]), np.array(field.truth["dec"])
    rows = {
        "plain": (ra[0], dec[0], 0.7),
        "other_sky": (ra[0] + 20.0, dec[0], 0.7),
        "above": (ra[0], -28.0, 0.7),
        "no_ra": (np.nan, dec[0], 0.7),
        "no_redshift": (ra[1], dec[1], np.nan),
        "zero_redshift": (ra[2], dec[2], 0.0),
        "too_far": (ra[3], dec[3], 2.4),
        "farther": (ra[4], dec[4], 2.03),
        "near_edge": (40.0, -29.0 - 3.5 / 60, 0.7),
        "on_edge": (40.0, -29.0 - 1.0 / 60, 0.7),
        "negative_ra": (ra[5] - 360.0, dec[5], 0.7),
        "last": (ra[23], dec[23], 0.7),
    }
    position = np.array(list(rows.values()))
    table = Table(
        {
            "ID": np.arange(len(rows), dtype=np.int16) - 3,
            "RADeg": position[:, 0],
            "decDeg": position[:, 1],
            "z": position[:, 2].astype(np.float32),
            "what": list(rows),
            "good": np.arange(len(rows)) % 2 == 0,
            "spectrum": np.arange(3.0 * len(rows)).reshape(-1, 3),
        }
    )
    table["RADeg"].unit = "deg"
    table.write(folder / "in.fits")
    estimates = measure(
        field.map_path, folder / "in.fits", folder / "out.fits", mass_definitions=("200c", "500c")
    )
    return {
        "rows": list(rows),
        "folder": folder,
        "estimates": estimates,
        "out": read_whole(folder / "out.fits"),
    }


@pytest.mark.parametrize(
    ("row", "flag", "has_mass"),
    [
        ("plain", Flag(0), True),
        ("other_sky", Flag.OFF_MAP, False),
        ("above", Flag.OFF_MAP, False),
        ("no_ra", Flag.BAD_COORDINATES, False),
        ("no_redshift", Flag.NO_REDSHIFT, True),
        ("zero_redshift", Flag.NO_REDSHIFT, True),
        ("too_far", Flag.REDSHIFT_OUTSIDE_TRAINING | Flag.REDSHIFT_OUTSIDE_CALIBRATION, False),
        ("farther", Flag.REDSHIFT_OUTSIDE_TRAINING, True),
        ("near_edge", Flag.CUT_BY_EDGE | Flag.INPAINTED, True),
        ("on_edge", Flag.CUT_BY_EDGE | Flag.MASKED, False),
        ("negative_ra", Flag(0), True),
    ],
)
def test_a_row_has_a_mass_or_a_reason(awkward, row, flag, has_mass):
    found = awkward["out"][awkward["rows"].index(row)]
    of_the_cutout = Flag.NOISE_MISMATCH | Flag.MASS_OUTSIDE_TRAINING | Flag.CENTRAL_SOURCE | Flag.OFF_CENTRE
    of_the_cutout |= Flag.PRIOR_DOMINATED
    assert Flag(int(found["szmass_flags"])) & ~of_the_cutout == flag
    for name in (n for n in awkward["out"].colnames if n.startswith(("M200c", "M500c", "sz_snr"))):
        assert np.isfinite(found[name]) == has_mass, name
    if has_mass:
        assert found["M200c"] > found["M500c"] > 0.2


def test_all_rows_and_columns_come_out_untouched(awkward):
    given, out = read_whole(awkward["folder"] / "in.fits"), awkward["out"]
    assert out.colnames == [*given.colnames, *awkward["estimates"].columns.colnames]
    for name in given.colnames:
        assert out[name].dtype == given[name].dtype and out[name].unit == given[name].unit
        np.testing.assert_array_equal(np.asarray(out[name]), np.asarray(given[name]))


def test_added_columns_in_the_file(awkward):
    with fits.open(awkward["folder"] / "out.fits") as hdus:
        columns, header = {c.name: c for c in hdus[1].columns}, hdus[1].header
    notes = {name: header.get(f"TCOMM{i}", "") for i, name in enumerate(columns, 1)}
    for name in ADDED:
        masses = name.startswith("M")
        assert columns[name].unit == ("10**14 solMass" if masses else None), name
        assert columns[name].format == ("J" if name == "szmass_flags" else "D")
        assert notes[name]
    for name in (n.replace("200c", "500c") for n in ADDED if "200c" in n):
        assert columns[name].unit == "10**14 solMass"
    for flag in Flag:
        assert f"{flag.value} {flag.name}" in notes["szmass_flags"]


def test_flags_are_counted(awkward):
    counts = awkward["estimates"].flag_counts()
    assert counts["OFF_MAP"] == 2 and counts["NO_REDSHIFT"] == 2 and counts["CUT_BY_EDGE"] == 2
    assert counts["REDSHIFT_OUTSIDE_TRAINING"] == 2 and counts["BAD_COORDINATES"] == 1
    assert "2 of 12 rows have no redshift: marginalised over" in " ".join(awkward["estimates"].notes)


def test_metadata_say_where_the_masses_come_from(field, awkward):
    header, bundle = fits.getheader(awkward["folder"] / "out.fits", 1), read_bundle(DEFAULT_MODEL)
    assert header["SZM_MAP"] == "field.fits" and header["SZM_CAT"] == "in.fits"
    assert header["SZM_MAPH"] == hashlib.sha256(field.map_path.read_bytes()).hexdigest()
    assert header["SZM_MSHA"] == hashlib.sha256((bundle.path / "metadata.json").read_bytes()).hexdigest()
    assert header["SZM_MODL"] == bundle.metadata.name
    assert (header["SZM_UNIT"], header["SZM_UNSR"]) == ("uK", "header")
    assert (header["SZM_BEAM"], header["SZM_NOIS"]) == (1.0, 5.0)
    assert (header["SZM_FREQ"], header["SZM_NOSR"]) == (150.0, "option")
    assert header["SZM_PRI"].startswith("flat in ln M200c") and header["SZM_VER"]
    assert (header["SZM_BEAM"], header["SZM_BMSR"]) == (1.0, "header")
    assert "2 of 12 rows have no redshift" in header["SZM_NOTE"]


def test_a_map_that_is_replaced_before_it_is_opened_is_the_one_that_is_hashed(field, tmp_path, monkeypatch):
    """Hashing begins first; what the masses are of is what the header shall name."""
    small, changed = tmp_path / "map.fits", tmp_path / "new.fits"
    data, header = read_field(field)
    fits.writeto(small, data, header)
    fits.writeto(changed, data * 1.01, header)

    hashed, of = Event(), Hashed.of

    def told(path, *wanted):
        found = of(path, *wanted)
        hashed.set()
        return found

    def later(request, **options):
        assert hashed.wait(60.0)
        os.replace(changed, small)
        return prepared(request, **options)

    monkeypatch.setattr(Hashed, "of", told)
    monkeypatch.setattr(estimation, "prepared", later)
    estimates = szmass_cli.estimate(small, field.catalog_path, output=tmp_path / "out.fits", check=0)
    assert estimates.meta["SZM_MAPH"] == hashlib.sha256(small.read_bytes()).hexdigest()


def test_masses_in_other_definitions_are_those_of_colossus(awkward):
    from colossus.cosmology import cosmology
    from colossus.halo import mass_adv

    h = cosmology.setCosmology("planck18", persistence="").h
    out = awkward["out"]
    for row in np.flatnonzero(np.isfinite(out["M200c"])):
        z = min(out["z"][row], 2.0) if out["z"][row] > 0 else np.sqrt(0.1 * 2.0)
        for name in ("M200c", "M200c_p16", "M200c_p84"):
            m500c, _, _ = mass_adv.changeMassDefinitionCModel(
                out[name][row] * 1e14 * h, float(z), "200c", "500c", c_model="diemer15"
            )
            assert out[name.replace("200c", "500c")][row] == pytest.approx(m500c / h / 1e14, rel=2e-3)


@pytest.fixture(scope="module")
def wide(field, measure, tmp_path_factory):
    """Estimates with more percentiles, in CSV, with the map's beam given."""
    output = tmp_path_factory.mktemp("wide") / "out.csv"
    options = {"percentiles": (97.5, 2.5), "mass_definitions": ("200c", "200m"), "beam": 1.0}
    return output, measure(field.map_path, field.catalog_path, output, **options)


def test_percentiles_are_named_and_in_order(wide, measured):
    _, estimates = wide
    for base in ("M200c", "M200m"):
        names = [f"{base}{suffix}" for suffix in ("_p2p5", "_p16", "", "_p84", "_p97p5")]
        values = np.array([estimates.columns[name] for name in names])
        assert np.all(np.diff(values, axis=0) > 0)
        p16, median, p84 = values[1:4]
        np.testing.assert_allclose(estimates.columns[f"{base}_err_plus"], p84 - median)
        np.testing.assert_allclose(estimates.columns[f"{base}_err_minus"], median - p16)
    np.testing.assert_array_equal(estimates.columns["M200c"], measured.columns["M200c"])


def test_a_csv_keeps_its_cells_and_has_a_sidecar(field, wide):
    output, estimates = wide
    with open(field.catalog_path, newline="") as given, open(output, newline="") as written:
        before, after = list(csv.reader(given)), list(csv.reader(written))
    width = len(before[0])
    assert [row[:width] for row in after] == before
    assert after[0][width:] == estimates.columns.colnames
    assert [float(row[width]) for row in after[1:]] == list(estimates.columns["M200c"])
    sidecar = json.loads(output.with_name("out.csv.meta.json").read_text())
    assert sidecar["units"]["M200c"] == "1e+14 solMass" or sidecar["units"]["M200c"] == "1e14 solMass"
    assert sidecar["meta"]["SZM_MAPH"] == hashlib.sha256(field.map_path.read_bytes()).hexdigest()
    assert (sidecar["meta"]["SZM_BEAM"], sidecar["meta"]["SZM_BMSR"]) == (1.0, "option")


@pytest.mark.parametrize("suffix", [".ecsv", ".vot", ".parquet"])
def test_every_format_holds_the_same_masses(field, measure, measured, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    measure(field.map_path, field.catalog_path, output)
    table = Table.read(output)
    np.testing.assert_array_equal(np.asarray(table["M200c"]), np.asarray(measured.columns["M200c"]))
    assert table["M200c"].unit == MASS_UNIT
    assert list(table["name"]) == list(field.truth["name"])
    assert [p.name for p in tmp_path.iterdir()] == [output.name]


def test_without_a_redshift_column_masses_are_marginalised(field, measure, measured, tmp_path):
    field.truth["name", "ra", "dec"].write(tmp_path / "in.csv")
    estimates = measure(field.map_path, tmp_path / "in.csv")
    assert np.all(np.asarray(estimates.columns["szmass_flags"]) & Flag.NO_REDSHIFT)

    def width(found):
        return np.log(np.asarray(found.columns["M200c_p84"]) / np.asarray(found.columns["M200c_p16"]))

    assert np.all(width(estimates) > width(measured))


# --- one sky, many files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worth_uk", "unit", "option"),
    [
        (1e3, "mK_CMB", None),
        (1e6, "uK", "K"),  # the header is wrong, as that of the SPT map is
    ],
)
def test_units(field, measure, measured, tmp_path, worth_uk, unit, option):
    data, header = read_field(field)
    del header["BUNIT"]
    if unit:
        header["BUNIT"] = unit
    fits.writeto(tmp_path / "map.fits", data / worth_uk, header)
    estimates = measure(tmp_path / "map.fits", field.catalog_path, units=option)
    assert np.abs(ln_ratio(estimates, measured)).max() < 1e-4
    assert estimates.meta["SZM_UNSR"] == ("option" if option else "header")


def test_a_map_of_temperature_that_is_said_to_be_one_of_y_is_flagged_row_by_row(
    field, measure, measured, tmp_path
):
    """A map of y has no CMB and no foregrounds: what is left of them here is unlike any noise."""
    data, header = read_field(field)
    del header["BUNIT"]
    fits.writeto(tmp_path / "map.fits", data / tsz_uk_per_y(150.0), header)
    estimates = measure(tmp_path / "map.fits", field.catalog_path, units="y")
    assert estimates.meta["SZM_UNSR"] == "option"
    assert np.all(np.asarray(estimates.columns["szmass_flags"]) & Flag.NOISE_MISMATCH)
    assert not np.any(np.asarray(measured.columns["szmass_flags"]) & Flag.NOISE_MISMATCH)


def test_of_a_map_of_y_the_default_model_says_what_it_takes_to_shine_in_it(field, measure, tmp_path):
    data, header = read_field(field)
    header["BUNIT"] = "y"
    fits.writeto(tmp_path / "map.fits", data / tsz_uk_per_y(150.0), header)
    default, gaussian = (
        measure(tmp_path / "map.fits", field.catalog_path, noise=None, **model)
        for model in ({}, {"model": "gaussian"})
    )
    (note,) = [note for note in default.notes if "--model gaussian" in note]
    assert "map.fits: dust, motion and radio galaxies of clusters are taken to be in the map" in note
    assert not any("radio galaxies" in note for note in gaussian.notes)
    off = np.log(np.asarray(gaussian.columns["M200c"]) / field.truth["M200c_true"])
    assert abs(off.mean()) < 0.1  # 24 clusters that scatter by 0.15


def cube(data, header, path):
    other = np.random.default_rng(1).normal(0, 500, data.shape)
    fits.writeto(path, np.stack([data, other, other]).astype(np.float32), header)


def compressed(data, header, path):
    hdu = fits.CompImageHDU(data.astype(np.float32), header, compression_type="GZIP_2", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def double(data, header, path):
    fits.writeto(path, data, header)


def east_to_the_right(data, header, path):
    header["CDELT1"] *= -1
    header["CRPIX1"] = data.shape[1] + 1 - header["CRPIX1"]
    fits.writeto(path, data[:, ::-1], header)


@pytest.mark.parametrize("write", [cube, compressed, double, east_to_the_right])
def test_the_same_pixels_in_another_file(field, measure, measured, tmp_path, write):
    write(*read_field(field), tmp_path / "map.fits")
    estimates = measure(tmp_path / "map.fits", field.catalog_path)
    assert np.abs(ln_ratio(estimates, measured)).max() < 1e-4


def write_wcs_map(path, splined, wcs, shape, galactic=False):
    column, row = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    lon, lat = wcs.wcs_pix2world(column.ravel(), row.ravel(), 0)
    sky = SkyCoord(lon, lat, unit="deg", frame="galactic" if galactic else "icrs").icrs
    header = wcs.to_header()
    header["BUNIT"] = "uK"
    fits.writeto(path, splined(sky.ra.deg, sky.dec.deg).reshape(shape).astype(np.float32), header)


def galactic_car(path, splined):
    """CAR in galactic coordinates, 0.4' pixels; the field's north is tilted in it."""
    corners = SkyCoord(
        [38.4, 41.6, 38.4, 41.6, 40.0], [-31.1, -31.1, -28.9, -28.9, -28.9], unit="deg"
    ).galactic
    lon, lat = (corners.l.min().deg, corners.l.max().deg), (corners.b.min().deg, corners.b.max().deg)
    shape = (int(np.ptp(lat) * 150), int(np.ptp(lon) * 150))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
    wcs.wcs.crval = [np.mean(lon), 0.0]
    wcs.wcs.cdelt = [-1 / 150, 1 / 150]
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5 - np.mean(lat) * 150]
    write_wcs_map(path, splined, wcs, shape, galactic=True)


def zea(path, splined):
    """Lambert's equal-area projection with 0.4' pixels, centred elsewhere."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---ZEA", "DEC--ZEA"]
    wcs.wcs.crval = [43.0, -33.0]
    wcs.wcs.cdelt = [-0.4 / 60, 0.4 / 60]
    wcs.wcs.crpix = [-180.0, -260.0]
    write_wcs_map(path, splined, wcs, (360, 500))


def healpix(path, splined, coord="C", nested=False, nside=8192):
    """A partial HEALPix map; the spline is evaluated at its pixel centres."""
    rotator = healpy.Rotator(coord=["C", coord])
    centre = rotator(healpy.ang2vec(40.0, -30.0, lonlat=True))
    numbers = healpy.query_disc(nside, centre, np.radians(1.75))
    back = rotator.get_inverse()(np.array(healpy.pix2vec(nside, numbers)))
    values = splined(*healpy.vec2ang(np.array(back).T, lonlat=True))
    seen = np.isfinite(values)
    numbers, values = numbers[seen], values[seen]
    if nested:
        numbers = healpy.ring2nest(nside, numbers)
    columns = [fits.Column("PIXEL", "K", array=numbers), fits.Column("T", "E", unit="uK", array=values)]
    table = fits.BinTableHDU.from_columns(columns)
    cards = {"PIXTYPE": "HEALPIX", "NSIDE": nside, "COORDSYS": coord, "INDXSCHM": "EXPLICIT"}
    table.header.update(cards | {"ORDERING": "NESTED" if nested else "RING"})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (galactic_car, {}),
        (zea, {}),
        (healpix, {}),
        (healpix, {"nested": True}),
        (healpix, {"coord": "G"}),
        (healpix, {"coord": "G", "nested": True}),
    ],
    ids=["CAR in galactic coordinates", "ZEA", "HEALPix", "NESTED", "galactic HEALPix", "galactic NESTED"],
)
def test_the_same_sky_in_other_pixels(field, measure, measured, splined, tmp_path, write, options):
    write(tmp_path / "map.fits", splined, **options)
    estimates = measure(tmp_path / "map.fits", field.catalog_path, frequency_ghz=150.0, beam=1.0)
    difference = np.abs(ln_ratio(estimates, measured))
    assert difference.max() < 0.02
    assert np.median(difference) < 0.005
    assert np.abs(np.subtract(estimates.columns["sz_snr"], measured.columns["sz_snr"])).max() < 0.2


def test_coarse_pixels_are_told(field, measure, splined, tmp_path):
    healpix(tmp_path / "map.fits", splined, nside=4096)
    notes = " ".join(measure(tmp_path / "map.fits", field.catalog_path, frequency_ghz=150.0, beam=1.0).notes)
    assert "Pixels of 0.86' are coarse for a beam of 1'" in notes


@pytest.mark.parametrize("lost", ["map", "catalogue"])
def test_an_input_is_never_replaced(field, measure, tmp_path, lost):
    paths = {"map": tmp_path / "map.fits", "catalogue": tmp_path / "in.fits"}
    paths["map"].write_bytes(field.map_path.read_bytes())
    field.truth.write(paths["catalogue"])
    (tmp_path / "link.fits").symlink_to(paths[lost])
    before = {path: path.read_bytes() for path in paths.values()}
    for output in (paths[lost], tmp_path / "link.fits"):
        with pytest.raises(UsageError, match="is an input"):
            measure(paths["map"], paths["catalogue"], output, overwrite=True)
    assert {path: path.read_bytes() for path in paths.values()} == before


def test_redshifts_need_not_be_those_of_the_training_to_the_last_digit():
    """A model calibrated at one redshift, and z = 0.7 in single precision, or rounded."""
    limits = RedshiftLimits((0.7, 0.7), (0.7, 0.7), marginalises=False)
    given = np.array([0.7, np.float32(0.7), 0.69, 0.71, 0.65, 0.73, np.nan])
    redshift, flags, _ = redshifts_to_use(given, limits)
    assert redshift[[0, 1, 2, 3, 6]].tolist() == [0.7] * 5
    assert np.isnan(redshift[4:6]).all()
    both = Flag.REDSHIFT_OUTSIDE_TRAINING | Flag.REDSHIFT_OUTSIDE_CALIBRATION
    assert flags.tolist() == [0, 0, 0, 0, both, both, Flag.NO_REDSHIFT]


def test_an_infinite_redshift_is_beyond_every_model_s():
    limits = RedshiftLimits((0.1, 2.0), (0.1, 2.0), marginalises=True)
    redshift, flags, notes = redshifts_to_use(np.array([np.inf, 0.5]), limits)
    assert np.isnan(redshift).tolist() == [True, False] and not notes
    assert flags.tolist() == [Flag.REDSHIFT_OUTSIDE_TRAINING | Flag.REDSHIFT_OUTSIDE_CALIBRATION, 0]


def test_nearby_clusters_get_no_slack_to_speak_of():
    """At z = 0.1 two hundredths are a fifth of the angular size, and a tenth of the mass."""
    limits = RedshiftLimits((0.7, 0.7), (0.1, 2.0), marginalises=False)
    redshift, _, _ = redshifts_to_use(np.array([0.08, 0.097, 0.099]), limits)
    assert np.isnan(redshift).tolist() == [True, True, False]


def test_a_wrong_unit_is_seen_however_few_rows_are_on_the_map(field, measure, tmp_path):
    data, header = read_field(field)
    del header["BUNIT"], header["ORIGIN"]
    fits.writeto(tmp_path / "kelvin.fits", data * 1e-6, header)
    far = Table({"ra": np.linspace(200.0, 300.0, 1000), "dec": np.full(1000, 20.0)})
    far["ra"][5::100], far["dec"][5::100] = field.truth["ra"][:10], field.truth["dec"][:10]
    far.write(tmp_path / "in.csv")
    with pytest.raises(InputError, match=r"its fluctuations are .* µK"):
        measure(
            tmp_path / "kelvin.fits", tmp_path / "in.csv", tmp_path / "out.csv", frequency_ghz=150.0, beam=1.0
        )


# --- holes --------------------------------------------------------------------------------------------------


def with_holes(field, path, rows, hole):
    """The map with NaN around some clusters, where `hole(east, north)` [arcmin] says so."""
    data, header = read_field(field)
    y, x = np.indices(data.shape)
    ra, dec = (a.reshape(data.shape) for a in WCS(header).wcs_pix2world(x.ravel(), y.ravel(), 0))
    for cluster in field.truth[rows]:
        east = (ra - cluster["ra"]) * np.cos(np.radians(dec)) * 60
        data[hole(east, (dec - cluster["dec"]) * 60)] = np.nan
    fits.writeto(path, data, header)
    return path


def test_small_holes_are_inpainted(field, measure, measured, tmp_path):
    path = with_holes(field, tmp_path / "map.fits", slice(None), lambda e, n: np.hypot(e, n - 3.7) < 0.6)
    assert np.isnan(fits.getdata(path)).sum() > 24 * 4
    estimates = measure(path, field.catalog_path)
    assert not np.any(np.asarray(estimates.columns["szmass_flags"]) & NO_MASS)
    change = np.abs(np.subtract(estimates.columns["M200c"], measured.columns["M200c"]))
    assert np.all(change > 0)
    assert np.median(np.abs(ln_ratio(estimates, measured))) < 0.03
    assert np.all(change < np.asarray(measured.columns["M200c_err_minus"]))


def test_a_hole_where_the_cluster_was_is_no_edge_of_the_map(field, measure, tmp_path):
    path = with_holes(field, tmp_path / "map.fits", slice(None), lambda e, n: np.hypot(e, n) < 2.5)
    flags = np.asarray(measure(path, field.catalog_path).columns["szmass_flags"])
    assert set(flags.tolist()) == {int(Flag.MASKED | Flag.NONFINITE)}


def test_filled_holes_are_told(field, measure, measured, tmp_path):
    path = with_holes(field, tmp_path / "map.fits", [3, 8], lambda e, n: np.hypot(e, n - 3.7) < 0.6)
    flags = np.asarray(measure(path, field.catalog_path).columns["szmass_flags"])
    assert np.flatnonzero(flags & Flag.INPAINTED).tolist() == [3, 8]


def test_a_hole_in_the_core_leaves_no_mass(field, measure, measured, tmp_path):
    holed = np.arange(24) % 2 == 0
    path = with_holes(field, tmp_path / "map.fits", holed, lambda e, n: np.hypot(e, n - 1.0) < 0.6)
    estimates = measure(path, field.catalog_path)
    np.testing.assert_array_equal(np.isnan(estimates.columns["M200c"]), holed)
    assert np.all(np.asarray(estimates.columns["szmass_flags"])[holed] & Flag.MASKED)
    assert np.abs(ln_ratio(estimates, measured)[~holed]).max() < 1e-6


def test_a_cutout_that_is_mostly_empty_leaves_no_mass(field, measure, tmp_path):
    path = with_holes(field, tmp_path / "map.fits", [0], lambda e, n: np.abs(np.hypot(e, n) - 5.5) < 2.5)
    estimates = measure(path, field.catalog_path)
    np.testing.assert_array_equal(np.isnan(estimates.columns["M200c"]), np.arange(24) == 0)
    np.testing.assert_array_equal(np.isnan(estimates.columns["sz_snr"]), np.arange(24) == 0)
    assert Flag.MASKED in Flag(int(estimates.columns["szmass_flags"][0]))


def test_a_map_of_another_unit_is_refused_before_the_network_is_asked(field, measure, tmp_path):
    data, header = read_field(field)
    del header["BUNIT"]
    fits.writeto(tmp_path / "map.fits", data * 1e-6, header)
    with pytest.raises(InputError, match="µK") as caught:
        measure(tmp_path / "map.fits", field.catalog_path, tmp_path / "out.fits")
    assert "map.fits" in caught.value.message and "--units" in caught.value.hint
    assert not (tmp_path / "out.fits").exists()
    # with the right unit it is accepted, as the message says
    assert np.isfinite(measure(tmp_path / "map.fits", field.catalog_path, units="K").columns["M200c"]).all()


def test_the_robust_rms_ignores_bad_pixels():
    images = np.random.default_rng(1).normal(0, 50, (3, 40, 40))
    bad = np.zeros(images.shape, bool)
    bad[0] = True
    cutouts = Cutouts(np.where(bad, 1e6, images), bad, *np.zeros((3, 3), bool))
    assert robust_rms(cutouts.images[~cutouts.bad]) == pytest.approx(50, rel=0.05)


# --- the real sky -------------------------------------------------------------------------------------------


def test_real_map_and_catalogue(shared_data_folder, szmass_here, tmp_path):
    sky, clusters = shared_data_folder / "spt_compton_y.fits", shared_data_folder / "spt_sz_2500d.fits"
    said = ("--freq", "150", "--beam", "1.25", "--units", "y")
    outcome = szmass_here("estimate", sky, clusters, *said, "-o", "real.fits", cwd=tmp_path)
    assert outcome.code == 0 and outcome.out == ""
    given, out = read_whole(clusters), read_whole(tmp_path / "real.fits")
    assert len(out) == 677
    for name in given.colnames:
        np.testing.assert_array_equal(np.asarray(out[name]), np.asarray(given[name]))
    flags, mass = np.asarray(out["szmass_flags"]), np.asarray(out["M200c"])
    on_map = (flags & Flag.OFF_MAP) == 0
    assert 24 <= on_map.sum() < 100
    assert np.all(np.isnan(mass[~on_map])) and np.all(flags[np.isnan(mass)] & NO_MASS)
    known = np.isfinite(mass) & (np.asarray(out["M500"]) > 0)
    assert known.sum() >= 10
    assert spearmanr(mass[known], out["M500"][known]).statistic > 0.3


def test_a_real_map_that_is_too_coarse(shared_data_folder, szmass_fork, tmp_path):
    sky, clusters = shared_data_folder / "wmap_W_v4_nside32.fits", shared_data_folder / "spt_sz_2500d.fits"
    said = ("--freq", "94", "--beam", "1")
    outcome = szmass_fork("estimate", sky, clusters, *said, "-o", "real.fits", cwd=tmp_path)
    assert outcome.code == 2
    assert outcome.err.count("╭") == 1 and "coarser than the 1' beam" in " ".join(
        outcome.err.replace("│", " ").split()
    )
    assert not list(tmp_path.iterdir())
