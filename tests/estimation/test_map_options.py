"""What is said of a map with --freq, --beam, --transfer, --noise and so on is taken into account."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import width_arcmin
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.maps.instrument import StatedInstrument, header_frequency_ghz
from szmass_cli.maps.mapfrequency import StatedBand
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


# --- band ---------------------------------------------------------------------------------------------------


def with_header(field, path, **cards):
    """The field's map as another survey writes it: nothing of szmass in the header, but these cards."""
    data, header = read_field(field)
    for card in ("ORIGIN", "FREQ", "BEAM"):
        del header[card]
    header.update(cards)
    fits.writeto(path, data, header)
    return path


def test_a_map_that_states_no_frequency_is_refused(field, measure, tmp_path):
    path = with_header(field, tmp_path / "map.fits")
    with pytest.raises(InputError, match=r"map\.fits: neither .* at which frequency") as caught:
        measure(path, field.catalog_path, tmp_path / "out.fits", beam=1.0)
    assert "--freq 150" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["map.fits"]


def test_a_band_s_name_in_the_header_is_its_effective_frequency(field, measure, tmp_path):
    """The same pixels read as 97.8 GHz hold a smaller mass: there the SZ effect is 1.6 times larger."""
    path = with_header(field, tmp_path / "map.fits", FREQ="f090")
    estimates = measure(path, field.catalog_path, beam=1.0)
    assert estimates.meta["SZM_FREQ"] == 97.8
    assert "The band of map.fits is 97.8 GHz by its header (FREQ = 'f090')." in estimates.notes
    same = measure(
        with_header(field, tmp_path / "bare.fits"), field.catalog_path, beam=1.0, frequency_ghz=97.8
    )
    np.testing.assert_array_equal(estimates.columns["M200c"], same.columns["M200c"])


# the default model expects dust, too, which is brighter there and fills more of the decrement
@pytest.mark.parametrize(("model", "within"), [("gaussian", 0.006), (DEFAULT_MODEL, 0.01)])
def test_the_frequency_counts(field, measure, model, within):
    stated, as_it_is = (
        measure(field.map_path, field.catalog_path, model=model, frequency_ghz=ghz) for ghz in (152.9, None)
    )
    bright = np.asarray(as_it_is.columns["sz_snr"]) > 8
    # f(152.9 GHz) / f(150 GHz) = 0.961, and Y goes as M^1.79: masses grow by about 2.2 per cent
    assert np.median(change(stated, as_it_is)[bright]) == pytest.approx(0.022, abs=within)
    estimates = stated
    assert "is taken to be at 152.9 GHz, as given; its header says 150 GHz" in " ".join(estimates.notes)


