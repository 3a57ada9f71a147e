"""Maps of several bands, each with its own pixels, frame, unit and holes, are measured together."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import szmass_cli
from szmass_cli.catalog import Flag
from szmass_cli.cli.mapoptions import input_files, per_map
from szmass_cli.config import parse_config
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.request import map_requests
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.maps.cutouts import extract_cutouts
from szmass_cli.maps.reader import open_map
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.simulation.field import simulate_survey_field

SURVEY = """
sky:
  bands:
    - {frequency_ghz: 95, beam_fwhm_arcmin: 1.8, noise_uk_arcmin: 4}
    - {frequency_ghz: 150, beam_fwhm_arcmin: 1.4, noise_uk_arcmin: 4}
clusters: {masses: {kind: log_uniform, min_m200c_msun: 3.0e+14, max_m200c_msun: 1.0e+15}}
field: {center_ra_deg: 10, center_dec_deg: -40, width_deg: 2.5, height_deg: 2, pixel_arcmin: 0.5, nside: 8192}
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Two bands of a field in CAR, and the same sky in HEALPix."""
    folder = tmp_path_factory.mktemp("two")
    config = parse_config(SURVEY, "survey.yaml")
    simulate_survey_field(config, folder / "car.fits", seed=5, n_clusters=12)
    pixels = {"pixelisation": "healpix", "order": "nested", "frame": "galactic"}
    healpix = config.model_copy(update={"field": config.field.model_copy(update=pixels)})
    simulate_survey_field(healpix, folder / "healpix.fits", seed=5, catalog=folder / "car_truth.csv")
    return folder


def maps(survey, low="car", high="car"):
    return {95: survey / f"{low}_95.fits", 150: survey / f"{high}_150.fits"}


@pytest.fixture(scope="module")
def estimate(survey, measure):
    """A function from maps and options to the columns."""

    def estimate(given, **options):
        return measure(given, survey / "car_truth.csv", **{"noise": 4.0, **options})

    return estimate


@pytest.fixture(scope="module")
def both(survey, estimate):
    return estimate(maps(survey))


@pytest.fixture(scope="module")
def single(survey, estimate):
    return estimate(survey / "car_150.fits")


def column(estimates, name):
    return np.asarray(estimates.columns[name], float)


def flags_of(estimates):
    return np.asarray(estimates.columns["szmass_flags"])


def test_two_bands_see_more_than_one(both, single):
    assert np.isfinite(column(both, "M200c")).all()
    assert not np.any(flags_of(both) & int(Flag.OFF_MAP | Flag.MASKED | Flag.INPAINTED | Flag.BAND_MISSING))
    assert np.median(column(both, "sz_snr") / column(single, "sz_snr")) > 1.1
    assert both.meta["SZM_MAP"] == "car_95.fits, car_150.fits"
    assert both.meta["SZM_FREQ"] == "95.0, 150.0" and both.meta["SZM_NOIS"] == "4.0, 4.0"
    for name in ("noise_uk_arcmin_95", "noise_uk_arcmin_150"):
        np.testing.assert_array_equal(both.columns[name][np.isfinite(both.columns["M200c"])], 4.0)


def test_signal_to_noise_is_that_of_both_bands_together(survey, both):
    """The matched filter of a dense covariance of both bands, on cutouts cut and stacked here."""
    sky = read_bundle("survey").sky_model
    bands = (Band(95.0, Beam(1.8), 4.0), Band(150.0, Beam(1.4), 4.0))
    likelihood = sky.likelihood(Instrument(bands), Scatter(0.0))
    symmetry, n = likelihood.symmetry, 1600 * len(bands)
    blocks = likelihood.depths.covariance(np.ones(2))
    unit = np.eye(n).reshape(n, 40, 40, 2)
    dense = symmetry.unfold(symmetry.fold(unit) @ blocks).reshape(n, n)
    ra, dec = (np.asarray(both.catalog.table[name], float) for name in ("ra", "dec"))
    images = np.stack(
        [extract_cutouts(open_map(path), ra, dec).images for path in maps(survey).values()], axis=-1
    )
    redshift = np.asarray(both.catalog.table["redshift"], float)
    scales = cluster_scales(column(both, "M200c") * 1e14, redshift, likelihood.model)
    templates = likelihood.templates.images.images(scales).reshape(len(ra), -1).astype(float)
    weighted = np.linalg.solve(dense, templates.T).T
    signal = np.einsum("np,np->n", weighted, images.reshape(len(ra), -1))
    expected = signal / np.sqrt(np.einsum("np,np->n", weighted, templates))
    np.testing.assert_allclose(column(both, "sz_snr"), expected, rtol=5e-3, atol=0.03)
    assert np.median(expected) > 5


def test_pixels_and_frames_of_the_maps_may_differ(survey, estimate, both):
    """The 150 GHz sky on galactic HEALPix of nside 8192, NESTED; its noise is another draw."""
    mixed = estimate(maps(survey, high="healpix"))
    assert not np.any(flags_of(mixed) & int(Flag.OFF_MAP | Flag.MASKED))
    difference = column(mixed, "sz_snr") - column(both, "sz_snr")
    # the same clusters and sky: only the noise of one band is new, of unit variance at the most
    assert np.std(difference) < 1.2 and np.std(column(both, "sz_snr")) > 2.5


def test_the_order_of_the_maps_does_not_matter(survey, estimate, both):
    other = estimate(dict(reversed(maps(survey).items())))
    np.testing.assert_array_equal(column(other, "M200c"), column(both, "M200c"))


def test_each_map_has_its_own_unit(survey, estimate, both):
    with fits.open(survey / "car_150.fits") as hdus:
        hdus[0].data = (hdus[0].data * 1e-6).astype(np.float64)
        del hdus[0].header["BUNIT"]
        hdus.writeto(survey / "kelvin.fits", overwrite=True)
    other = estimate({95: survey / "car_95.fits", 150: survey / "kelvin.fits"}, units={150: "K"})
    np.testing.assert_allclose(column(other, "sz_snr"), column(both, "sz_snr"), rtol=1e-4)


def test_where_one_band_has_no_data_the_others_are_used_and_the_row_says_so(survey, estimate, both):
    """The southern half of the 150 GHz map is lost: its rows have the masses of 95 GHz alone."""
    with fits.open(survey / "car_150.fits") as hdus:
        hdus[0].data[: hdus[0].data.shape[0] // 2] = np.nan
        hdus.writeto(survey / "half.fits", overwrite=True)
    half = estimate({95: survey / "car_95.fits", 150: survey / "half.fits"})
    alone = estimate({95: survey / "car_95.fits"})
    missing = (flags_of(half) & Flag.BAND_MISSING) != 0
    assert 0 < missing.sum() < len(missing)
    assert np.isfinite(column(half, "M200c")).all()
    for name in ("M200c", "M200c_p16", "M200c_p84", "sz_snr"):
        np.testing.assert_allclose(column(half, name)[missing], column(alone, name)[missing], rtol=1e-6)
    whole = ~missing & (flags_of(half) & int(Flag.INPAINTED | Flag.CUT_BY_EDGE) == 0)
    np.testing.assert_allclose(column(half, "M200c")[whole], column(both, "M200c")[whole], rtol=1e-6)
    assert not np.any(flags_of(half)[missing] & int(Flag.OFF_MAP | Flag.MASKED | Flag.NONFINITE))


def test_a_hole_in_one_band_is_filled_with_what_the_other_sees(survey, estimate, both):
    """South of each cluster's core a disc of 150 GHz is lost."""
    table = Table.read(survey / "car_truth.csv")
    with fits.open(survey / "car_150.fits") as hdus:
        column_, row = WCS(hdus[0].header).wcs_world2pix(table["ra"], table["dec"], 0)
        y, x = np.indices(hdus[0].data.shape)
        for a, b in zip(column_, row, strict=True):
            hdus[0].data[np.hypot(x - a, y - b + 7.0) < 1.6] = np.nan
        hdus.writeto(survey / "holes.fits", overwrite=True)
    holes = estimate({95: survey / "car_95.fits", 150: survey / "holes.fits"})
    assert np.all(flags_of(holes) & Flag.INPAINTED)
    difference = np.abs(column(holes, "sz_snr") - column(both, "sz_snr"))
    assert np.all(difference > 0.0) and difference.max() < 0.7


