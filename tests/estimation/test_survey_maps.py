"""Maps as surveys publish them are measured with no option typed."""

import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from skies import car_around, write_image
from surveymaps import ACT_NAME, write_act, write_so, write_spt3g, write_spt3g_healpix

from szmass_cli.catalog import Flag
from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.completion import NotKnown
from szmass_cli.estimation.depthcheck import check_ivar
from szmass_cli.estimation.looks import look_at
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import Rows
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.simulation.field import simulate_survey_field

CENTRE = (352.5, -55.0)
N_SIDE = 8192


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """Four clusters of 4 to 9e14 Msun in a field of a degree."""
    path = tmp_path_factory.mktemp("wanted") / "wanted.csv"
    offset = np.array([[-0.3, -0.3], [0.35, -0.25], [-0.25, 0.3], [0.3, 0.3]])
    table = Table(
        {
            "ra": CENTRE[0] + offset[:, 0] / np.cos(np.radians(CENTRE[1])),
            "dec": CENTRE[1] + offset[:, 1],
            "redshift": [0.4, 0.6, 0.8, 1.1],
            "M200": [9.0, 6.0, 5.0, 4.0],
        }
    )
    table.write(path)
    return path


def quiet_field(folder, preset, band, wanted, **field):
    """One band of a survey behind its real beam and in its real pixels, with hardly any noise or sky."""
    config = load_config(preset).sky.bands[band]
    changes = {"noise_uk_arcmin": 0.5, "ell_knee": None, "passband_file": None, "pixel_arcmin": 0.0}
    bare = {"tsz": 0, "ksz": 0, "dusty_poisson": 0, "dusty_clustered": 0, "radio": 0}
    sky = {
        "bands": [config.model_dump() | changes],
        "cmb": False,
        "foregrounds_dl3000_uk2": bare,
    }
    where = {"center_ra_deg": CENTRE[0], "center_dec_deg": CENTRE[1], "width_deg": 2.2, "height_deg": 1.2}
    settings = {
        "sky": sky,
        "clusters": {"sz_scatter_ln": 0.0, "concentration_scatter_ln": 0.0},
        "field": where | {"pixel_averaging": True} | field,
    }
    survey = SurveyConfig.model_validate(settings)
    return simulate_survey_field(survey, folder / "simulated.fits", seed=3, catalog=wanted).paths.maps[0]


def as_act(folder, wanted):
    with fits.open(quiet_field(folder, "act-dr6", 1, wanted)) as hdus:
        return write_act(folder, hdus[0].data, WCS(hdus[0].header))


def as_act_f090(folder, wanted):
    """97.8 GHz: taken for 90, masses would be 3 per cent lower."""
    with fits.open(quiet_field(folder, "act-dr6", 0, wanted)) as hdus:
        name = ACT_NAME.replace("f150", "f090")
        return write_act(folder, hdus[0].data, WCS(hdus[0].header), name=name, band="f090")


def as_so(folder, wanted):
    with fits.open(quiet_field(folder, "so-lat", 3, wanted)) as hdus:
        side = 0.5 * np.sqrt(np.cos(np.radians(CENTRE[1])))
        weights = np.full(hdus[0].data.shape, 1e12 * (side / 0.5) ** 2)
        return write_so(folder, hdus[0].data * 1e-6, WCS(hdus[0].header), weights=weights)


def as_spt3g(folder, wanted):
    path = quiet_field(folder, "spt-3g", 1, wanted, pixelisation="healpix", nside=N_SIDE)
    with fits.open(path) as hdus:
        numbers, values = (np.ravel(hdus[1].data.field(column)) for column in (0, 1))
        return write_spt3g_healpix(folder, numbers, values * 1e-6, N_SIDE)


@pytest.fixture
def measure_exactly(wanted, measure):
    """A function from a map and options to the masses, with clusters as they were painted."""

    def measure_exactly(path, **options):
        exact = {"sz_scatter": 0.0, "concentration_scatter": 0.0}
        return measure(path, wanted, noise=None, **exact, **options)

    return measure_exactly


SURVEYS = pytest.mark.parametrize(
    "survey", [as_act, as_act_f090, as_so, as_spt3g], ids=lambda survey: survey.__name__
)


@SURVEYS
def test_bare_clusters_come_back_with_nothing_typed_of_the_map(survey, wanted, measure_exactly, tmp_path):
    """They shine with their gas alone, as the model of a Gaussian sky has it."""
    estimates = measure_exactly(survey(tmp_path, wanted), model="gaussian")
    truth = np.asarray(Table.read(wanted)["M200"])
    found = np.asarray(estimates.columns["M200c"])
    flags = np.asarray(estimates.columns["szmass_flags"])
    print(f"{survey.__name__}: {estimates.meta['SZM_FREQ']} GHz, masses over true ones {found / truth}")
    assert not np.any(flags & int(Flag.OFF_MAP | Flag.MASKED))
    # these skies have no CMB, as none of temperature is; and of SPT nobody knows what filters took
    assert np.all(flags & Flag.UNCALIBRATED_MAP)
    assert np.median(found / truth) == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(found, truth, rtol=0.03)
    assert estimates.meta["SZM_PIXW"] is True and estimates.meta["SZM_BMSR"] == "survey"