def test_a_header_that_contradicts_the_option_is_refused(field, measure, tmp_path):
    with pytest.raises(InputError, match=r"its header says FREQ.*150 GHz; it is given as 220 GHz"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", frequency_ghz=220.0)


@pytest.mark.parametrize(
    ("card", "text", "ghz"),
    [
        ("FREQ", "f150", 149.6),
        ("FREQ", "150GHz", 150.0),
        ("FREQ", "150.0", 150.0),
        ("RESTFRQ", "1.48e+11 Hz", 148.0),
        ("CRVAL3", "95000000000.0 Hz", 95.0),
        ("FREQ", "95000 MHz", 95.0),
        ("FREQ", "1.5e11", 150.0),
        ("BAND", "SPT-3G 95", 95.7),
    ],
)
def test_words_for_a_band_in_headers(tmp_path, card, text, ghz):
    stated = StatedInstrument(band=StatedBand(card, text))
    assert header_frequency_ghz(stated, tmp_path) == pytest.approx(ghz)


def test_words_that_name_no_band_are_refused(tmp_path):
    stated = StatedInstrument(band=StatedBand("CHANNEL", "LB"))
    with pytest.raises(InputError, match="CHANNEL = 'LB' in its header does not name one frequency"):
        header_frequency_ghz(stated, tmp_path)
    assert header_frequency_ghz(stated, tmp_path, needed=False) is None


def test_a_passband_is_used(field, measure, measured, tmp_path):
    """A narrow one about 152.9 GHz is as good as that frequency; a file that is none is refused."""
    frequency = np.linspace(152.4, 153.4, 21)
    np.savetxt(tmp_path / "band.txt", np.transpose([frequency, np.ones(21)]))
    header = {"frequency_ghz": 152.9}
    narrow = measure(field.map_path, field.catalog_path, passband=tmp_path / "band.txt", **header)
    single = measure(field.map_path, field.catalog_path, **header)
    assert np.abs(change(narrow, single)).max() < 1e-3
    assert narrow.meta["SZM_BAND"] == "band.txt"
    (tmp_path / "none.txt").write_text("a b\n")
    with pytest.raises(InputError, match=r"none\.txt"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", passband=tmp_path / "none.txt")


def test_a_passband_of_another_band_is_refused(field, measure, tmp_path):
    """The map's header says 150 GHz; at 98 GHz the SZ effect is 1.6 times larger: masses would be wrong."""
    np.savetxt(tmp_path / "f090.txt", np.transpose([np.linspace(88.0, 108.0, 21), np.ones(21)]))
    with pytest.raises(
        InputError, match=r"f090\.txt: its SZ effect is that of 9\d\.\d+ GHz, and .* at 150 GHz"
    ):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", passband=tmp_path / "f090.txt")


# --- beam ---------------------------------------------------------------------------------------------------


def test_a_map_whose_beam_is_not_known_is_refused(field, measure, tmp_path):
    path = with_header(field, tmp_path / "map.fits", FREQ="150GHz")
    with pytest.raises(InputError, match=r"map\.fits: its beam is not known") as caught:
        measure(path, field.catalog_path, tmp_path / "out.fits")
    assert "--beam" in caught.value.hint


def test_a_beam_is_used_as_it_is(field, measure, measured):
    """A map said to be blunter than it is seems to hold heavier clusters, and less noise behind the beam."""
    alike = {"sz_scatter": 0.0, "concentration_scatter": 0.0}  # or concentrations take up what beams do not
    blunter, right = (measure(field.map_path, field.catalog_path, beam=beam, **alike) for beam in (1.3, 1.0))
    bright = np.asarray(measured.columns["sz_snr"]) > 8
    assert np.median(change(blunter, right)[bright]) > 0.02
    assert not np.any(flags_of(blunter) & Flag.BEAM_MISMATCH)
    assert blunter.meta["SZM_BEAM"] == 1.3 and blunter.meta["SZM_BMSR"] == "option"


def test_a_beam_from_a_file_is_that_beam(field, measure, tmp_path):
    ell = np.arange(0, 30_001, 10)
    np.savetxt(tmp_path / "beam.txt", np.transpose([ell, Beam(0.9).b_ell(ell)]))
    table = measure(field.map_path, field.catalog_path, beam=str(tmp_path / "beam.txt"))
    number = measure(field.map_path, field.catalog_path, beam=0.9)
    assert table.meta["SZM_BEAM"] == pytest.approx(0.9, rel=1e-3) and table.meta["SZM_BMSR"] == "option"
    assert table.meta["SZM_BMFL"] == "beam.txt"
    assert np.abs(change(table, number)).max() < 1e-2
    assert np.isfinite(change(table, number)).all()


@pytest.mark.parametrize("beam", [5.2, 10.0])
def test_a_beam_that_fills_the_cutout_is_refused(field, measure, tmp_path, beam):
    with pytest.raises(InputError, match=rf"behind its beam of {beam:g}' a cluster fills the whole cutout"):
        measure(field.map_path, field.catalog_path, tmp_path / "out.fits", beam=beam)
    assert not list(tmp_path.iterdir())


def test_pixels_that_are_means_are_told_by_an_option(field, measure, measured, tmp_path):
    """The field's sky, averaged over its pixels in Fourier space, with the option and without."""
    data, header = read_field(field)
    rows, columns = np.fft.fftfreq(data.shape[0])[:, None], np.fft.rfftfreq(data.shape[1])[None, :]
    window = np.sinc(rows) * np.sinc(columns)
    averaged = np.fft.irfft2(np.fft.rfft2(data) * window, s=data.shape)
    fits.writeto(tmp_path / "map.fits", averaged, header)
    told = measure(tmp_path / "map.fits", field.catalog_path, pixel_window=True)
    untold = measure(tmp_path / "map.fits", field.catalog_path)
    assert abs(np.mean(change(told, measured))) < 0.006
    assert np.all(change(told, untold) != 0.0)
    assert told.meta["SZM_PIXW"] is True and untold.meta["SZM_PIXW"] is False


def test_what_a_filter_took_is_told_by_an_option(field, measure, measured, tmp_path):
    """|ell_x| < 500 taken out in Fourier space: with the option masses are right again."""
    data, header = read_field(field)
    rows, columns = np.fft.fftfreq(data.shape[0])[:, None], np.fft.rfftfreq(data.shape[1])[None, :]
    per_pixel = 2.0 * np.pi / np.radians(PIXEL_ARCMIN / 60)
    ell_x = columns * per_pixel / np.cos(np.radians(30.0)) + 0 * rows
    filtered = np.fft.irfft2(np.fft.rfft2(data) * (np.abs(ell_x) >= 500), s=data.shape)
    fits.writeto(tmp_path / "map.fits", filtered, header)
    edges = np.array([-30_000.0, -500.001, -500.0, 500.0, 500.001, 30_000.0])
    passed = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    np.savez(tmp_path / "tf.npz", ell_x=edges, ell_y=edges[[0, -1]], tf=np.stack([passed, passed]))
    told = measure(tmp_path / "map.fits", field.catalog_path, transfer=tmp_path / "tf.npz")
    untold = measure(tmp_path / "map.fits", field.catalog_path)
    bright = np.asarray(measured.columns["sz_snr"]) > 8
    told_change, untold_change = (np.median(change(one, measured)[bright]) for one in (told, untold))
    assert abs(told_change) < 0.02 and untold_change < -0.03
    assert told.meta["SZM_TRAN"] == "tf.npz"


# --- noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [2.5, 10.0])
def test_a_noise_that_is_not_the_map_s_is_seen(field, measure, noise):
    estimates = measure(field.map_path, field.catalog_path, noise=noise)
    assert np.all(flags_of(estimates) & Flag.UNCALIBRATED_MAP)
    assert f"The noise that was stated is not that of the map: {noise:g} µK-arcmin" in " ".join(
        estimates.notes
    )


# a single row of a realistic sky may have twice the noise by its sources: there the run alone tells
@pytest.mark.parametrize(("model", "noise"), [("gaussian", 2.5), ("gaussian", 10.0), (DEFAULT_MODEL, 10.0)])
def test_a_noise_that_is_not_the_map_s_is_seen_row_by_row(field, measure, model, noise):
    estimates = measure(field.map_path, field.catalog_path, model=model, noise=noise)
    assert np.mean((flags_of(estimates) & Flag.NOISE_MISMATCH) != 0) > 0.7


def test_a_noise_that_nobody_states_is_measured(field, measure, measured):
    estimates = measure(field.map_path, field.catalog_path, noise=None)
    assert estimates.meta["SZM_NOSR"] == "measured"
    assert 4.5 < float(str(estimates.meta["SZM_NOIS"]).split(",")[0]) < 5.5
    assert "was measured in" in " ".join(estimates.notes)
    assert np.abs(change(estimates, measured)).max() < 0.05


def test_noise_above_the_white_part_is_used(field, measure, measured, tmp_path):
    """A knee that is not in the map: masses are less certain, and the map fluctuates too little for it."""
    ell = np.arange(50.0, 30_000.0, 50.0)
    power = (5.0 * np.pi / 10_800) ** 2 * (1.0 + (ell / 6000.0) ** -3.5)
    np.savetxt(tmp_path / "noise.txt", np.transpose([ell, power]))
    table = measure(field.map_path, field.catalog_path, noise=str(tmp_path / "noise.txt"))
    knee = measure(field.map_path, field.catalog_path, noise="5,6000,-3.5")

    def width(found):
        return np.log(np.asarray(found.columns["M200c_p84"]) / np.asarray(found.columns["M200c_p16"]))

    assert np.median(width(knee) / width(measured)) > 1.04
    assert np.abs(change(table, knee)).max() < 0.02
    assert knee.meta["SZM_NOIS"] == "5,6000,-3.5"


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
    fifteen = measure(field.map_path, field.catalog_path, noise=15.0)
    for name in ("M200c", "M200c_p16", "M200c_p84"):  # noise is put on steps of five per cent
        np.testing.assert_allclose(estimates.columns[name][0], fifteen.columns[name][0], rtol=0.02)
    assert flags[1] & Flag.MASKED and np.isnan(estimates.columns["M200c"][1])
    np.testing.assert_array_equal(flags[2:], before[2:])
    assert estimates.meta["SZM_NOSR"] == "measured"
    weights = Weights.open(None, tmp_path / "ivar.fits")
    noise = weights.noise_per_arcmin(np.asarray(field.truth["ra"]), np.asarray(field.truth["dec"]))
    np.testing.assert_allclose(noise[[0, 5]], [15.0, 5.0], rtol=0.01)
    written = estimates.columns["noise_uk_arcmin"]
    np.testing.assert_allclose(written[[0, 5]], noise[[0, 5]], rtol=1e-3)
    assert np.isnan(written[1]) and np.all(fifteen.columns["noise_uk_arcmin"] == 15.0)


@pytest.mark.parametrize("noise", [0.0, -1.0, "a lot", "5,3000,2", "1,2,3,4"])
def test_what_is_no_noise_is_refused(tmp_path, noise):
    with pytest.raises(UsageError, match="--noise"):
        MapRequest(tmp_path / "map.fits", noise=noise)


# --- sky and clusters ---------------------------------------------------------------------------------------


def test_uncertain_positions_make_masses_less_certain(field, measure, measured, tmp_path):
    """By an option, or row by row by a column, in its own unit."""
    stated = measure(field.map_path, field.catalog_path, position_error_arcmin=0.3)
    assert np.all(change(stated, measured) != 0.0) and np.abs(change(stated, measured)).max() < 0.1
    assert "Positions are uncertain by 0.3' along each axis, as stated." in stated.notes
    table = field.truth.copy()
    table["pos_err"] = np.where(np.arange(24) % 2, 18.0, 0.0)
    table["pos_err"].unit = "arcsec"
    table.write(tmp_path / "in.ecsv")
    by_row = measure(field.map_path, tmp_path / "in.ecsv")
    np.testing.assert_allclose(by_row.columns["M200c"][1::2], stated.columns["M200c"][1::2], rtol=1e-6)
    np.testing.assert_allclose(by_row.columns["M200c"][::2], measured.columns["M200c"][::2], rtol=1e-6)
    assert "12 of 24 rows have a position error (pos_err)" in " ".join(by_row.notes)


def test_what_is_said_of_clusters_counts(field, measure, measured):
    """The gas of heavy clusters is hot, which makes them fainter at 150 GHz: without, they seem lighter."""
    bright = np.asarray(measured.columns["sz_snr"]) > 12
    cold = measure(field.map_path, field.catalog_path, relativistic=False)
    assert -0.06 < np.median(change(cold, measured)[bright]) < -0.01

    def width(found):
        return np.log(np.asarray(found.columns["M200c_p84"]) / np.asarray(found.columns["M200c_p16"]))[bright]

    alike = measure(field.map_path, field.catalog_path, sz_scatter=0.0, concentration_scatter=0.0)
    assert np.median(width(alike) / width(measured)) < 0.7
    assert (alike.meta["SZM_SCAT"], alike.meta["SZM_CSCA"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ({"noise_correlation": 1.5}, "--noise-correlation 1.5"),
        ({"position_error_arcmin": 2.0}, "--position-error 2"),
        ({"sz_scatter": -0.1}, "--sz-scatter -0.1"),
        ({"concentration_scatter": np.nan}, "--concentration-scatter nan"),
    ],
)
def test_what_cannot_be_said_of_the_sky_is_refused(said, option):
    with pytest.raises(UsageError, match=option):
        SkyRequest(**said)


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


# --- what the model's sky does not have --------------------------------------------------------------------


@pytest.fixture
def by_sources(field, tmp_path):
    """A function from brightness [µK] to a map that has a source 3.2' from each of the first eight rows."""
    data, header = read_field(field)
    column, row = WCS(header).wcs_world2pix(field.truth["ra"][:8], field.truth["dec"][:8], 0)
    sources = np.zeros(data.shape)
    sources[np.round(row).astype(int) + 5, np.round(column).astype(int) - 4] = 1.0
    sigma = 1.0 / FWHM_PER_SIGMA / PIXEL_ARCMIN
    sources = gaussian_filter(sources, sigma)

    def by_sources(brightness_uk):
        path = tmp_path / "map.fits"
        fits.writeto(path, data + brightness_uk * sources / sources.max(), header)
        return path

    return by_sources


# the default model sums over galaxies of up to 10 mJy, and 300 µK are 11: it takes more until it wonders
@pytest.mark.parametrize(("model", "brightness_uk"), [("gaussian", 300.0), (DEFAULT_MODEL, 600.0)])
def test_a_bright_source_is_flagged(field, measure, by_sources, model, brightness_uk):
    with_source, without = (
        measure(path, field.catalog_path, model=model) for path in (by_sources(brightness_uk), field.map_path)
    )
    unlike = (flags_of(with_source) & Flag.UNLIKE_TRAINING) != 0
    np.testing.assert_array_equal(unlike, np.arange(24) < 8)
    assert not np.any(flags_of(without) & Flag.UNLIKE_TRAINING)


def test_a_source_that_is_not_flagged_moves_no_mass_by_its_error(field, measure, measured, by_sources):
    """The default model sums over it; that of a Gaussian sky is off by its error, and flags it."""
    estimates = measure(by_sources(300.0), field.catalog_path)
    up = np.asarray(measured.columns["M200c_err_plus"]) / np.asarray(measured.columns["M200c"])
    assert np.all(np.abs(change(estimates, measured)) < 0.7 * up)


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