def test_a_row_that_no_band_has_is_without_a_mass(survey, measure, tmp_path):
    Table({"ra": [200.0, 10.0], "dec": [10.0, -40.0], "z": [0.5, 0.5]}).write(tmp_path / "in.csv")
    estimates = measure(maps(survey), tmp_path / "in.csv")
    assert np.isnan(column(estimates, "M200c")).tolist() == [True, False]
    assert flags_of(estimates)[0] == Flag.OFF_MAP


def test_options_by_band_are_of_that_map(survey, estimate):
    """Keys need not be those of the maps to the last digit, or are names of bands."""
    told = estimate(maps(survey), noise={97.8: 4.0, 149.6: "1,3000"})
    assert told.meta["SZM_NOIS"] == "4.0, 1,3000"
    assert np.mean((flags_of(told) & Flag.NOISE_MISMATCH) != 0) > 0.5


def test_correlated_noise_is_a_matter_of_several_bands(survey, estimate):
    red = {"noise": "4,4000,-3.5"}
    assumed, stated, none = (
        estimate(maps(survey), **red, **how)
        for how in ({}, {"noise_correlation": 0.9}, {"noise_correlation": 0.0})
    )
    np.testing.assert_array_equal(column(assumed, "M200c"), column(stated, "M200c"))
    assert "correlated by 0.9" in " ".join(assumed.notes) and "correlated" not in " ".join(stated.notes)
    assert np.all(column(none, "M200c") != column(stated, "M200c"))
    assert none.meta["SZM_NCOR"] == 0.0