@SURVEYS
def test_injected_masses_are_within_their_errors_with_nothing_typed_at_all(survey, wanted, measure, tmp_path):
    """The default model expects dust, motion and radio galaxies, of which bare clusters have none."""
    estimates = measure(survey(tmp_path, wanted), wanted, noise=None)
    columns = ("M200c", "M200c_p16", "M200c_p84")
    found, low, high = (np.log(np.asarray(estimates.columns[name])) for name in columns)
    off = (found - np.log(np.asarray(Table.read(wanted)["M200"]))) / (0.5 * (high - low))
    print(f"{survey.__name__}: errors {0.5 * (high - low)}, off by {off} of them")
    assert np.abs(off).max() < 3.0
    assert abs(np.median(off)) < 0.5  # the error of four


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """White noise of 50 uK in pixels of 0.5', as SO publishes maps, with rows on it."""
    wcs, shape = car_around(10.0, 0.0, 0.6, 0.3)
    noise_uk = np.random.default_rng(7).normal(0.0, 50.0, shape)
    path = write_so(tmp_path_factory.mktemp("noisy"), 1e-6 * noise_uk, wcs)
    ra = 10.0 + np.linspace(-0.4, 0.4, 5)
    exact = np.zeros(5)
    return path, Rows(ra, exact, exact + 0.5, exact, exact, exact.astype(int)), wcs, shape


@pytest.mark.parametrize("factor", [1.0, 3.0, 1e-2, 1e2, 1e12])
def test_weights_in_another_unit_are_refused(noisy, tmp_path, factor):
    path, rows, wcs, shape = noisy
    weights = write_image(tmp_path / "w.fits", np.full(shape, factor / 50.0**2 * 1e12), wcs, unit=None)
    one = BandMap.open(MapRequest(path, ivar=weights))
    sky, look = read_bundle("survey").sky_model, look_at(one, rows)
    band = one.band(NoiseLevel(25.0), 0.5)
    if factor in (1.0, 3.0):
        check_ivar(one, look, band, sky)
        return
    with pytest.raises(
        InputError, match=r"w\.fits: by these inverse variances .* µK-arcmin, and 2\d"
    ) as caught:
        check_ivar(one, look, band, sky)
    assert "1/K^2" in caught.value.hint


# --- what is known, and what is asked for -------------------------------------------------------------------

WCS_SMALL, SHAPE = car_around(10.0, 5.0, 0.3, 0.3)
SKY = np.random.default_rng(5).normal(0.0, 50.0, SHAPE)


def opened(path, **options):
    return BandMap.open(MapRequest(path, **options))


def test_what_the_user_types_wins_over_the_adapter(tmp_path):
    path = write_act(tmp_path, SKY, WCS_SMALL)
    known = opened(path)
    assert known.frequency_ghz == 149.6 and known.request.pixel_window is True
    assert known.beam_source == "survey" and "beam_f150.txt" in str(known.request.beam)
    told = opened(path, beam=1.5, pixel_window=False, frequency_ghz=148.0, units="mK")
    assert told.frequency_ghz == 148.0 and told.request.pixel_window is False and told.request.beam == 1.5
    assert told.beam_source == "option" and told.sky_map.units.label == "mK"


def test_inverse_variances_beside_the_map_give_way_to_a_stated_noise(tmp_path):
    path = write_so(tmp_path, 1e-6 * SKY, WCS_SMALL, weights=np.full(SHAPE, 1e9))
    assert opened(path).weights.ivar is not None
    assert opened(path, noise=6.3).weights.ivar is None


def test_notes_say_what_an_adapter_filled_in(tmp_path):
    notes = " ".join(opened(write_act(tmp_path, SKY, WCS_SMALL)).notes)
    assert "is a map of ACT DR6: beam beam_f150.txt (preset act-dr6), pixels that are means" in notes
    spt = opened(write_spt3g(tmp_path, 1e-6 * SKY, WCS_SMALL))
    assert "high-pass filtered along the scan" in " ".join(spt.notes)


