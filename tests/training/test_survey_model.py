"""A conditioned model from training to catalogue rows: tiny, and hardly trained, but all of the way."""

import json

import numpy as np
import pytest
from astropy.table import Table

import szmass_cli
from szmass_cli.catalog import Flag
from szmass_cli.config import parse_config
from szmass_cli.errors import ConfigError, InputError
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.network.bundle.bundle import read_bundle, read_history
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.training import run as stage
from szmass_cli.training.checks import check_calibration, check_trainable
from szmass_cli.training.run import train

SURVEY = """
sky: {beam_fwhm_arcmin: 1.0, noise_uk_arcmin: 8}
instruments:
  {min_beam_fwhm_arcmin: 1.0, max_beam_fwhm_arcmin: 1.04, min_noise_uk_arcmin: 3, max_noise_uk_arcmin: 30}
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
network: {head: posterior, base_filters: 2, dropout_rate: 0, matched_filters: 8}
training: {cutouts_per_epoch: 4096, validation_cutouts: 256, batch_size: 64, max_epochs: 1}
calibration: {cutouts: 2000}
field: {width_deg: 2.0, height_deg: 1.5, center_ra_deg: 30.0, center_dec_deg: -20.0}
"""


@pytest.fixture(scope="module")
def survey():
    return parse_config(SURVEY, "survey.yaml")