@pytest.fixture(scope="module")
def bare(survey):
    """The same two maps without bands in their headers, and one in another unit, or turned over."""
    for name, path, factor in (
        ("a.fits", "car_95.fits", 1.0),
        ("b.fits", "car_150.fits", 1.0),
        ("bright.fits", "car_150.fits", 1.8),
        (
            "faint.fits",
            "car_150.fits",
            0.4,
        ),  # 7 sigma of 12 clusters, which do not decide about 1.8: its noise does
        ("over.fits", "car_95.fits", -1.0),
    ):
        with fits.open(survey / path) as hdus:
            hdus[0].data = hdus[0].data * factor
            for key in ("FREQ", "BEAM"):
                hdus[0].header.remove(key, ignore_missing=True)
            hdus.writeto(survey / name, overwrite=True)
    return survey


def run_of(szmass_here, folder, low, high, *more):
    return szmass_here(
        "estimate", "--map", f"95={folder / low}", "--map", f"150={folder / high}", folder / "car_truth.csv",
        "--beam", "95=1.8", "--beam", "150=1.4", "--units", "uK", "--noise", 4, *more, cwd=folder,
    )  # fmt: skip


def test_maps_whose_bands_are_exchanged_are_refused_and_nothing_is_left(bare, szmass_here):
    """Told apart by the clusters alone: they are 1.6 times as bright at 95 GHz as at 150."""
    outcome = run_of(szmass_here, bare, "b.fits", "a.fits", "-o", "swapped.fits")
    said = " ".join(outcome.err.replace("│", " ").split())
    assert outcome.code == 2
    assert "The maps look exchanged" in said and "with b.fits at 150 GHz and a.fits at 95 GHz" in said
    assert not list(bare.glob("swapped*"))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ("a.fits", "faint.fits", "times as bright in"),
        ("a.fits", "bright.fits", "The noise that was stated is not that of the map"),
        ("over.fits", "b.fits", "times as bright in"),
    ],
)
def test_a_band_in_another_unit_than_the_other_flags_every_row(bare, szmass_here, low, high, words):
    outcome = run_of(szmass_here, bare, low, high, "-o", "off.fits", "--overwrite")
    said = " ".join(outcome.err.split())
    assert outcome.code == 0
    assert words in said and "Every row is flagged UNCALIBRATED_MAP" in said
    flags = np.asarray(Table.read(bare / "off.fits")["szmass_flags"])
    assert np.all(flags & Flag.UNCALIBRATED_MAP)