@pytest.mark.parametrize(
    ("write", "name", "given", "says"),
    [
        (write_act, ACT_NAME, 97.8, r"its header says FREQ = 'f150', 149\.6 GHz; it is given as 97\.8 GHz"),
        (write_so, "coadd_20250801_20250901_f090_full_map.fits", 145.0, "its file name says 93 GHz"),
        (write_spt3g, "spt3g_220ghz.fits", 95.0, r"its file name says 220\.2 GHz; it is given as 95 GHz"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_swapped_bands_are_refused(tmp_path, write, name, given, says):
    path = write(tmp_path, SKY, WCS_SMALL, name=name)
    with pytest.raises(InputError, match=says):
        opened(path, frequency_ghz=given)


def test_f090_of_the_simons_observatory_is_not_that_of_act(tmp_path):
    """--map f090=FILE stands for 97.8 GHz, ACT's."""
    path = write_so(tmp_path, SKY, WCS_SMALL, name="coadd_20250801_20250901_f090_full_map.fits")
    one = opened(path, frequency_ghz=97.8)
    assert one.frequency_ghz == 93.0 and "93 GHz by its file name" in " ".join(one.said)


def test_a_map_of_compton_y_needs_no_frequency(tmp_path):
    path = write_image(tmp_path / "y.fits", 1e-6 * SKY, WCS_SMALL, unit="y")
    one = opened(path, beam=1.25)
    assert one.frequency_ghz == 150.0 and one.sky_map.units.to_uk == pytest.approx(-2.598e6, rel=1e-3)


def test_everything_that_is_missing_is_asked_for_at_once(wanted, measure, tmp_path):
    for name in ("a.fits", "b.fits"):
        write_image(tmp_path / name, SKY, WCS_SMALL)
    with pytest.raises(NotKnown) as caught:
        opened(tmp_path / "a.fits")
    assert "at which frequency" in caught.value.message and "beam is not known" in caught.value.message
    assert all(word in caught.value.hint for word in ("--freq", "--beam", "--survey", "szmass info"))
    with pytest.raises(InputError, match=r"a\.fits: its beam is not known.*b\.fits: its beam is not known"):
        measure({95: tmp_path / "a.fits", 150: tmp_path / "b.fits"}, wanted)


# --- szmass info --------------------------------------------------------------------------------------------


def test_info_says_what_is_understood_and_from_where(szmass_fork, tmp_path):
    write_act(tmp_path, SKY, WCS_SMALL)
    write_image(tmp_path / "mine.fits", SKY, WCS_SMALL)
    outcome = szmass_fork("info", ACT_NAME, "mine.fits", cwd=tmp_path)
    assert outcome.code == 0 and outcome.err == ""
    assert max(map(len, outcome.out.splitlines())) <= 80
    words = " ".join(outcome.out.split())
    for text in (
        "ACT DR6 header: TELESCOP = 'act'",
        "149.6 GHz header: FREQ = 'f150'",
        "uK (CMB) header",
        "1.6' (beam_f150.txt) preset act-dr6",
        "pixels are means as all maps of ACT",
        "CAR header",
        "72 x 72 pixels header",
        "RA falls with columns header",
        "To measure masses, give --freq and --beam, or --survey.",
    ):
        assert text in words
    assert words.count("To measure masses") == 1


def test_info_is_there_for_scripts(szmass_fork, tmp_path):
    weights = np.full(SHAPE, 1e9)
    path = write_so(tmp_path, 1e-6 * SKY, WCS_SMALL, weights=weights)
    outcome = szmass_fork("info", path.name, "--json", cwd=tmp_path)
    (found,) = json.loads(outcome.out)["maps"]
    assert outcome.code == 0 and found["missing"] == [] and found["map"] == path.name
    known = found["properties"]
    assert known["frequency"] == {"value": "145 GHz", "source": "file name"}
    assert known["inverse variance"]["value"] == path.name.replace("_map", "_weights")
    assert known["inverse variance"]["source"] == "file beside the map"
    assert known["transfer"]["value"] is None
    assert "knee 2720" in known["noise"]["value"]


def test_info_of_a_map_takes_the_survey_that_is_named(szmass_fork, tmp_path):
    write_spt3g(tmp_path, 1e-6 * SKY, WCS_SMALL, name="coadd_150ghz.fits")
    outcome = szmass_fork("info", "coadd_150ghz.fits", "--survey", "sptpol", cwd=tmp_path)
    assert outcome.code == 0 and "SPTpol" in outcome.out and "--survey" in outcome.out
    wrong = szmass_fork("info", "coadd_150ghz.fits", "--survey", "wmap", cwd=tmp_path)
    assert wrong.code == 2 and "--survey wmap" in wrong.err


def test_info_of_a_map_that_is_not_there(szmass_fork, tmp_path):
    outcome = szmass_fork("info", "nowhere.fits", cwd=tmp_path)
    assert outcome.code == 2 and "Map file not found: nowhere.fits" in outcome.err
    shutil.copy(__file__, tmp_path / "text.fits")
    assert szmass_fork("info", "text.fits", cwd=tmp_path).code == 2