@pytest.fixture(scope="module")
def model(survey, quick_training, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "N_EVALUATED", 50)
        return train(survey, tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def sky(survey, tmp_path_factory):
    """A field of 12 clusters, the last two of which the catalogue gives no redshift."""
    folder = tmp_path_factory.mktemp("sky")
    rng = np.random.default_rng(4)
    wanted = Table(
        {
            "ra": 30.0 + rng.uniform(-0.8, 0.8, 12),
            "dec": -20.0 + rng.uniform(-0.6, 0.6, 12),
            "redshift": np.linspace(0.3, 1.0, 12),
            "M200": np.geomspace(3.0, 12.0, 12),
        }
    )
    wanted.write(folder / "wanted.csv")
    simulate_survey_field(survey, folder / "field.fits", seed=5, catalog=folder / "wanted.csv")
    truth = Table.read(folder / "field_truth.csv")
    truth["redshift"] = np.where(np.arange(12) < 10, truth["redshift"], np.nan)
    truth.write(folder / "clusters.csv")
    return folder


@pytest.fixture(scope="module")
def estimate(model, sky):
    def estimate(catalog="clusters.csv", **options):
        return szmass_cli.estimate(sky / "field.fits", sky / catalog, model=model.path, **options)

    return estimate


@pytest.fixture(scope="module")
def told(estimate):
    return estimate(noise=8.0)


def test_the_bundle_holds_what_it_was_told_and_its_report(model):
    bundle = read_bundle(model.path)
    assert bundle.is_conditioned and len(read_history(bundle)) == 1
    stated = bundle.metadata
    assert stated.trained_beam_fwhm_arcmin == (1.0, 1.04) and stated.trained_noise_uk_arcmin == (3.0, 30.0)
    assert stated.prior.startswith("flat in ln M200c")
    metrics = read_metrics(model.path / "report" / "metrics.json")
    honesty = metrics.posteriors
    assert honesty is not None and honesty.overall.n_cutouts == 200
    assert {row.redshift for row in honesty.instruments} == {0.2, 0.4, 0.7, 1.0}
    assert {row.beam_fwhm_arcmin for row in honesty.mismatch} == {1.0, 1.04}
    assert sum(honesty.pit) == pytest.approx(1.0)
    card = (model.path / "README.md").read_text()
    assert "told redshift, beam and noise" in card and "sz_mass_bias" in card and "5 mJy" in card
    assert (model.path / "report" / "posteriors.png").stat().st_size > 10_000


def test_an_older_report_without_posteriors_is_read(model, tmp_path):
    values = json.loads((model.path / "report" / "metrics.json").read_text())
    del values["posteriors"]
    (tmp_path / "metrics.json").write_text(json.dumps(values))
    assert read_metrics(tmp_path / "metrics.json").posteriors is None


def test_masses_follow_the_clusters(told):
    found, true = np.asarray(told["M200c"], float), np.asarray(told["M200c_true"], float)
    assert np.all(np.isfinite(found))
    known = slice(0, 10)
    assert np.corrcoef(np.log(found[known]), np.log(true[known]))[0, 1] > 0.7
    assert np.all((told["M200c_p16"] < told["M200c"]) & (told["M200c"] < told["M200c_p84"]))


def test_the_noise_is_measured_where_nobody_states_it(estimate, told):
    masses = estimate()
    note = masses.meta["SZM_NOTE"]
    measured = float(note.split("noise was not given: ")[1].split()[0])
    assert measured == pytest.approx(8.0, rel=0.25)
    assert masses.meta["SZM_NOIS"] == measured
    np.testing.assert_allclose(masses["M200c"], told["M200c"], rtol=0.2)


def test_inverse_variances_tell_the_noise_of_each_row(estimate, told, sky):
    masses = estimate(ivar=sky / "field_ivar.fits")
    assert masses.meta["SZM_NOIS"] == "ivar" and "noise was not given" not in masses.meta["SZM_NOTE"]
    np.testing.assert_allclose(masses["M200c"], told["M200c"], rtol=0.05)


def test_noise_and_beam_beyond_the_training_are_flagged_or_refused(estimate):
    loud = estimate(noise=60.0)
    assert np.all((np.asarray(loud["szmass_flags"]) & Flag.NOISE_MISMATCH) != 0)
    inside = estimate(noise=8.0, beam=1.03)
    assert not np.any(np.asarray(inside["szmass_flags"]) & Flag.BEAM_MISMATCH)
    assert inside.meta["SZM_BEAM"] == 1.03
    with pytest.raises(InputError, match=r"wider than the 1\.04' that the model"):
        estimate(noise=8.0, beam=1.3)


def test_a_row_without_redshift_knows_less(estimate, told, sky):
    flags = np.asarray(told["szmass_flags"])
    np.testing.assert_array_equal((flags & Flag.NO_REDSHIFT) != 0, np.arange(12) >= 10)
    assert "2 of 12 rows have no redshift: marginalised" in told.meta["SZM_NOTE"]
    given = estimate("field_truth.csv", noise=8.0)
    width = [np.log(np.asarray(t["M200c_p84"]) / np.asarray(t["M200c_p16"])) for t in (told, given)]
    # in other company: the last digits may differ
    np.testing.assert_allclose(width[0][:10], width[1][:10], rtol=1e-6)
    assert np.all(np.abs(width[0][10:] - width[1][10:]) > 1e-3)


def test_another_prior_and_redshift_errors(estimate, told, sky):
    corrected = estimate(noise=8.0, prior="mass-function")
    np.testing.assert_allclose(corrected["M200c_uncorr"], told["M200c"], rtol=1e-6)
    assert np.all(np.asarray(corrected["M200c"]) < np.asarray(told["M200c"]))
    uncertain = Table.read(sky / "clusters.csv")
    uncertain["redshift_err"] = 0.1
    uncertain.write(sky / "uncertain.csv", overwrite=True)
    assert np.any(np.asarray(estimate("uncertain.csv", noise=8.0)["M200c"]) != np.asarray(told["M200c"]))


@pytest.mark.parametrize("block_rows", [1, 5])
def test_the_size_of_a_block_changes_no_bit(estimate, told, block_rows):
    masses = estimate(noise=8.0, block_rows=block_rows)
    for name in ("M200c", "M200c_p16", "sz_snr", "szmass_flags"):
        np.testing.assert_array_equal(masses[name], told[name], err_msg=name)


def test_info_shows_ranges_in_80_columns(model, szmass_fork, tmp_path):
    shown = szmass_fork("info", str(model.path), cwd=tmp_path)
    assert shown.code == 0 and max(map(len, shown.out.splitlines())) <= 80
    for words in ("1 to 1.04' FWHM", "3 to 30 µK-arcmin", "0.2 to 1.2", "posteriors beside"):
        assert words in shown.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("head: posterior, ", "instruments: only networks"),
        ("sky: {beam_fwhm_arcmin: 1.0, ", "sky.beam_fwhm_arcmin: 1 is outside of instruments"),
        ("noise_uk_arcmin: 8}", "sky.noise_uk_arcmin: 5 is outside"),
    ],
)
def test_sections_that_do_not_fit_each_other_are_named(change, words):
    kept = "sky: {" if change.startswith("sky") else "}" if change.endswith("}") else ""
    text = SURVEY.replace(change, kept)
    if "beam_fwhm" in change:
        text = text.replace("min_beam_fwhm_arcmin: 1.0", "min_beam_fwhm_arcmin: 1.02")
    if "noise" in change:
        text = text.replace("min_noise_uk_arcmin: 3", "min_noise_uk_arcmin: 6")
    with pytest.raises(ConfigError, match=words):
        parse_config(text, "survey.yaml")


def test_only_log_uniform_masses_and_mass_heads_of_one_redshift_are_trained(survey):
    uniform = parse_config(SURVEY.replace("kind: log_uniform, min_m200c", "kind: uniform, min_m200c"), "x")
    with pytest.raises(ConfigError, match=r"clusters\.masses: .* log_uniform"):
        check_calibration(uniform)
    mass_head = survey.model_copy(
        update={"network": survey.network.model_copy(update={"head": "mass"}), "instruments": None}
    )
    with pytest.raises(ConfigError, match=r"clusters\.redshift"):
        check_trainable(mass_head)
