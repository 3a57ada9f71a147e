"""Models of several bands on several maps: each with its own pixels, frame, unit and beam."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import szmass_cli
from szmass_cli.catalog import Flag
from szmass_cli.config import parse_config
from szmass_cli.errors import UsageError
from szmass_cli.network.backend import load_keras
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.bundle.writing import write_bundle
from szmass_cli.network.inputs import Labels
from szmass_cli.network.model import Predictor, model_variables
from szmass_cli.network.mresunet import build_mresunet
from szmass_cli.posterior import fit_calibration
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.sky.cutouts import CutoutSimulator

SURVEY = """
sky:
  bands:
    - {frequency_ghz: 95, beam_fwhm_arcmin: 1.8, noise_uk_arcmin: 4}
    - {frequency_ghz: 150, beam_fwhm_arcmin: 1.4, noise_uk_arcmin: 4}
clusters: {masses: {kind: log_uniform, min_m200c_msun: 3.0e+14, max_m200c_msun: 1.0e+15}}
network: {base_filters: 2, input: filtered, dropout_rate: 0}
field: {center_ra_deg: 10, center_dec_deg: -40, width_deg: 2.5, height_deg: 2, pixel_arcmin: 0.5, nside: 8192}
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Two bands of a field in CAR, the same sky in HEALPix, and a network of two bands never trained."""
    folder = tmp_path_factory.mktemp("two")
    config = parse_config(SURVEY, "survey.yaml")
    simulate_survey_field(config, folder / "car.fits", seed=5, n_clusters=12)
    pixels = {"pixelisation": "healpix", "order": "nested", "frame": "galactic"}
    healpix = config.model_copy(update={"field": config.field.model_copy(update=pixels)})
    catalog = folder / "car_truth.csv"
    simulate_survey_field(healpix, folder / "healpix.fits", seed=5, catalog=catalog)
    simulator = CutoutSimulator(config)
    load_keras().utils.set_random_seed(3)
    weights = [np.asarray(v) for v in model_variables(build_mresunet(config.network, 3))]
    rng = np.random.default_rng(3)
    for index in (-2, -1):  # the last layer begins at zero
        weights[index] = (0.02 * rng.standard_normal(weights[index].shape)).astype(np.float32)
    mass = rng.uniform(3e14, 1e15, (1, 400))
    scattered = mass * np.exp(0.2 * rng.standard_normal((1, 400)))
    labels = Labels.create(config, simulator.stamps)
    (folder / "model").mkdir()
    facts = {"name": "model", "szmass_version": "0", "cutouts_trained_on": 0}
    calibration = fit_calibration([0.7], scattered, mass, (3e14, 1e15))
    write_bundle(folder / "model", facts, config, labels, weights, calibration, simulator.power)
    return folder


def maps(survey, **kinds):
    return {95: survey / f"{kinds['low']}_95.fits", 150: survey / f"{kinds['high']}_150.fits"}


def estimate(survey, given, **options):
    return szmass_cli.estimate(given, survey / "car_truth.csv", model=survey / "model", **options)


@pytest.fixture(scope="module")
def both_car(survey):
    return estimate(survey, maps(survey, low="car", high="car"))


def test_both_bands_count(survey, both_car):
    """With one band's map for both the answers are others."""
    assert np.isfinite(both_car["M200c"]).all()
    assert not np.any(both_car["szmass_flags"] & int(Flag.OFF_MAP | Flag.MASKED | Flag.INPAINTED))
    assert both_car.meta["SZM_MAP"] == "car_95.fits, car_150.fits"
    assert both_car.meta["SZM_NOIS"] == "4.0, 4.0"
    swapped = survey / "swapped.fits"
    with fits.open(survey / "car_95.fits") as hdus:
        hdus[0].header["FREQ"], hdus[0].header["BEAM"] = 150, 1.4
        hdus.writeto(swapped, overwrite=True)
    other = estimate(survey, {95: survey / "car_95.fits", 150: swapped})
    assert np.median(np.abs(other["sz_snr"] / both_car["sz_snr"] - 1)) > 0.1


