"""What is said of a map with --beam, --pixel-window, --noise, --ivar and --mask is taken into account."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError
from szmass_cli.estimation.mapbeam import width_arcmin
from szmass_cli.maps.weights import Weights
from szmass_cli.physics.beams import FWHM_PER_SIGMA, Beam, read_beam

PIXEL_ARCMIN = 0.5


def read_field(field):
    with fits.open(field.map_path) as hdus:
        return hdus[0].data.astype(float), hdus[0].header.copy()


def flags_of(estimates):
    return np.asarray(estimates.columns["szmass_flags"])


def change(estimates, reference):
    return np.log(np.asarray(estimates.columns["M200c"]) / np.asarray(reference.columns["M200c"]))


def with_values(field, path, spoil, dtype="f4"):
    """A map on the field's pixels: `spoil(east, north)` [arcmin from each cluster] of the first clusters."""
    data, header = read_field(field)
    values = np.ones(data.shape, dtype)
    y, x = np.indices(data.shape)
    ra, dec = (a.reshape(data.shape) for a in WCS(header).wcs_pix2world(x.ravel(), y.ravel(), 0))
    for row in range(6):
        east = (ra - field.truth["ra"][row]) * np.cos(np.radians(dec)) * 60
        values[spoil(row, east, (dec - field.truth["dec"][row]) * 60)] = 0
    del header["BUNIT"], header["ORIGIN"]
    fits.writeto(path, values, header)
    return path


# --- beam ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sharper(field, tmp_path_factory):
    """Clusters as in the shared field behind a beam of 0.75', little noise; and that map smoothed to 1'."""
    from szmass_cli.config import FieldConfig, SurveyConfig
    from szmass_cli.simulation.field import simulate_survey_field

    folder = tmp_path_factory.mktemp("sharper")
    size = {"center_ra_deg": 40.0, "center_dec_deg": -30.0, "width_deg": 3.0, "height_deg": 2.0}
    sky = {"beam_fwhm_arcmin": 0.75, "noise_uk_arcmin": 0.5}
    survey = SurveyConfig(field=FieldConfig(**size, pixel_arcmin=0.25), sky=sky)
    columns = {"m200c": "M200c_true"}
    simulate_survey_field(survey, folder / "sharp.fits", seed=11, catalog=field.catalog_path, columns=columns)
    with fits.open(folder / "sharp.fits") as hdus:
        data, header = hdus[0].data.astype(float), hdus[0].header.copy()
    sigma = np.sqrt(1.0 - 0.75**2) / FWHM_PER_SIGMA / 0.25
    smooth = gaussian_filter(data, (sigma, sigma / np.cos(np.radians(30.0))))
    header["BEAM"] = 1.0
    fits.writeto(folder / "smooth.fits", smooth.astype("f4"), header)
    return folder / "sharp.fits", folder / "smooth.fits"


def test_a_sharper_map_is_smoothed_to_the_model(sharper, field, measure):
    sharp, trained = (measure(path, field.catalog_path) for path in sharper)
    assert sharp.meta["SZM_BEAM"] == pytest.approx(0.75) and "smoothed to the model's 1'" in " ".join(
        sharp.notes
    )
    assert np.abs(change(sharp, trained)).max() < 0.05
    assert abs(np.median(change(sharp, trained))) < 0.01
    untold = measure(sharper[0], field.catalog_path, beam=1.0)
    assert np.median(change(untold, trained)) > 0.05  # what it would be otherwise
    assert not np.any(flags_of(sharp) & Flag.BEAM_MISMATCH)


def test_a_beam_from_a_file_is_that_beam(field, measure, tmp_path):
    ell = np.arange(0, 30_001, 10)
    np.savetxt(tmp_path / "beam.txt", np.transpose([ell, Beam(0.8).b_ell(ell)]))
    table = measure(field.map_path, field.catalog_path, beam=str(tmp_path / "beam.txt"))
    number = measure(field.map_path, field.catalog_path, beam=0.8)
    assert table.meta["SZM_BEAM"] == pytest.approx(0.8, rel=1e-3) and table.meta["SZM_BMSR"] == "option"
    assert np.abs(change(table, number)).max() < 1e-3
    assert np.isfinite(change(table, number)).all()


def test_a_somewhat_wider_beam_is_sharpened_and_flagged(field, measure, measured):
    estimates = measure(field.map_path, field.catalog_path, beam=1.06)
    assert np.all(flags_of(estimates) & Flag.BEAM_MISMATCH)
    assert not np.any(flags_of(measured) & Flag.BEAM_MISMATCH)
    assert 0.0 < np.median(change(estimates, measured)) < 0.1