def test_maps_that_are_what_they_are_said_to_be_raise_no_doubt(both):
    assert not np.any(flags_of(both) & Flag.UNCALIBRATED_MAP)
    assert "as bright" not in " ".join(both.notes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"beam": {220.0: 1.0}}, "beam at 220 GHz: there is no such map"),
        ({"beam": {150.0: 1.0, 149.6: 1.2}}, "given twice"),
        ({"frequency_ghz": 150.0}, "--freq is given"),
    ],
)
def test_settings_must_be_of_a_map(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words) as caught:
        map_requests({95.0: tmp_path / "a.fits", 150.0: tmp_path / "b.fits"}, settings)
    assert caught.value.hint


def test_a_setting_by_frequency_needs_maps_by_frequency(tmp_path):
    with pytest.raises(UsageError, match="there is one map"):
        map_requests(tmp_path / "a.fits", {"beam": {150.0: 1.4}})
    with pytest.raises(UsageError, match=r"95 or 97\.8 GHz"):
        map_requests({95.0: tmp_path / "a.fits", 97.8: tmp_path / "b.fits"}, {"beam": {96.0: 1.4}})


def test_a_map_given_at_the_frequency_of_another_is_refused(survey, estimate):
    with pytest.raises(InputError, match=r"car_95\.fits: its header says FREQ.*95 GHz; .* as 150 GHz"):
        estimate({150: survey / "car_95.fits"})


def test_the_paper_s_model_holds_for_its_own_band_and_sky(survey):
    catalog = survey / "car_truth.csv"
    with pytest.raises(UsageError, match=r"car_95\.fits: no band of the model paper"):
        szmass_cli.estimate(maps(survey), catalog, model="paper")
    with pytest.raises(UsageError, match="--noise-correlation: the model paper holds for one instrument"):
        szmass_cli.estimate(survey / "car_150.fits", catalog, model="paper", noise_correlation=0.5)


def test_the_command_takes_maps_by_frequency_or_name(survey, both, szmass_here, tmp_path):
    outcome = szmass_here(
        "estimate", "--map", f"150={survey / 'car_150.fits'}", "--map", f"95={survey / 'car_95.fits'}",
        survey / "car_truth.csv", "--noise", "95=4", "--noise", "f150=4", "-o", "out.fits", cwd=tmp_path,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "car_95.fits at 95 GHz" in outcome.err and "car_150.fits at 150 GHz" in outcome.err
    masses = Table.read(tmp_path / "out.fits")
    np.testing.assert_allclose(masses["M200c"], column(both, "M200c"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["150=a.fits"], ["m.fits", "c.csv"]), "the catalogue; 2 are given"),
        ((["a.fits"], ["c.csv"]), "not GHZ=MAP"),
        ((["nan=a.fits"], ["c.csv"]), "no frequency"),
        ((["5=a.fits"], ["c.csv"]), "no frequency"),
        ((["150=a.fits", "150=b.fits"], ["c.csv"]), "there twice"),
        ((None, ["m.fits"]), "A map and a catalogue are needed"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        input_files(arguments[1], arguments[0])


def test_an_equals_sign_in_a_file_s_name_is_part_of_it():
    assert per_map(["weights=1.fits"], "--ivar", str) == "weights=1.fits"
    assert per_map(["f090=a.fits", "pa5_f150=b=c.fits"], "--map", str) == {97.8: "a.fits", 149.6: "b=c.fits"}
    assert per_map(None, "--ivar", str) is None