def test_signal_to_noise_is_that_of_both_bands_together(survey, both_car):
    """The matched filter on stamps cut, stacked and filtered here; clusters of 3-10e14 are seen well."""
    from szmass_cli.maps.cutouts import extract_cutouts
    from szmass_cli.maps.reader import open_map
    from szmass_cli.sky.clusters import ClusterStamps

    bundle = read_bundle(survey / "model")
    sky = bundle.training_sky()
    ra, dec = np.asarray(both_car["ra"], float), np.asarray(both_car["dec"], float)
    images = np.stack(
        [
            extract_cutouts(open_map(path), ra, dec).images
            for path in maps(survey, low="car", high="car").values()
        ],
        axis=-1,
    )
    medians = np.asarray(both_car["M200c"], float) * 1e14
    templates = ClusterStamps(bundle.bands).mean_images(medians, 0.7).reshape(len(ra), -1).astype(float)
    weighted = templates @ sky.inverse_covariance
    signal = np.einsum("np,np->n", weighted, images.reshape(len(ra), -1))
    expected = signal / np.sqrt(np.einsum("np,np->n", weighted, templates))
    np.testing.assert_allclose(both_car["sz_snr"], expected, rtol=2e-3, atol=0.02)
    assert np.median(expected) > 5


def test_pixels_and_frames_of_the_maps_may_differ(survey, both_car):
    """The 150 GHz sky on galactic HEALPix of nside 8192, NESTED; its noise is another draw."""
    mixed = estimate(survey, maps(survey, low="car", high="healpix"))
    assert not np.any(mixed["szmass_flags"] & int(Flag.OFF_MAP | Flag.MASKED))
    difference = np.asarray(mixed["sz_snr"]) - np.asarray(both_car["sz_snr"])
    # the same clusters and sky: only the noise of one band is new, of unit variance at the most
    assert np.std(difference) < 1.2 and np.std(both_car["sz_snr"]) > 2.5


def test_the_order_of_the_maps_does_not_matter(survey, both_car):
    given = maps(survey, low="car", high="car")
    other = estimate(survey, dict(reversed(given.items())))
    np.testing.assert_array_equal(other["M200c"], both_car["M200c"])


def test_each_map_has_its_own_unit(survey, both_car):
    with fits.open(survey / "car_150.fits") as hdus:
        hdus[0].data = (hdus[0].data * 1e-6).astype(np.float64)
        del hdus[0].header["BUNIT"]
        hdus.writeto(survey / "kelvin.fits", overwrite=True)
    given = {95: survey / "car_95.fits", 150: survey / "kelvin.fits"}
    other = estimate(survey, given, units={150: "K"})
    np.testing.assert_allclose(other["sz_snr"], both_car["sz_snr"], rtol=1e-4)