@pytest.mark.parametrize("beam", [1.11, 2.0])
def test_a_wider_beam_is_refused(field, measure, tmp_path, beam):
    with pytest.raises(InputError, match=rf"--beam: the map's beam of {beam:g}' is wider than the 1' that"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", beam=beam)
    assert not list(tmp_path.iterdir())


def test_a_real_beam_that_is_too_wide_is_refused(shared_data_folder, field, measure, tmp_path):
    profile = str(shared_data_folder / "beam_act148_profile.txt")
    with pytest.raises(InputError, match=r"beam of 1\.\d+' is wider"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", beam=profile)


def test_pixels_that_are_means_are_told_by_an_option(field, measure, measured, tmp_path):
    """The field's sky, averaged over its pixels in Fourier space, with the option and without."""
    data, header = read_field(field)
    rows, columns = np.fft.fftfreq(data.shape[0])[:, None], np.fft.rfftfreq(data.shape[1])[None, :]
    window = np.sinc(rows) * np.sinc(columns)
    averaged = np.fft.irfft2(np.fft.rfft2(data) * window, s=data.shape)
    fits.writeto(tmp_path / "map.fits", averaged, header)
    told = measure(tmp_path / "map.fits", field.catalog_path, pixel_window=True)
    untold = measure(tmp_path / "map.fits", field.catalog_path)
    assert abs(np.mean(change(told, measured))) < 0.003 < abs(np.mean(change(untold, measured)))
    assert told.meta["SZM_PIXW"] is True and untold.meta["SZM_PIXW"] is False


# --- noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "flagged"), [(5.0, False), (6.0, False), (3.0, True), (10.0, True)])
def test_a_stated_noise_is_compared(field, measure, measured, noise, flagged):
    estimates = measure(field.map_path, field.catalog_path, noise_uk_arcmin=noise)
    before = (flags_of(measured) & Flag.NOISE_MISMATCH) != 0
    np.testing.assert_array_equal((flags_of(estimates) & Flag.NOISE_MISMATCH) != 0, before | flagged)
    np.testing.assert_array_equal(change(estimates, measured), 0.0)


def test_inverse_variance_gives_the_noise_of_each_row_and_a_mask(field, measure, measured, tmp_path):
    """Depth 5 µK-arcmin but around the first cluster, where it is 15; nothing around the second."""
    data, header = read_field(field)
    column, row = WCS(header).wcs_world2pix(field.truth["ra"], field.truth["dec"], 0)
    y, x = np.indices(data.shape)
    dec = WCS(header).wcs_pix2world(np.zeros(len(data)), np.arange(len(data)), 0)[1]
    area = PIXEL_ARCMIN**2 * np.cos(np.radians(dec))[:, None]
    ivar = np.broadcast_to(area / 5.0**2, data.shape).copy()
    ivar[np.hypot(x - column[0], y - row[0]) < 20] /= 9
    ivar[np.hypot(x - column[1], y - row[1]) < 3] = 0
    del header["BUNIT"], header["ORIGIN"]
    fits.writeto(tmp_path / "ivar.fits", ivar.astype("f4"), header)
    estimates = measure(field.map_path, field.catalog_path, ivar=tmp_path / "ivar.fits")
    flags, before = flags_of(estimates), flags_of(measured)
    assert flags[0] & Flag.NOISE_MISMATCH
    assert flags[1] & Flag.MASKED and np.isnan(estimates.columns["M200c"][1])
    np.testing.assert_array_equal(flags[2:], before[2:])
    weights = Weights.open(None, tmp_path / "ivar.fits")
    noise = weights.noise_per_arcmin(np.asarray(field.truth["ra"]), np.asarray(field.truth["dec"]))
    np.testing.assert_allclose(noise[[0, 5]], [15.0, 5.0], rtol=0.01)


# --- masks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_mask_is_what_holes_are(field, measure, measured, tmp_path, dtype):
    def spoil(row, east, north):
        distance = np.hypot(east, north - 3.7) if row < 3 else np.hypot(east, north)
        return distance < (0.7 if row < 3 else 1.0)

    mask = with_values(field, tmp_path / "mask.fits", spoil, dtype)
    data, header = read_field(field)
    data[fits.getdata(mask) == 0] = 1e4  # what is masked must not matter
    fits.writeto(tmp_path / "map.fits", data, header)
    estimates = measure(tmp_path / "map.fits", field.catalog_path, mask=mask)
    flags, fraction = flags_of(estimates), np.asarray(estimates.columns["sz_masked_fraction"])
    assert np.all(flags[:3] & Flag.INPAINTED) and np.all(flags[3:6] & Flag.MASKED)
    assert np.isnan(estimates.columns["M200c"][3:6]).all()
    assert np.all((fraction[:6] > 0.005) & (fraction[:6] < 0.1)) and np.all(fraction[6:] == 0)
    assert np.abs(change(estimates, measured)[6:]).max() < 1e-6
    assert estimates.meta["SZM_MASK"] == "mask.fits"


def test_a_mask_that_is_no_map_is_refused(field, measure, tmp_path):
    (tmp_path / "mask.fits").write_text("nothing")
    with pytest.raises(InputError, match=r"mask\.fits"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", mask=tmp_path / "mask.fits")


# --- what the network never saw -----------------------------------------------------------------------------


def test_a_bright_source_is_flagged(field, measure, measured, tmp_path):
    data, header = read_field(field)
    column, row = WCS(header).wcs_world2pix(field.truth["ra"][:8], field.truth["dec"][:8], 0)
    sources = np.zeros(data.shape)
    sources[np.round(row).astype(int) + 5, np.round(column).astype(int) - 4] = 1.0
    sigma = 1.0 / FWHM_PER_SIGMA / PIXEL_ARCMIN
    sources = gaussian_filter(sources, sigma)
    fits.writeto(tmp_path / "map.fits", data + 300.0 * sources / sources.max(), header)
    estimates = measure(tmp_path / "map.fits", field.catalog_path)
    unlike = (flags_of(estimates) & Flag.UNLIKE_TRAINING) != 0
    np.testing.assert_array_equal(unlike, np.arange(24) < 8)
    assert not np.any(flags_of(measured) & Flag.UNLIKE_TRAINING)


# --- rubbish ------------------------------------------------------------------------------------------------

RUBBISH = {
    "nan,-30,0.7": Flag.BAD_COORDINATES,
    ",,": Flag.BAD_COORDINATES | Flag.NO_REDSHIFT,
    "40,95,0.7": Flag.BAD_COORDINATES,
    "1e30,-30,0.7": Flag.BAD_COORDINATES,
    "40,-inf,0.7": Flag.BAD_COORDINATES,
    "40,-30,99": Flag.REDSHIFT_OUTSIDE_CALIBRATION,
    "40,-30,inf": Flag.REDSHIFT_OUTSIDE_CALIBRATION,
    "220,30,0.7": Flag.OFF_MAP,
}


def test_rubbish_in_one_row_of_twenty_changes_no_other(field, measure, tmp_path):
    rng = np.random.default_rng(4)
    some = rng.integers(0, 24, 400)
    ra = np.asarray(field.truth["ra"])[some] + rng.normal(0.0, 0.02, 400)
    good = [f"{a},{d},0.7" for a, d in zip(ra, np.asarray(field.truth["dec"])[some], strict=True)]
    spoilt, wrong = list(good), np.sort(rng.choice(400, 20, replace=False))
    for number, row in enumerate(wrong):
        spoilt[row] = list(RUBBISH)[number % len(RUBBISH)]
    for name, rows in (("good", good), ("spoilt", spoilt)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["ra,dec,z", *rows]) + "\n")
    clean = measure(field.map_path, tmp_path / "good.csv")
    estimates = measure(field.map_path, tmp_path / "spoilt.csv", tmp_path / "out.csv")
    others = np.setdiff1d(np.arange(400), wrong)
    for name in clean.columns.colnames:
        values = [np.asarray(e.columns[name])[others] for e in (estimates, clean)]
        np.testing.assert_allclose(*values, rtol=1e-5)
    assert np.isnan(np.asarray(estimates.columns["M200c"])[wrong]).all()
    for number, row in enumerate(wrong):
        expected = list(RUBBISH.values())[number % len(RUBBISH)]
        assert Flag(int(flags_of(estimates)[row])) & expected == expected, spoilt[row]
    out = Table.read(tmp_path / "out.csv", format="ascii.csv")
    assert len(out) == 400
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert [",".join(line.split(",")[:3]) for line in lines] == spoilt


def test_the_width_of_a_beam_is_that_of_its_core(tmp_path):
    for fwhm in (0.3, 1.0, 5.0):
        assert width_arcmin(Beam(fwhm)) == pytest.approx(fwhm, rel=1e-5)
    ell = np.arange(0, 30_001, 10)
    np.savetxt(tmp_path / "beam.txt", np.transpose([ell, Beam(1.0).b_ell(ell)]))
    assert width_arcmin(read_beam(tmp_path / "beam.txt")) == pytest.approx(1.0, rel=1e-3)