def test_a_hole_in_one_band_is_filled_from_the_other_or_masks_the_row(survey, both_car):
    with fits.open(survey / "car_150.fits") as hdus:
        shape = hdus[0].data.shape
        hdus[0].data[: shape[0] // 2] = np.nan
        hdus.writeto(survey / "half.fits", overwrite=True)
    half = estimate(survey, {95: survey / "car_95.fits", 150: survey / "half.fits"})
    lost = np.isnan(np.asarray(half["M200c"], float))
    assert 0 < lost.sum() < len(half)
    flags = np.asarray(half["szmass_flags"])
    assert np.all(flags[lost] & int(Flag.OFF_MAP | Flag.MASKED) > 0)
    whole = ~lost & (flags & int(Flag.INPAINTED | Flag.CUT_BY_EDGE) == 0)
    np.testing.assert_array_equal(half["M200c"][whole], both_car["M200c"][whole])


@pytest.mark.parametrize(
    ("frequencies", "words"),
    [((95,), "150 GHz"), ((95, 220), "no band"), ((95, 96), "no band"), ((95, 150, 220), "no band")],
)
def test_maps_that_are_not_those_of_the_bands_are_refused(survey, frequencies, words):
    given = dict.fromkeys(frequencies, survey / "car_95.fits")
    with pytest.raises(UsageError, match=words) as caught:
        estimate(survey, given)
    assert caught.value.hint


def test_one_map_is_not_enough_and_settings_must_be_of_a_map(survey):
    with pytest.raises(UsageError, match="95, 150 GHz; 1 given"):
        estimate(survey, survey / "car_150.fits")
    with pytest.raises(UsageError, match="beam at 220 GHz"):
        estimate(survey, maps(survey, low="car", high="car"), beam={220: 1.0})
    with pytest.raises(UsageError, match="there is one map"):
        estimate(survey, survey / "car_150.fits", beam={150: 1.4})


def test_the_command_takes_maps_by_frequency(survey, both_car, szmass_here, tmp_path):
    outcome = szmass_here(
        "estimate", "--map", f"150={survey / 'car_150.fits'}", "--map", f"95={survey / 'car_95.fits'}",
        survey / "car_truth.csv", "--model", survey / "model", "--noise", "95=4", "--noise", "150=20",
        "-o", "out.fits", cwd=tmp_path,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "car_95.fits, car_150.fits" in outcome.err
    masses = Table.read(tmp_path / "out.fits", unit_parse_strict="silent")
    np.testing.assert_allclose(masses["M200c"], both_car["M200c"])
    assert np.all(masses["szmass_flags"] & int(Flag.NOISE_MISMATCH))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--map", "150=a.fits", "m.fits", "c.csv"], "the catalogue; 2 are given"),
        (["--map", "a.fits", "c.csv"], "not GHZ=MAP"),
        (["--map", "nan=a.fits", "c.csv"], "no frequency"),
        (["--map", "150=a.fits", "--map", "150=b.fits", "c.csv"], "there twice"),
        (["m.fits"], "A map and a catalogue are needed"),
        (["m.fits", "c.csv", "--units", "Jy"], "--units Jy"),
        (["m.fits", "c.csv", "--noise", "loud"], "--noise loud"),
        (["m.fits", "c.csv", "--beam", "1", "--beam", "2"], "several are given"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(arguments, words, szmass_fork, tmp_path):
    outcome = szmass_fork("estimate", *arguments, "-o", "out.fits", cwd=tmp_path)
    assert outcome.code == 2 and words in " ".join(outcome.err.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_predictions_need_the_bands_that_were_taught(survey, tmp_path):
    bundle = read_bundle(shutil.copytree(survey / "model", tmp_path / "model"))
    predictor = Predictor.from_bundle(bundle, bundle.training_sky())
    assert predictor(np.zeros((3, 40, 40, 2), np.float32)).sz_uk.shape == (3, 40, 40)
    with pytest.raises(ValueError, match=r"reshape|size|dimension"):
        predictor(np.zeros((3, 40, 40), np.float32))


def test_a_perfect_prediction_leaves_nothing_in_any_band(survey):
    """Beams differ between bands: a massive cluster must not look like something unlike the training."""
    from szmass_cli.estimation.meters import build_meter
    from szmass_cli.sky.clusters import ClusterStamps

    bundle = read_bundle(survey / "model")
    meter = build_meter(bundle)
    clusters = ClusterStamps(bundle.bands).mean_images(np.array([5e14, 1.2e15]), 0.7)
    in_all = meter._in_all_bands(1.2 * clusters[..., bundle.labels.band], clusters)
    np.testing.assert_allclose(in_all, 1.2 * clusters, rtol=1e-4, atol=1e-3)


def test_a_map_that_was_replaced_is_measured_anew(survey, both_car, tmp_path):
    """The second call in one process, with another map under the same path."""
    for band in (95, 150):
        shutil.copy(survey / f"car_{band}.fits", tmp_path / f"m_{band}.fits")
    given = {band: tmp_path / f"m_{band}.fits" for band in (95, 150)}
    first = estimate(survey, given)
    np.testing.assert_array_equal(first["M200c"], both_car["M200c"])
    with fits.open(survey / "car_150.fits") as hdus:
        hdus[0].data *= 1.5
        hdus.writeto(tmp_path / "other.fits")
    (tmp_path / "other.fits").replace(given[150])
    second = estimate(survey, given)
    assert np.all(np.asarray(second["sz_snr"]) != np.asarray(first["sz_snr"]))
